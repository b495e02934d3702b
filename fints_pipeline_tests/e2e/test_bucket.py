"""The whole pipeline on a lake in a bucket: digest for digest what a lake in a folder holds."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

import dagster as dg
import pytest

from fints_pipeline import pipeline
from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake import Lake, leases
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.catalog import DataCatalog
from fints_pipeline.data.maintenance import verify
from fints_pipeline.data.maintenance.bundle_files import manifests
from fints_pipeline.defs.reconcile import outdated
from fints_pipeline.evaluation import trials
from fints_pipeline_tests.e2e.conftest import point_at
from fints_pipeline_tests.servers.object_store import GUEST_KEY, GUEST_SECRET

pytestmark = [pytest.mark.slow, pytest.mark.server]
TABLES = ("raw_bars", "bars", "features", "labels", "tokens", "predictions")


def digests(lake: Lake) -> dict[str, str]:
    """Return the digest of every partition and bundle; reports name their lake and are left out."""
    found = {str(key): lake.footer(key).digest for table in TABLES for key in lake.keys(table)}
    published = manifests(lake).items()
    return found | {name: one.digest for name, one in published if not name.startswith("reports")}


def checks(instance: dg.DagsterInstance) -> dict[tuple[str, str, str], bool]:
    """Return what every check of every partition said last."""
    found = {}
    wanted = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    for run in instance.get_runs():
        for event in instance.all_logs(run.run_id, of_type=wanted):
            said = event.get_dagster_event().asset_check_evaluation_data
            key = (said.asset_key.to_user_string(), said.check_name, str(said.partition))
            found[key] = said.passed
    return found


@pytest.fixture
def in_bucket(
    run_once: Locations, bucket: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Locations:
    """Run the pipeline of `run_once` on a bucket that the environment names."""
    monkeypatch.setenv("FINTS_LAKE", bucket)
    monkeypatch.setenv("FINTS_INBOX", str(run_once.inbox))
    monkeypatch.setenv("FINTS_CONFIGS", str(run_once.configs))
    (tmp_path / "dagster").mkdir()
    shutil.copy(project / "dagster.yaml", tmp_path / "dagster")
    point_at(tmp_path, monkeypatch)
    pipeline.main(["--experiment", "tiny"])
    return Locations.from_environment()


def test_a_bucket_holds_what_a_folder_does(
    run_once: Locations, in_bucket: Locations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = digests(run_once.lake), digests(in_bucket.lake)
    assert theirs == ours
    assert {name.partition("/")[0] for name in ours} >= {*TABLES, "models", "backtests"}
    assert trials.read(in_bucket.lake) == trials.read(run_once.lake) != []
    with dg.DagsterInstance.get() as instance:
        said = checks(instance)
    point_at(run_once.configs.parent, monkeypatch)
    with dg.DagsterInstance.get() as instance:
        assert said == checks(instance)
    assert {name for _, name, _ in said} >= {"no_look_ahead", "training_span", "drift"}

    # Another machine, which has no copies yet, finds the same, and nothing to do.
    monkeypatch.setenv("FINTS_LAKE_CACHE", str(tmp_path / "another"))
    assert digests(in_bucket.lake) == ours
    assert list(outdated(in_bucket)) == []
    assert [one for one in verify(in_bucket.lake) if one.kind != "stale"] == []
    count = "SELECT count(*) AS n FROM bars_5m"
    counted = DataCatalog(in_bucket.lake).sql(count)["n"].to_pylist()
    assert counted == DataCatalog(run_once.lake).sql(count)["n"].to_pylist()


WRITER = """
import os, sys
import pyarrow as pa
from fints_pipeline.base.lake import ArrowContract, Lake, Lineage, leases, series_key
leases.LEASE_SECONDS = 3.0
lake = Lake(os.environ["FINTS_LAKE"])
rows = ArrowContract("rows", pa.schema([("n", pa.int64())]))
key = series_key("bars", "5m", "made.UP", "2024-01")
def more(before):
    count = 0 if before is None else before["n"][-1].as_py()
    return pa.table({"n": pa.array([count + 1] * (count + 1))})
for _ in range(int(sys.argv[1])):
    lake.update(key, more, rows, Lineage("1", "1"))
    print("written", flush=True)
"""


def writer(times: int) -> "subprocess.Popen[str]":
    """Start a process that reads and rewrites a partition so many times."""
    command = [sys.executable, "-c", WRITER, str(times)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ.copy())


def rows(lake: Lake) -> list[int]:
    """Return the partition's rows, which say how often it was written."""
    (key,) = lake.keys("bars")
    return [int(n) for n in lake.read(key)["n"].to_pylist()]


def test_two_processes_at_once_lose_nothing_and_a_killed_one_leaves_nothing_half_written(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINTS_LAKE", bucket)
    monkeypatch.setattr(leases, "LEASE_SECONDS", 3.0)
    with writer(5) as one, writer(5) as other:
        assert [process.wait(timeout=300) for process in (one, other)] == [0, 0]
    lake = Lake(bucket)
    assert rows(lake) == [10] * 10

    written = 10
    for patience in (0.0, 0.05, 0.2):
        with writer(1000) as victim:
            assert victim.stdout is not None
            assert victim.stdout.readline() == "written\n"
            time.sleep(patience)
            victim.send_signal(signal.SIGKILL)
        found = rows(lake)
        assert found == [len(found)] * len(found)
        assert len(found) > written
        written = len(found)
    with writer(1) as last:  # it gives up on the dead one's lock
        assert last.wait(timeout=300) == 0
    found = rows(lake)
    assert found == [len(found)] * len(found)
    assert len(found) > written


def test_a_refused_write_is_named_and_keeps_what_there_was(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = PurePosixPath("folder/file")

    def write(text: str) -> None:
        with Lake(bucket).store.replacing(path) as temporary:
            temporary.write_text(text)

    write("before")
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", GUEST_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", GUEST_SECRET)
        with pytest.raises(LakeError, match="AccessDenied") as caught:
            write("after")
        with pytest.raises(LakeError, match="AccessDenied"), Lake(bucket).store.locked("a lock"):
            pass
    assert "what was there is unchanged" in str(caught.value)
    assert Lake(bucket).store.fetch(path).read_text() == "before"


def test_copies_that_cannot_be_kept_are_named_and_keeps_what_there_was(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = PurePosixPath("folder/file")
    with Lake(bucket).store.replacing(path) as temporary:
        temporary.write_text("before")
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder of copies would be")
    with monkeypatch.context() as patch:
        patch.setenv("FINTS_LAKE_CACHE", str(blocked))
        with (
            pytest.raises(LakeError, match="cannot write"),
            Lake(bucket).store.replacing(path) as one,
        ):
            one.write_text("after")
    assert Lake(bucket).store.fetch(path).read_text() == "before"
