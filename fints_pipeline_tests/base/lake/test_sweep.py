from pathlib import Path

import pytest

from fints_pipeline.base.lake import BundleKey, Lake, fold_key, series_key
from fints_pipeline.base.lake.bundles import lock_name
from fints_pipeline.base.lake.lake import _lock_name

BARS = series_key("bars", "5m", "synthetic.EDGE", "2024-07")
PREDICTIONS = fold_key("predictions", "tiny", "2024-07-01")
MODEL = BundleKey.of("models", experiment="tiny", fold="2024-07-01", model="mlm")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake where writers of two tables and a bundle were killed."""
    for key in (BARS, PREDICTIONS):
        (tmp_path / key.folder).mkdir(parents=True)
        (tmp_path / key.folder / ".tmp-half").write_text("half")
    (tmp_path / MODEL.folder / ".tmp-half").mkdir(parents=True)
    (tmp_path / MODEL.folder / ".tmp-half" / "weights").write_text("half")
    return Lake(tmp_path)


def test_what_killed_writers_left_is_removed(lake: Lake):
    gone = lake.sweep()
    assert gone == sorted(
        lake.root / key.folder / ".tmp-half" for key in (BARS, PREDICTIONS, MODEL)
    )
    assert list(lake.root.rglob(".tmp-*")) == []


@pytest.mark.parametrize(
    ("key", "lock"),
    [
        (BARS, _lock_name(BARS)),
        (PREDICTIONS, _lock_name(PREDICTIONS)),
        (MODEL, lock_name(MODEL)),
    ],
    ids=["bars", "predictions", "model"],
)
def test_what_is_being_written_stays(lake: Lake, key, lock: str):
    with lake.store.locked(lock):
        lake.sweep()
        assert list(lake.root.rglob(".tmp-*")) == [lake.root / key.folder / ".tmp-half"]
    lake.sweep()
    assert list(lake.root.rglob(".tmp-*")) == []


def test_what_is_nobodys_is_left_alone(lake: Lake):
    (lake.root / "notes").mkdir()
    mine = lake.root / "notes" / ".tmp-mine"
    mine.write_text("mine")
    lake.sweep()
    assert list(lake.root.rglob(".tmp-*")) == [mine]
