"""A full disk and a read-only one, on a small file system of the test's own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import series_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.instrument import Instrument
from fints_pipeline.defs.launch import Launcher
from fints_pipeline.defs.partitions import INSTRUMENTS
from fints_pipeline.defs.reconcile import instruments, outdated
from fints_pipeline_tests.disks import mount, small_disk

EDGE = "synthetic.EDGE"


def size(folder: Path) -> int:
    blocks = (-(-path.stat().st_size // 4096) for path in folder.rglob("*"))
    return 4096 * sum(blocks)


@pytest.fixture
def disk(locations: Locations, lakes: Path) -> Iterator[Path]:
    """Return a lake on a file system with room for its staged slices and one month's bars."""
    root = locations.lake_root
    with small_disk(root, size(lakes / "staged") + 700_000):
        shutil.copytree(lakes / "staged", root, dirs_exist_ok=True)
        yield root


@pytest.fixture
def launcher(instance, locations, definitions, disk) -> Launcher:
    instance.add_dynamic_partitions(INSTRUMENTS.name, instruments(locations.lake))
    return Launcher(instance, definitions)


def test_a_full_disk_is_named_and_keeps_what_there_was(locations, disk, launcher):
    with pytest.raises(UserError, match="No space left on device") as error:
        launcher.refresh(EDGE, "2024-07", "2024-08")
    assert "the earlier content is unchanged" in str(error.value)
    assert list(disk.rglob(".tmp-*")) == []
    raw = series_key("raw_bars", "1m", EDGE, "2024-07")
    assert locations.lake.read(raw).num_rows == locations.lake.footer(raw).rows
    for table in ("bars", "features", "labels", "tokens"):
        for key in locations.lake.keys(table):
            assert locations.lake.read(key).num_rows == locations.lake.footer(key).rows

    mount("-o", "remount,size=64M", str(disk))
    launcher.refresh(EDGE, "2024-07", "2024-08")
    assert list(outdated(locations, [EDGE])) == []


def test_a_read_only_lake_is_named_and_keeps_what_there_was(locations, disk, launcher):
    mount("-o", "remount,size=64M", str(disk))
    launcher.refresh(EDGE, "2024-07", "2024-07")
    before = Instrument(locations, EDGE).stale("bars", "2024-07")
    mount("-o", "remount,ro", str(disk))
    with pytest.raises(UserError, match="Read-only file system"):
        launcher.refresh(EDGE, "2024-07", "2024-08")
    assert Instrument(locations, EDGE).stale("bars", "2024-07") == before == ()
    mount("-o", "remount,rw", str(disk))
    launcher.refresh(EDGE, "2024-07", "2024-08")
    assert list(outdated(locations, [EDGE])) == []


@pytest.fixture
def home(tmp_path: Path, project: Path) -> Iterator[Path]:
    """Return a Dagster home that has been used, on a file system of its own."""
    folder = tmp_path / "home"
    with small_disk(folder, 8_000_000):
        shutil.copy(project / "dagster.yaml", folder)
        assert used(folder).returncode == 0
        yield folder


def used(home: Path) -> subprocess.CompletedProcess[str]:
    """Let a command write into a home, and return what became of it."""
    return subprocess.run(
        [sys.executable, "-c", _USE],
        env={**os.environ, "DAGSTER_HOME": str(home)},
        capture_output=True,
        text=True,
    )


_USE = """
import sys
from dagster._core.test_utils import create_run_for_test
from fints_pipeline.base import cli
from fints_pipeline.defs.home import opened_instance
def main(argv=None):
    with opened_instance() as instance:
        for _ in range(50):
            create_run_for_test(instance, tags={"filling": "x" * 10_000})
sys.exit(cli.run(main))
"""


def fill(folder: Path) -> None:
    with (folder / "filling").open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(b"0" * 4096)


@pytest.mark.parametrize(
    ("what", "is_new"),
    [
        ("full", False),
        pytest.param("full", True, marks=pytest.mark.slow),
        pytest.param("read-only", False, marks=pytest.mark.slow),
        pytest.param("read-only", True, marks=pytest.mark.slow),
    ],
)
def test_a_dagster_home_that_takes_nothing_is_named(home: Path, what: str, is_new: bool):
    if is_new:
        for path in home.iterdir():
            if path.name != "dagster.yaml":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    if what == "full":
        fill(home)
    else:
        mount("-o", "remount,ro", str(home))
    done = used(home)
    assert done.returncode == 2, done.stderr
    assert "Dagster cannot keep its records" in done.stderr
    assert str(home) in done.stderr
    assert "Traceback" not in done.stderr
    mount("-o", "remount,rw", str(home))
    (home / "filling").unlink(missing_ok=True)
    assert used(home).returncode == 0
