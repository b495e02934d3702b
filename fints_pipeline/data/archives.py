"""Safe unpacking: an archive in, a content-addressed staging folder out, or a clear refusal.

``staging/<archive sha256>/`` holds one file a distinct member, named by its SHA-256, and
``manifest.json``, where the members' own names are metadata. The folder appears in one rename.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import zipfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO

from fints_pipeline.base.digest import file_sha256
from fints_pipeline.base.errors import ArchiveError, LakeError
from fints_pipeline.base.lake.atomic import publishing_folder
from fints_pipeline.data import checksums
from fints_pipeline.data.limits import Limits
from fints_pipeline.data.signatures import check_zip_start, nested_kind
from fints_pipeline.data.zip_directory import open_zip, reading

MANIFEST = "manifest.json"
ARCHIVE_SUFFIXES = (".zip", ".csv")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Member:
    """One file of an archive: its own name, the digest that names it here, its size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class StagedArchive:
    """An unpacked archive.

    Attributes:
        folder: Its staging folder.
        sha256: Digest of the archive's bytes.
        known_at: When the archive was delivered (its modification time), UTC.
        members: What it holds, in archive order.
        verified: Whether a checksum file vouched for it at this delivery.
    """

    folder: Path
    sha256: str
    known_at: datetime
    members: tuple[Member, ...]
    verified: bool

    def path(self, member: Member) -> Path:
        """Return where a member's content lies.

        Raises:
            LakeError: it is missing or no longer what was unpacked.
        """
        path = self.folder / member.sha256
        if not path.is_file() or file_sha256(path) != member.sha256:
            raise LakeError(
                "a staged member is missing or damaged",
                where=str(path),
                fix=f"remove the folder {self.folder} and stage the inbox again",
            )
        return path


def stage(path: Path, staging: Path, limits: Limits | None = None) -> StagedArchive:
    """Verify, check and unpack one archive (or take over one plain CSV file).

    Staging the same bytes again, under whatever name, returns the folder that is there.

    Args:
        path: The archive; its suffix (``.zip`` or ``.csv``) says how it is read.
        staging: The staging root.
        limits: What it may unfold to.

    Raises:
        ArchiveError: the archive is refused; nothing of it is staged.
        LakeError: the staging folder cannot be written.
    """
    limits = limits or Limits()
    with _open(path) as stream:
        with reading(path.name):
            known_at = datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, tz=UTC)
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        verified = checksums.verify(path, sha256)
        target = staging / sha256
        staged = _load(target, verified)
        if staged is not None:
            return staged
        shutil.rmtree(target, ignore_errors=True)
        with publishing_folder(target) as folder:
            stream.seek(0)
            if path.suffix.casefold() == ".csv":
                members = [_copy(stream, path.name, folder, limits.total_bytes)]
            else:
                members = _unpack_zip(stream, folder, limits)
            _write_manifest(folder, sha256, known_at, members)
    return StagedArchive(target, sha256, known_at, tuple(members), verified)


def sha256_of(path: Path) -> str | None:
    """Return the digest of a regular file's bytes, or None where they cannot be read."""
    try:
        with _open(path) as stream, reading(path.name):
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except ArchiveError:
        return None


def _open(path: Path) -> io.BufferedReader:
    try:
        # O_NONBLOCK: opening a pipe that someone named x.zip must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise ArchiveError(
            f"the archive cannot be opened: {error.strerror}", where=path.name
        ) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ArchiveError("not a regular file", where=path.name)
    return os.fdopen(descriptor, "rb")


def _load(folder: Path, verified: bool) -> StagedArchive | None:
    """Return what was staged before, or None when there is nothing whole."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        members = tuple(Member(**member) for member in content["members"])
        known_at = datetime.fromisoformat(content["known_at"])
        sizes = [(folder / member.sha256).stat().st_size for member in members]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if sizes != [member.size for member in members]:
        return None
    return StagedArchive(folder, folder.name, known_at, members, verified)


def _write_manifest(folder: Path, sha256: str, known_at: datetime, members: list[Member]) -> None:
    content = {
        "sha256": sha256,
        "known_at": known_at.isoformat(),
        "members": [asdict(member) for member in members],
    }
    (folder / MANIFEST).write_text(json.dumps(content, indent=1), encoding="utf-8")


def _unpack_zip(stream: BinaryIO, folder: Path, limits: Limits) -> list[Member]:
    check_zip_start(stream)
    archive, files = open_zip(stream, limits)
    members: list[Member] = []
    budget = limits.total_bytes
    with archive:
        for info in files:
            allowed = min(budget, int(limits.ratio * max(1, info.compress_size)))
            members.append(_inflate(archive, info, folder, allowed))
            budget -= members[-1].size
    return members


def _inflate(archive: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path, allowed: int) -> Member:
    where = f"member {info.orig_filename!r}"
    with reading(where):
        source = archive.open(info)
    with source:
        member = _copy(source, info.orig_filename, folder, allowed)
    if member.size != info.file_size:
        raise ArchiveError(
            f"a member holds {member.size} bytes where its header says {info.file_size}",
            where=where,
        )
    return member


def _copy(source: IO[bytes], name: str, folder: Path, allowed: int) -> Member:
    """Stream one member into ``folder`` under its digest, counting real bytes on the way."""
    where = f"member {name!r}"
    digest, size = hashlib.sha256(), 0
    temporary = folder / "incoming"
    with temporary.open("wb") as sink:
        while True:
            with reading(where):
                chunk = source.read(_CHUNK)
            if not chunk:
                break
            if size == 0 and (kind := nested_kind(name, chunk)):
                raise ArchiveError(
                    f"a member is itself an archive ({kind})",
                    where=where,
                    fix="unpack the outer archive and deliver the inner ones",
                )
            size += len(chunk)
            if size > allowed:
                raise ArchiveError(
                    f"a member inflates to more than the {allowed} bytes that the limits allow",
                    where=where,
                )
            digest.update(chunk)
            sink.write(chunk)
    temporary.replace(folder / digest.hexdigest())
    return Member(name, digest.hexdigest(), size)
