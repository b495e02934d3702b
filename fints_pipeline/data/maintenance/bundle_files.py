"""The bundles of a lake by the files that name their current versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import BundleKey, BundleManifest, Lake
from fints_pipeline.base.lake.bundles import CURRENT
from fints_pipeline.base.lake.keys import decode_part

FOLDER = "bundles"


def bundle_keys(lake: Lake) -> Iterator[BundleKey]:
    """Yield every bundle's key; a folder counts once its first version is published."""
    for current in lake.store.files(PurePosixPath(FOLDER), CURRENT):
        if (key := key_of(current.parent)) is not None:
            yield key  # else a file of that name inside a bundle


def key_of(home: PurePosixPath) -> BundleKey | None:
    """Return the key of the bundle in a folder; None if the folder is no bundle's."""
    kind, *parts = home.parts[1:] or ("",)
    pairs = [part.partition("=") for part in parts]
    if not pairs or not all(separator for _, separator, _ in pairs):
        return None
    values = tuple((name, decode_part(value)) for name, _, value in pairs)
    return BundleKey(decode_part(kind), values)


def manifests(lake: Lake) -> dict[str, BundleManifest]:
    """Return the manifest of every published bundle that has a readable one, by its name."""
    found = {}
    for key in bundle_keys(lake):
        try:
            found[str(key)] = lake.bundle_manifest(key)
        except UserError:
            continue  # `verify` lists it as damaged
    return found
