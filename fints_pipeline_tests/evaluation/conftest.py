"""A made-up lake that was backtested, and its report."""

from pathlib import Path

import pytest

from fints_pipeline import backtest
from fints_pipeline_tests.evaluation.reports import REPORT, arguments
from fints_pipeline_tests.evaluation.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    root = tmp_path_factory.mktemp("world")
    world = World(root)
    with pytest.MonkeyPatch.context() as patch:
        # Never the user's own store: its runs would be looked for and linked.
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'mlflow.db'}")
        assert backtest.main(arguments(world)) == 0
    return world


@pytest.fixture
def folder(world: World) -> Path:
    return world.lake.open_bundle(REPORT)
