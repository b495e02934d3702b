"""What nothing in the lake refers to any more, and its removal."""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import LakeError, UserError
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.atomic import TEMPORARY_PREFIX, locked
from fints_pipeline.base.lake.bundles import CURRENT, lock_name
from fints_pipeline.base.lake.store import LOCKS, FolderStore
from fints_pipeline.data.catalog.inventory import Inventory, Partition
from fints_pipeline.data.maintenance.bundle_files import bundle_keys

MIN_AGE_HOURS = 1.0
"""How long nothing may have touched what is collected: a writer may still be at work on it."""

_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_PARTITION_LOCK = re.compile(r"^[0-9a-f]{32}\.lock$")
_STAGING_LOCK = "staging.lock"


@dataclass(frozen=True)
class Garbage:
    """Something that can go.

    Attributes:
        kind: What it is.
        path: Where it lies.
        size: Bytes.
        reason: Why nothing needs it.
        lock: The lock of the lake to hold while it goes, if any.
    """

    kind: str
    path: Path
    size: int
    reason: str
    lock: str | None = None


def find_garbage(lake: Lake, min_age_hours: float = MIN_AGE_HOURS) -> list[Garbage]:
    """Return what nothing refers to and nothing has touched for a while; removes nothing.

    Raises:
        LakeError: a partition is damaged, so that what it refers to is not known.
        UserError: the lake lies in a bucket.
    """
    if not isinstance(lake.store, FolderStore):
        raise UserError(
            "only a lake in a folder is collected: killed writers leave nothing in a bucket",
            where=lake.location,
            fix="let a lifecycle rule of the bucket end uploads that were never completed",
        )
    inventory = Inventory(lake)
    partitions = inventory.look()
    if inventory.damaged:
        path, reason = next(iter(sorted(inventory.damaged.items())))
        raise LakeError(
            f"{len(inventory.damaged)} damaged partitions: what they refer to is not known",
            where=f"{path}: {reason}",
            fix="mend what `python -m fints_pipeline.data verify` lists first",
        )
    latest = time.time() - min_age_hours * 3600
    found = [
        *_staged(lake, partitions),
        *_temporary(lake),
        *_locks(lake, partitions),
        *_bundle_versions(lake),
    ]
    return [one for one in found if _touched(one.path) <= latest]


def collect(lake: Lake, min_age_hours: float = MIN_AGE_HOURS) -> list[Garbage]:
    """Remove what `find_garbage` finds; return what is gone. A lock that someone holds stays.

    Staging waits meanwhile, so that no archive is read whose folder goes.

    Raises:
        LakeError: a partition is damaged, so that what it refers to is not known.
    """
    with locked(lake.root / LOCKS / _STAGING_LOCK):
        return [one for one in find_garbage(lake, min_age_hours) if _remove(lake, one)]


def _staged(lake: Lake, partitions: Iterable[Partition]) -> Iterator[Garbage]:
    inputs = {name for one in partitions for name in one.footer.lineage.inputs}
    for folder in _children(lake.root / "staging"):
        if _SHA256.match(folder.name) and f"archives/{folder.name}" not in inputs:
            yield Garbage("staged archive", folder, _size(folder), "no row comes from it")


def _temporary(lake: Lake) -> Iterator[Garbage]:
    for path in sorted(lake.root.rglob(f"{TEMPORARY_PREFIX}*")):
        if not any(parent.name.startswith(TEMPORARY_PREFIX) for parent in path.parents):
            yield Garbage("temporary", path, _size(path), "left by a killed process")


def _locks(lake: Lake, partitions: Iterable[Partition]) -> Iterator[Garbage]:
    needed = {f"{text_digest(str(one.key))}.lock" for one in partitions}
    for path in _children(lake.root / LOCKS):
        if _PARTITION_LOCK.match(path.name) and path.name not in needed:
            yield Garbage("lock", path, _size(path), "its partition does not exist")


def _bundle_versions(lake: Lake) -> Iterator[Garbage]:
    for key in bundle_keys(lake):
        home = lake.root / key.folder
        current = (home / CURRENT).read_text(encoding="utf-8").strip()
        if not (home / current).is_dir():
            continue  # damaged: an older version may be all that is left
        for folder in _children(home):
            is_version = folder.is_dir() and "=" not in folder.name
            if is_version and folder.name != current:
                reason = f"{key} has a newer one"
                yield Garbage("bundle version", folder, _size(folder), reason, lock_name(key))


def _remove(lake: Lake, one: Garbage) -> bool:
    if one.kind == "lock" and _is_held(one.path):
        return False
    if one.lock is not None:
        with lake.store.locked(one.lock):
            shutil.rmtree(one.path, ignore_errors=True)
    elif one.path.is_dir() and not one.path.is_symlink():
        shutil.rmtree(one.path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            one.path.unlink()
    return not one.path.exists()


def _is_held(path: Path) -> bool:
    try:
        with path.open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


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
