"""A made-up lake that was backtested, and its report."""

from pathlib import Path

import pytest

from fints_pipeline import backtest
from fints_pipeline_tests.evaluation.reports import REPORT, arguments
from fints_pipeline_tests.evaluation.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    world = World(tmp_path_factory.mktemp("world"))
    assert backtest.main(arguments(world)) == 0
    return world


@pytest.fixture
def folder(world: World) -> Path:
    return world.lake.open_bundle(REPORT)
