"""`gc` on a lake in a bucket: what the dead left goes, what the living are at work on stays."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake import BundleKey, Lake, Lineage, leases
from fints_pipeline.base.lake.buckets import BucketStore
from fints_pipeline.base.lake.bundles import CURRENT, lock_name
from fints_pipeline.data.maintenance import collect, find_garbage
from fints_pipeline_tests.data.catalog.lakes import write_bars

pytestmark = [pytest.mark.slow, pytest.mark.server]

USED, UNUSED = "a" * 64, "b" * 64
MODEL = BundleKey.of("models", experiment="e", fold="2024-01-02", model="mlm")
NEVER = BundleKey.of("models", experiment="e", fold="2024-01-03", model="mlm")
BIG = f"{MODEL.folder}/0123-big/weights"


@pytest.fixture
def lake(bucket: str, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Return an empty lake in a bucket whose leases are short."""
    monkeypatch.setattr(leases, "LEASE_SECONDS", 2.0)
    return Lake(bucket)


@pytest.fixture
def store(lake: Lake) -> BucketStore:
    assert isinstance(lake.store, BucketStore)
    return lake.store


def write(text: str, files: int = 1) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        for number in range(files):
            (folder / f"w{number}").write_text(text)

    return fill


def put(store: BucketStore, path: PurePosixPath) -> None:
    with store.replacing(path) as local:
        local.write_text("x")


def present(store: BucketStore) -> set[str]:
    return {str(one.path) for one in store.contents(PurePosixPath())}


def begin_upload(store: BucketStore) -> None:
    """Upload one part, as who is killed while writing a large file."""
    where = {"Bucket": store.bucket, "Key": f"{store.prefix}/{BIG}"}
    begun = store.client.create_multipart_upload(**where)["UploadId"]
    store.client.upload_part(**where, UploadId=begun, PartNumber=1, Body=b"0" * 100)


def litter(lake: Lake, store: BucketStore) -> None:
    write_bars(lake, "x.A", "1m", "2023-01", lineage=Lineage("1", "", {f"archives/{USED}": USED}))
    for text in ("old", "new"):
        lake.write_bundle(MODEL, write(text, files=3), Lineage("1", "", {}))
    put(store, NEVER.folder / "0123-half" / "w")
    dead = store._leases.take(f"{store.prefix}/.locks/dead")
    dead._given_back.set()  # its thread ends as if its process had been killed
    begin_upload(store)
    for name in (USED, UNUSED):
        (lake.root / "staging" / name).mkdir(parents=True)


def test_what_the_dead_left_goes_and_nothing_else(lake: Lake, store: BucketStore) -> None:
    litter(lake, store)
    before = present(store)
    with store.locked("alive"):
        time.sleep(8)
        alive = {one for one in present(store) if one.startswith(".locks/alive/")}
        assert find_garbage(lake) == []  # nobody has been dead for an hour
        found = find_garbage(lake, min_age_hours=1 / 3600)
        assert present(store) == before | alive  # finding removes nothing
        assert collect(lake, min_age_hours=1 / 3600) == found
        assert {one for one in present(store) if one.startswith(".locks/alive/")} == alive
    kinds = sorted(one.kind for one in found)
    assert kinds == ["bundle version", "bundle version", "lock", "staged archive", "upload"]
    gone = {str(one.path) for one in found}
    lost = before - present(store)
    assert len(lost) == 4 + 1 + 1  # an old version with its manifest, a half one, a lock
    assert all(any(name.startswith(path) for path in gone) for name in lost)
    assert find_garbage(lake, min_age_hours=0) == []
    assert list(store.uploads()) == []
    assert (lake.open_bundle(MODEL) / "w0").read_text() == "new"
    assert [one.name for one in (lake.root / "staging").iterdir()] == [USED]


def test_a_writer_in_progress_is_waited_for(lake: Lake, store: BucketStore) -> None:
    lake.write_bundle(MODEL, write("old"), Lineage("1", "", {}))
    uploaded = threading.Event()

    def publish() -> None:
        with store.locked(lock_name(MODEL)):
            put(store, MODEL.folder / "0123-new" / "w")
            uploaded.set()
            time.sleep(5)
            with store.replacing(MODEL.folder / CURRENT) as local:
                local.write_text("0123-new")

    writer = threading.Thread(target=publish)
    writer.start()
    uploaded.wait()
    time.sleep(2)
    assert [one.path.name for one in find_garbage(lake, 1 / 3600)] == ["0123-new"]
    assert collect(lake, 1 / 3600) == []
    writer.join()
    assert store.exists(MODEL.folder / "0123-new" / "w")


def test_an_upload_that_goes_on_stays(lake: Lake, store: BucketStore) -> None:
    begin_upload(store)
    (upload,) = store.uploads()
    assert upload.size == 100
    time.sleep(4)
    where = {"Bucket": store.bucket, "Key": upload.key, "UploadId": upload.id}
    store.client.upload_part(**where, PartNumber=2, Body=b"0" * 100)
    assert collect(lake, min_age_hours=3 / 3600) == []
    assert [one.id for one in store.uploads()] == [upload.id]


DYING = """
import os, signal, sys
from fints_pipeline.base.lake import Lake, leases, objects
from fints_pipeline.data.maintenance import collect
leases.LEASE_SECONDS, objects.MOST_AT_ONCE = 2.0, 2
whole = objects.Objects._delete_at_once
def once(self, keys):
    whole(self, keys)
    os.kill(os.getpid(), signal.SIGKILL)
objects.Objects._delete_at_once = once
collect(Lake(sys.argv[1]), 1 / 3600)
"""


def test_what_a_killed_collection_left_goes_the_next_time(
    lake: Lake, store: BucketStore, bucket: str
) -> None:
    for text in ("old", "new"):
        lake.write_bundle(MODEL, write(text, files=5), Lineage("1", "", {}))
    before = present(store)
    time.sleep(2)
    assert subprocess.run([sys.executable, "-c", DYING, bucket]).returncode == -9
    bundles = {one for one in present(store) if one.startswith("bundles/")}
    assert len(before - bundles) == 2
    time.sleep(7)
    assert {one.kind for one in collect(lake, 1 / 3600)} == {"bundle version", "lock"}
    assert len(before - present(store)) == 6
    assert {one for one in present(store) if one.startswith(".locks/")} == set()
    assert (lake.open_bundle(MODEL) / "w0").read_text() == "new"


def test_who_lost_the_lock_removes_nothing(lake: Lake, store: BucketStore) -> None:
    put(store, NEVER.folder / "0123-half" / "w")
    with store.locked("bundle"):
        store._held[0]._renewed -= 10
        with pytest.raises(LakeError, match="the lock was lost"):
            store.remove_folder(NEVER.folder)
    assert store.exists(NEVER.folder / "0123-half" / "w")
