"""Versions of bundles that are not the published one: replaced, or never published."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath

from fints_pipeline.base.lake import BundleKey, Lake
from fints_pipeline.base.lake.atomic import TEMPORARY_PREFIX
from fints_pipeline.base.lake.bundles import CURRENT, lock_name
from fints_pipeline.base.lake.store import Stored
from fints_pipeline.data.maintenance.bundle_files import FOLDER, key_of
from fints_pipeline.data.maintenance.garbage import Garbage


@dataclass
class _Home:
    """What lies in one bundle's folder: when `current` was written, and each version's files."""

    published: float | None = None
    versions: dict[str, list[Stored]] = field(default_factory=lambda: defaultdict(list))


def find(lake: Lake, min_age: float) -> Iterator[Garbage]:
    """Yield the versions that can go.

    A version counts as touched when a newer one took its place: who opened it before may still be
    reading. Where the published version is lost, all others stay.

    Args:
        lake: The lake.
        min_age: Seconds for which nothing may have touched a version.
    """
    before = lake.store.now() - min_age
    for folder, home in sorted(_homes(lake).items()):
        key = key_of(folder)
        current = _current(lake, folder)
        if key is None or (current is not None and current not in home.versions):
            continue
        reason = f"{key} was never published" if current is None else f"{key} has a newer one"
        for version, files in sorted(home.versions.items()):
            touched = max(home.published or 0.0, *(one.touched for one in files))
            if version != current and touched <= before:
                remove = partial(_remove, lake, key, version, before)
                size = sum(one.size for one in files)
                yield Garbage("bundle version", folder / version, size, reason, remove)


def _homes(lake: Lake) -> dict[PurePosixPath, _Home]:
    found: dict[PurePosixPath, _Home] = defaultdict(_Home)
    for one in lake.store.contents(PurePosixPath(FOLDER)):
        parts = one.path.parts
        depth = next((at for at in range(2, len(parts)) if "=" not in parts[at]), len(parts))
        folder, inside = PurePosixPath(*parts[:depth]), parts[depth:]
        if inside == (CURRENT,):
            found[folder].published = one.touched
        elif inside and one.path != folder / inside[0] and not _is_temporary(inside[0]):
            found[folder].versions[inside[0]].append(one)
    return found


def _is_temporary(name: str) -> bool:
    return name.startswith(TEMPORARY_PREFIX)


def _current(lake: Lake, home: PurePosixPath) -> str | None:
    try:
        return lake.store.fetch(home / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


def _remove(lake: Lake, key: BundleKey, version: str, before: float) -> bool:
    """Remove a version unless a writer, whose lock this waits for, has taken it up again."""
    where = key.folder / version
    with lake.store.locked(lock_name(key)):
        left = list(lake.store.contents(where))
        is_wanted = _current(lake, key.folder) == version
        if is_wanted or any(one.touched > before for one in left):
            return False
        lake.store.remove_folder(where)
        return not any(lake.store.contents(where))
