import shutil
from pathlib import Path

import pytest

from fints_pipeline import pipeline
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.synthetic import make_market

CONFIGS = Path(__file__).parent / "configs"


def point_at(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Let Dagster and MLflow keep their records below ``root``."""
    patch.setenv("DAGSTER_HOME", str(root / "dagster"))
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'mlflow.db'}")


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Locations:
    """Run the pipeline on two months of one synthetic symbol."""
    root = tmp_path_factory.mktemp("e2e")
    locations = Locations(root / "lake", root / "inbox", root / "configs")
    shutil.copytree(project / "configs", locations.configs)
    shutil.copytree(CONFIGS, locations.configs, dirs_exist_ok=True)
    make_market(locations.inbox / "synthetic", first_month="2024-07", last_month="2024-08")
    (root / "dagster").mkdir()
    shutil.copy(project / "dagster.yaml", root / "dagster")
    with pytest.MonkeyPatch.context() as patch:
        point_at(root, patch)
        pipeline.run(locations, ["tiny"])
    return locations


@pytest.fixture
def finished(run_once: Locations, monkeypatch: pytest.MonkeyPatch) -> Locations:
    """Return the folders of a pipeline that has run, its instance and store at hand."""
    point_at(run_once.configs.parent, monkeypatch)
    return run_once
