import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from fints_pipeline.base.locations import Locations
from fints_pipeline.data.synthetic import make_market
from fints_pipeline.definitions import build


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Return a Dagster instance of the test's own."""
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def locations(tmp_path: Path, project: Path) -> Locations:
    """Return folders of the test's own, with a copy of the project's configs."""
    shutil.copytree(project / "configs", tmp_path / "configs")
    return Locations(tmp_path / "lake", tmp_path / "inbox", tmp_path / "configs")


@pytest.fixture
def market(locations: Locations) -> Locations:
    """Return the folders with two months of the synthetic market in the inbox."""
    make_market(locations.inbox / "synthetic", first_month="2024-07", last_month="2024-08")
    return locations


@pytest.fixture
def definitions(locations: Locations) -> dg.Definitions:
    """Return the code location over the test's folders."""
    return build(locations)
