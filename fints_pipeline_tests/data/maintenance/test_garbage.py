"""`gc` removes what nothing refers to, old enough, and nothing else."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake import BundleKey, Lake, Lineage, series_key
from fints_pipeline.base.lake.bundles import lock_name
from fints_pipeline.data.maintenance import collect, find_garbage
from fints_pipeline_tests.data.catalog.lakes import write_bars

USED, UNUSED = "a" * 64, "b" * 64
MODEL = BundleKey.of("models", experiment="e", fold="2024-01-02", model="mlm")

NEVER = BundleKey.of("models", experiment="e", fold="2024-01-03", model="mlm")


def age(root: Path, hours: float) -> None:
    moment = time.time() - hours * 3600
    for path in [root, *root.rglob("*")]:
        os.utime(path, (moment, moment))


def touch(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def littered(lake: Lake) -> Lake:
    lineage = Lineage("1", "", {f"archives/{USED}": USED})
    write_bars(lake, "test.AAA", "1m", "2023-01", lineage=lineage)
    for name in (USED, UNUSED):
        touch(lake.root / "staging" / name / "manifest.json")
    touch(lake.root / "staging" / "index.json")
    touch(lake.root / "quarantine" / f"{UNUSED}.json")
    touch(lake.root / "inbox" / "good.zip")
    folder = lake.path(series_key("bars", "1m", "test.AAA", "2023-01")).parent
    touch(folder / ".tmp-dead")
    touch(lake.root / "staging" / ".tmp-folder" / "x" / ".tmp-inner")
    touch(lake.root / ".locks" / f"{text_digest('bars/1m/gone/2023-01')}.lock")
    touch(lake.root / ".locks" / "staging.lock")
    lake.write_bundle(MODEL, lambda folder: touch(folder / "w"), Lineage("1", "", {}))
    touch(lake.root / MODEL.folder / "0123-old" / "w")
    touch(lake.root / MODEL.folder / "new" / "w")
    touch(lake.root / NEVER.folder / "0123-half" / "sub" / "w")
    touch(lake.root / ".locks" / f"{lock_name(NEVER)}.lock")
    (lake.root / NEVER.folder / "0124-half" / "sub").mkdir(parents=True)  # of a killed `gc`
    age(lake.root, hours=2)
    return lake


def litter(lake: Lake) -> set[str]:
    return {str(one.path) for one in find_garbage(lake)}


def expected(lake: Lake) -> set[str]:
    lock = text_digest("bars/1m/gone/2023-01")
    return {
        f"staging/{UNUSED}",
        "bars/freq=1m/instrument=test%2EAAA/month=2023-01/.tmp-dead",
        "staging/.tmp-folder",
        f".locks/{lock}.lock",
        f"{MODEL.folder}/0123-old",
        f"{MODEL.folder}/new",
        f"{NEVER.folder}/0123-half",
        f"{NEVER.folder}/0124-half",
    }


def test_a_dry_run_lists_just_what_nothing_refers_to_and_removes_nothing(littered: Lake):
    before = sorted(littered.root.rglob("*"))
    assert litter(littered) == expected(littered)
    assert sorted(littered.root.rglob("*")) == before


def test_collect_removes_it_and_nothing_else(littered: Lake):
    before = {path for path in littered.root.rglob("*") if path.is_file()}
    gone = {littered.root / name for name in expected(littered)}
    assert {littered.root / one.path for one in collect(littered)} == gone
    after = {path for path in littered.root.rglob("*") if path.is_file()}
    lost = {path for path in before if path in gone or gone & set(path.parents)}
    assert after == before - lost
    assert find_garbage(littered) == []
    assert (littered.open_bundle(MODEL) / "w").read_text() == "x"


def test_what_was_touched_lately_stays(littered: Lake):
    touch(littered.root / "staging" / UNUSED / "taken-x.json")
    touch(littered.root / MODEL.folder / "new" / "w")
    left = {f"staging/{UNUSED}", f"{MODEL.folder}/new"}
    assert litter(littered) == expected(littered) - left


def test_a_held_lock_stays(littered: Lake):
    path = littered.root / ".locks" / f"{text_digest('bars/1m/gone/2023-01')}.lock"
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert path not in {littered.root / one.path for one in collect(littered)}
    assert path.exists()


def test_nothing_is_collected_while_a_partition_is_damaged(littered: Lake):
    path = littered.path(series_key("bars", "1m", "test.AAA", "2023-01"))
    path.write_bytes(b"PAR1")
    with pytest.raises(LakeError, match="what they refer to is not known"):
        collect(littered)


def test_a_bundle_whose_current_version_is_lost_keeps_its_older_ones(littered: Lake):
    (littered.root / MODEL.folder / "current").write_text("nowhere")
    age(littered.root, hours=2)
    assert not any(name.startswith(str(MODEL.folder)) for name in litter(littered))


def test_a_version_that_was_replaced_lately_stays(littered: Lake):
    (littered.root / MODEL.folder / "current").touch()
    assert not any(name.startswith(str(MODEL.folder)) for name in litter(littered))
    assert any(name.startswith(str(NEVER.folder)) for name in litter(littered))


def test_a_version_that_is_published_again_meanwhile_stays(lake: Lake):
    for text in ("old", "new"):
        lake.write_bundle(MODEL, writing(text), Lineage("1", "", {}))
    age(lake.root, hours=2)
    (found,) = (one for one in find_garbage(lake) if one.kind == "bundle version")
    lake.write_bundle(MODEL, writing("old"), Lineage("1", "", {}))
    assert not found.remove()
    assert (lake.open_bundle(MODEL) / "w").read_text() == "old"


def writing(text: str) -> Callable[[Path], None]:
    return lambda folder: touch(folder / "w", text)


def test_a_lock_is_held_while_its_file_goes(littered: Lake, monkeypatch: pytest.MonkeyPatch):
    path = littered.root / ".locks" / f"{text_digest('bars/1m/gone/2023-01')}.lock"
    unlink = Path.unlink
    held = []

    def look(self: Path, missing_ok: bool = False) -> None:
        if self == path:
            with self.open("a") as stream, pytest.raises(BlockingIOError):
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held.append(self)
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", look)
    collect(littered)
    assert held == [path]
