"""The bundles of a lake by walking its folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import BundleKey, BundleManifest, Lake
from fints_pipeline.base.lake.bundles import CURRENT
from fints_pipeline.base.lake.keys import decode_part

FOLDER = "bundles"


def bundle_homes(lake: Lake) -> Iterator[tuple[BundleKey, Path]]:
    """Yield every bundle's key and folder; a folder counts once its first version is published."""
    root = lake.root / FOLDER
    for current in sorted(root.rglob(CURRENT)):
        parts = current.parent.relative_to(root).parts
        pairs = [part.partition("=") for part in parts[1:]]
        if not pairs or not all(separator for _, separator, _ in pairs):
            continue  # a file of that name inside a bundle
        values = tuple((name, decode_part(value)) for name, _, value in pairs)
        yield BundleKey(decode_part(parts[0]), values), current.parent


def manifests(lake: Lake) -> dict[str, BundleManifest]:
    """Return the manifest of every published bundle that has a readable one, by its name."""
    found = {}
    for key, _ in bundle_homes(lake):
        try:
            found[str(key)] = lake.bundle_manifest(key)
        except UserError:
            continue  # `verify` lists it as damaged
    return found
