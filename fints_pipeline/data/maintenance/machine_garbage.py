"""Garbage on this machine: staged archives, temporary files, and a folder's locks."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path, PurePosixPath

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.atomic import TEMPORARY_PREFIX, locked
from fints_pipeline.base.lake.store import LOCKS, FolderStore
from fints_pipeline.data.catalog.inventory import Inventory, Partition
from fints_pipeline.data.maintenance.garbage import Garbage

_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_PARTITION_LOCK = re.compile(r"^[0-9a-f]{32}\.lock$")


def find(lake: Lake, min_age: float) -> Iterator[Garbage]:
    """Yield what this machine can do without.

    Args:
        lake: The lake; of one in a bucket, the folder of its copies is looked at.
        min_age: Seconds for which nothing may have touched it.

    Raises:
        LakeError: a partition is damaged, so that what it refers to is not known.
    """
    before = time.time() - min_age
    is_here = isinstance(lake.store, FolderStore)
    staged = [one for one in _staged(lake.root) if _touched(one) <= before]
    partitions = _sound(lake) if staged or is_here else []
    yield from _unused(lake.root, staged, partitions)
    yield from (one for one in _temporary(lake.root) if _touched(lake.root / one.path) <= before)
    if is_here:
        yield from (
            one for one in _locks(lake.root, partitions) if _touched(lake.root / one.path) <= before
        )


def staging_waits(lake: Lake) -> AbstractContextManager[None]:
    """Keep this machine's staging from working meanwhile."""
    return locked(lake.root / LOCKS / "staging.lock")


def _sound(lake: Lake) -> list[Partition]:
    inventory = Inventory(lake)
    partitions = inventory.look()
    if inventory.damaged:
        path, reason = next(iter(sorted(inventory.damaged.items())))
        raise LakeError(
            f"{len(inventory.damaged)} damaged partitions: what they refer to is not known",
            where=f"{path}: {reason}",
            fix="mend what `python -m fints_pipeline.data verify` lists first",
        )
    return partitions


def _staged(root: Path) -> list[Path]:
    return [one for one in _children(root / "staging") if _SHA256.match(one.name)]


def _unused(
    root: Path, staged: Iterable[Path], partitions: Iterable[Partition]
) -> Iterator[Garbage]:
    inputs = {name for one in partitions for name in one.footer.lineage.inputs}
    for folder in staged:
        if f"archives/{folder.name}" not in inputs:
            yield _garbage("staged archive", root, folder, "no row comes from it")


def _temporary(root: Path) -> Iterator[Garbage]:
    for path in sorted(root.rglob(f"{TEMPORARY_PREFIX}*")):
        if not any(parent.name.startswith(TEMPORARY_PREFIX) for parent in path.parents):
            yield _garbage("temporary", root, path, "left by a killed process")


def _locks(root: Path, partitions: Iterable[Partition]) -> Iterator[Garbage]:
    needed = {f"{text_digest(str(one.key))}.lock" for one in partitions}
    for path in _children(root / LOCKS):
        if _PARTITION_LOCK.match(path.name) and path.name not in needed:
            yield _garbage("lock", root, path, "its partition does not exist")


def _garbage(kind: str, root: Path, path: Path, reason: str) -> Garbage:
    where = PurePosixPath(path.relative_to(root).as_posix())
    return Garbage(kind, where, _size(path), reason, partial(_remove, path))


def _remove(path: Path) -> bool:
    """Remove a file or folder unless a process has locked it; a lock goes while it is held here."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return not path.exists()


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _touched(path: Path) -> float:
    """Return when a file, or anything in a folder, was written last."""
    try:
        inside = path.rglob("*") if path.is_dir() else ()
        return max(float(each.lstat().st_mtime) for each in (path, *inside))
    except OSError:
        return time.time()


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)
