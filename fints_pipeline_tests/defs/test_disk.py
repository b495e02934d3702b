"""A full disk and a read-only one, on a small file system of the test's own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import series_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.instrument import Instrument
from fints_pipeline.defs.launch import Launcher
from fints_pipeline.defs.partitions import INSTRUMENTS
from fints_pipeline.defs.reconcile import instruments, outdated

EDGE = "synthetic.EDGE"


def mount(*options: str) -> None:
    done = subprocess.run(["mount", *options], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


def size(folder: Path) -> int:
    blocks = (-(-path.stat().st_size // 4096) for path in folder.rglob("*"))
    return 4096 * sum(blocks)


@pytest.fixture
def disk(locations: Locations, lakes: Path) -> Iterator[Path]:
    """Return a lake on a file system with room for its staged slices and one month's bars."""
    if os.geteuid():
        pytest.skip("only root can mount a file system")
    root = locations.lake_root
    root.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size(lakes / 'staged') + 700_000}", "lake", str(root))
    try:
        shutil.copytree(lakes / "staged", root, dirs_exist_ok=True)
        yield root
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


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
