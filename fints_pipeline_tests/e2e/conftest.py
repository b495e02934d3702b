import io
import shutil
import tarfile
from pathlib import Path

import pytest

from fints_pipeline import pipeline
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.synthetic import make_market

CONFIGS = Path(__file__).parent / "configs"


TWEET = b'{"text": ["strong", "growth"], "created_at": "Thu Aug 01 13:30:00 +0000 2024"}'


def bring_from_outside(locations: Locations) -> None:
    """Put a series and a tweet about EDGE into the inbox, and let news be counted on bars."""
    days = [f"2024-08-{day:02d},1,1,1,{day}" for day in range(1, 31)]
    table = "\n".join(["DATE,OPEN,HIGH,LOW,CLOSE", *days, ""])
    (locations.inbox / "vix-made-up.csv").write_text(table, encoding="utf-8")
    with tarfile.open(locations.inbox / "news.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("tweets/EDGE/2024-08-01")
        member.size = len(TWEET)
        archive.addfile(member, io.BytesIO(TWEET))
    config = locations.configs / "data" / "synthetic.yaml"
    config.write_text(config.read_text() + "\nnews:\n  - {source: stocknet}\n")


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
    bring_from_outside(locations)
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
