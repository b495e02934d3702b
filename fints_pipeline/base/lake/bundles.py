"""Bundles: folders of files (a model, a vocabulary, a report) published as one.

On disk: ``bundles/<kind>/<part>=<value>/…/<version>/`` holds the files and ``manifest.json``; a
small ``current`` file beside the version folders names the published one and is replaced
atomically. A version's name comes from its content and lineage: publishing the same again changes
nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fints_pipeline.base.digest import file_sha256, text_digest
from fints_pipeline.base.errors import KeyNotFoundError, LakeError
from fints_pipeline.base.lake.atomic import locked, publishing_folder, write_text
from fints_pipeline.base.lake.footer import Lineage
from fints_pipeline.base.lake.keys import hive_folder

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


def write_bundle(
    root: Path, key: BundleKey, writer: Callable[[Path], None], lineage: Lineage
) -> BundleManifest:
    """Let ``writer`` fill an empty folder, then publish it in one step.

    When ``writer`` raises, what was published before stays.
    """
    home = root / key.folder
    home.mkdir(parents=True, exist_ok=True)
    staging = home / "new"
    with locked(home / ".lock"):
        manifest = _publish(home, staging, writer, lineage)
        write_text(home / CURRENT, _version(manifest))
        _prune(home, keep=_version(manifest))
    return manifest


def open_bundle(root: Path, key: BundleKey) -> Path:
    """Return the folder of the published bundle after checking every file's SHA-256.

    Raises:
        KeyNotFoundError: nothing was published under ``key``.
        LakeError: a file is missing or damaged.
    """
    folder, manifest = _current(root, key)
    damaged = _damaged_file(folder, manifest)
    if damaged is not None:
        raise LakeError(
            "a file is missing or differs from its digest",
            where=str(damaged),
            fix=f"materialise {key} again",
        )
    return folder


def read_manifest(root: Path, key: BundleKey) -> BundleManifest:
    """Return the manifest of the published bundle, or raise `KeyNotFoundError`."""
    return _current(root, key)[1]


def _publish(
    home: Path, staging: Path, writer: Callable[[Path], None], lineage: Lineage
) -> BundleManifest:
    shutil.rmtree(staging, ignore_errors=True)  # left over from a killed process
    with publishing_folder(staging) as folder:
        writer(folder)
        manifest = _describe(folder, lineage)
        (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    target = home / _version(manifest)
    if target.is_dir() and _damaged_file(target, manifest) is None:
        shutil.rmtree(staging)
    else:
        shutil.rmtree(target, ignore_errors=True)
        staging.rename(target)
    return manifest


def _version(manifest: BundleManifest) -> str:
    return f"{manifest.digest[:16]}-{manifest.lineage.digest[:8]}"


def _damaged_file(folder: Path, manifest: BundleManifest) -> Path | None:
    for name, sha256 in manifest.files.items():
        path = folder / name
        if not path.is_file() or file_sha256(path) != sha256:
            return path
    return None


def _describe(folder: Path, lineage: Lineage) -> BundleManifest:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): file_sha256(path) for path in paths}
    digest = text_digest(*(f"{name}={sha256}" for name, sha256 in files.items()))
    return BundleManifest(digest, files, lineage)


def _current(root: Path, key: BundleKey) -> tuple[Path, BundleManifest]:
    home = root / key.folder
    try:
        folder = home / (home / CURRENT).read_text(encoding="utf-8").strip()
        text = (folder / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KeyNotFoundError(
            f"{key} does not exist in the lake", where=str(home), fix=f"materialise {key} first"
        ) from None
    return folder, BundleManifest.from_json(text, str(folder / MANIFEST))


def _prune(home: Path, keep: str) -> None:
    """Remove all versions but the current one and the one before, which may still be read."""
    versions = [path for path in home.iterdir() if path.is_dir() and path.name != keep]
    for path in sorted(versions, key=lambda path: path.stat().st_mtime)[:-1]:
        shutil.rmtree(path, ignore_errors=True)
