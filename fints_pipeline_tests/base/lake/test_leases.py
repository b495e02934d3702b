import threading
import time
from pathlib import PurePosixPath

import pytest

from fints_pipeline.base.errors import ConfigError, LakeError
from fints_pipeline.base.lake import Lake, leases
from fints_pipeline.base.lake.buckets import BucketStore, open_bucket

pytestmark = [pytest.mark.slow, pytest.mark.server]


@pytest.fixture
def store(bucket: str, monkeypatch: pytest.MonkeyPatch) -> BucketStore:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 2.0)
    return open_bucket(bucket)


def test_one_holder_at_a_time(store: BucketStore) -> None:
    inside: list[int] = []
    most = 0

    def work(number: int) -> None:
        nonlocal most
        for _ in range(4):
            with store.locked("one"):
                inside.append(number)
                most = max(most, len(inside))
                time.sleep(0.01)
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_lease_outlives_a_dead_holder_by_seconds(store: BucketStore) -> None:
    dead = store._leases.take("fints/.locks/two")
    dead._given_back.set()  # its thread ends as if its process had been killed: nothing is released
    started = time.monotonic()
    with store.locked("two"):
        waited = time.monotonic() - started
    assert 2.0 < waited < 10


def test_a_live_holder_keeps_its_lock_beyond_the_lease(store: BucketStore) -> None:
    entered = threading.Event()

    def wait() -> None:
        with store.locked("three"):
            entered.set()

    with store.locked("three"):
        other = threading.Thread(target=wait)
        other.start()
        assert not entered.wait(5.0)
    other.join()
    assert entered.is_set()


def test_who_lost_the_lock_writes_nothing(store: BucketStore) -> None:
    with store.locked("four"):
        store._held[0]._renewed -= 10
        with pytest.raises(LakeError, match="the lock was lost"), store.replacing(_FILE) as path:
            path.write_text("late")
    assert not store.exists(_FILE)


_FILE = PurePosixPath("folder/file")


def test_copies_follow_the_bucket(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    here = open_bucket(bucket)
    monkeypatch.setenv("FINTS_LAKE_CACHE", str(tmp_path / "elsewhere"))
    there = open_bucket(bucket)
    for text in ("first", "second"):
        with here.replacing(_FILE) as path:
            path.write_text(text)
        assert there.fetch(_FILE).read_text() == text
    here.remove_folder(_FILE.parent)
    there.refresh(_FILE.parent)
    assert not (there.root / _FILE).exists()
    with pytest.raises(FileNotFoundError):
        there.fetch(_FILE)


def test_wrong_credentials_are_explained(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    with pytest.raises(LakeError, match="the object store did not do it") as caught:
        Lake(bucket).months("bars", "5m", "x.Y")
    assert "credentials" in str(caught.value)


def test_an_address_without_a_bucket_is_refused() -> None:
    with pytest.raises(ConfigError, match="names no bucket"):
        Lake("s3://")


def test_who_waits_for_a_lease_is_told_once(store: BucketStore) -> None:
    told: list[int] = []

    def wait() -> None:
        with store.locked("five", lambda: told.append(1)):
            pass

    with store.locked("five", lambda: pytest.fail("nobody had it")):
        other = threading.Thread(target=wait)
        other.start()
        deadline = time.monotonic() + 30
        while not told and time.monotonic() < deadline:
            time.sleep(0.05)
    other.join(30)
    assert told == [1]
