import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from fints_pipeline.base.locations import Locations
from fints_pipeline.data.synthetic import make_market
from fints_pipeline.definitions import build
from fints_pipeline.defs.launch import Launcher
from fints_pipeline.defs.partitions import INSTRUMENTS
from fints_pipeline.defs.reconcile import instruments


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


@pytest.fixture(scope="session")
def lakes(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """Return a folder with an inbox, a lake where it is staged, and one where EDGE is made too."""
    root = tmp_path_factory.mktemp("lakes")
    make_market(root / "inbox" / "synthetic", first_month="2024-07", last_month="2024-08")
    locations = Locations(root / "built", root / "inbox", project / "configs")
    with dg.instance_for_test() as instance:
        launcher = Launcher(instance, build(locations))
        launcher.ingest()
        shutil.copytree(locations.lake_root, root / "staged")
        launcher.refresh("synthetic.EDGE", "2024-07", "2024-08")
    return root


@pytest.fixture
def staged(
    instance: dg.DagsterInstance, locations: Locations, definitions: dg.Definitions, lakes: Path
) -> Launcher:
    """Return a launcher over a lake where two months of the synthetic market are staged."""
    return _over("staged", instance, locations, definitions, lakes)


@pytest.fixture
def made(
    instance: dg.DagsterInstance, locations: Locations, definitions: dg.Definitions, lakes: Path
) -> Launcher:
    """Return a launcher over a lake where EDGE's two months are made, of which it knows nothing."""
    return _over("built", instance, locations, definitions, lakes)


def _over(
    name: str,
    instance: dg.DagsterInstance,
    locations: Locations,
    definitions: dg.Definitions,
    lakes: Path,
) -> Launcher:
    shutil.copytree(lakes / name, locations.lake_root)
    instance.add_dynamic_partitions(INSTRUMENTS.name, instruments(locations.lake))
    return Launcher(instance, definitions)
