import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fints_pipeline import pipeline
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.synthetic import make_market

CONFIGS = Path(__file__).parent / "configs"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[Locations]:
    """Return the folders of a pipeline that has run on two months of one synthetic symbol."""
    root = tmp_path_factory.mktemp("e2e")
    locations = Locations(root / "lake", root / "inbox", root / "configs")
    shutil.copytree(project / "configs", locations.configs)
    shutil.copytree(CONFIGS, locations.configs, dirs_exist_ok=True)
    make_market(locations.inbox / "synthetic", first_month="2024-07", last_month="2024-08")
    (root / "dagster").mkdir()
    shutil.copy(project / "dagster.yaml", root / "dagster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(root / "dagster"))
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'mlflow.db'}")
        pipeline.run(locations, ["tiny"])
        yield locations
