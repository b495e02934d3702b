"""Bundles: folders of files (a model, a vocabulary, a report) published as one.

On disk: ``bundles/<kind>/<part>=<value>/…/<version>/`` holds the files and ``manifest.json``; a
small ``current`` file beside the version folders names the published one and is replaced
atomically. A version's name comes from its content and lineage: publishing the same again changes
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fints_pipeline.base.digest import file_sha256, text_digest
from fints_pipeline.base.errors import KeyNotFoundError, LakeError
from fints_pipeline.base.lake.footer import Lineage
from fints_pipeline.base.lake.keys import hive_folder
from fints_pipeline.base.lake.store import Store

MANIFEST = "manifest.json"
CURRENT = "current"


@dataclass(frozen=True)
class BundleKey:
    """One bundle: its kind (``models``, ``reports`` …) and its (name, value) parts."""

    kind: str
    parts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, kind: str, **parts: str) -> BundleKey:
        """Return ``BundleKey.of("models", experiment="demo", fold="2024-01-02", model="mlm")``."""
        return cls(kind, tuple(parts.items()))

    @property
    def folder(self) -> PurePosixPath:
        """The bundle's folder, relative to the lake's root."""
        return PurePosixPath("bundles") / hive_folder(self.kind, self.parts)

    def __str__(self) -> str:
        """Return for example ``models/demo/2024-01-02/mlm``, as lineage spells it."""
        return "/".join((self.kind, *(value for _, value in self.parts)))


@dataclass(frozen=True)
class BundleManifest:
    """What a bundle holds.

    Attributes:
        digest: Over the files' names and digests; the data version.
        files: SHA-256 of each file, by its path in the bundle.
        lineage: Where the bundle comes from.
    """

    digest: str
    files: Mapping[str, str]
    lineage: Lineage = field(default_factory=lambda: Lineage("", ""))

    def to_json(self) -> str:
        """Return the manifest as JSON with sorted keys."""
        content = {**self.__dict__, "lineage": self.lineage.__dict__}
        return json.dumps(content, sort_keys=True, indent=1, default=dict)

    @classmethod
    def from_json(cls, text: str, where: str) -> BundleManifest:
        """Parse what `to_json` wrote, or raise `LakeError`."""
        try:
            content = json.loads(text)
            lineage = Lineage(**content.pop("lineage"))
            return cls(lineage=lineage, **content)
        except (ValueError, TypeError, KeyError) as error:
            raise LakeError(f"the manifest is damaged: {error}", where=where) from None


def lock_name(key: BundleKey) -> str:
    """Return the name of the lock that who writes the bundle holds."""
    return f"bundle-{text_digest(str(key))}"


def write_bundle(
    store: Store, key: BundleKey, writer: Callable[[Path], None], lineage: Lineage
) -> BundleManifest:
    """Let ``writer`` fill an empty folder, then publish it in one step.

    When ``writer`` raises, what was published before stays.
    """
    with store.locked(lock_name(key)), store.scratch(key.folder / "new") as made:
        writer(made)
        manifest = _describe(made, lineage)
        (made / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        version = key.folder / _version(manifest)
        if not _is_whole(store, version, manifest):
            store.remove_folder(version)
            store.publish_folder(made, version)
        with store.replacing(key.folder / CURRENT) as current:
            current.write_text(version.name, encoding="utf-8")
        _prune(store, version)
    return manifest


def open_bundle(store: Store, key: BundleKey) -> Path:
    """Return a local folder with the published bundle after checking every file's SHA-256.

    Raises:
        KeyNotFoundError: nothing was published under ``key``.
        LakeError: a file is missing or damaged.
    """
    version, manifest = _current(store, key)
    folder = store.fetch_folder(version, list(manifest.files))
    damaged = _damaged_file(folder, manifest)
    if damaged is not None and store.forget(version):
        folder = store.fetch_folder(version, list(manifest.files))
        damaged = _damaged_file(folder, manifest)
    if damaged is not None:
        raise LakeError(
            "a file is missing or differs from its digest",
            where=store.uri(version / damaged),
            fix=f"materialise {key} again",
        )
    return folder


def read_manifest(store: Store, key: BundleKey) -> BundleManifest:
    """Return the manifest of the published bundle, or raise `KeyNotFoundError`."""
    return _current(store, key)[1]


def _version(manifest: BundleManifest) -> str:
    return f"{manifest.digest[:16]}-{manifest.lineage.digest[:8]}"


def _is_whole(store: Store, version: PurePosixPath, manifest: BundleManifest) -> bool:
    """Return whether just this version lies there already, undamaged."""
    if not store.exists(version / MANIFEST):
        return False
    store.forget(version)
    return _damaged_file(store.fetch_folder(version, list(manifest.files)), manifest) is None


def _damaged_file(folder: Path, manifest: BundleManifest) -> str | None:
    for name, sha256 in manifest.files.items():
        path = folder / name
        if not path.is_file() or file_sha256(path) != sha256:
            return name
    return None


def _describe(folder: Path, lineage: Lineage) -> BundleManifest:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): file_sha256(path) for path in paths}
    digest = text_digest(*(f"{name}={sha256}" for name, sha256 in files.items()))
    return BundleManifest(digest, files, lineage)


def _current(store: Store, key: BundleKey) -> tuple[PurePosixPath, BundleManifest]:
    try:
        name = store.fetch(key.folder / CURRENT).read_text(encoding="utf-8").strip()
        where = key.folder / name / MANIFEST
        text = store.fetch(where).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KeyNotFoundError(
            f"{key} does not exist in the lake",
            where=store.uri(key.folder),
            fix=f"materialise {key} first",
        ) from None
    return where.parent, BundleManifest.from_json(text, store.uri(where))


def _prune(store: Store, keep: PurePosixPath) -> None:
    """Remove all versions but the current one and the one before, which may still be read."""
    others = [name for name in store.oldest_first(keep.parent) if name != keep.name]
    for name in others[:-1]:
        store.remove_folder(keep.parent / name)
