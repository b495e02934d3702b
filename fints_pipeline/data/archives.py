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
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fints_pipeline.base.digest import file_sha256
from fints_pipeline.base.errors import ArchiveError, LakeError
from fints_pipeline.base.lake.atomic import publishing_folder
from fints_pipeline.data import checksums
from fints_pipeline.data.limits import Limits
from fints_pipeline.data.unpacking import Member, unpack
from fints_pipeline.data.zip_directory import reading

__all__ = ["Member", "StagedArchive", "sha256_of", "stage", "staged_before"]

MANIFEST = "manifest.json"


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
    _whole: set[str] = field(default_factory=set, compare=False, repr=False)

    def path(self, member: Member) -> Path:
        """Return where a member's content lies, checked on the first call.

        Raises:
            LakeError: it is missing or no longer what was unpacked.
        """
        path = self.folder / member.sha256
        if member.sha256 in self._whole:
            return path
        if not path.is_file() or file_sha256(path) != member.sha256:
            raise LakeError(
                "a staged member is missing or damaged",
                where=str(path),
                fix=f"remove the folder {self.folder} and stage the inbox again",
            )
        self._whole.add(member.sha256)
        return path


def stage(path: Path, staging: Path, limits: Limits | None = None) -> StagedArchive:
    """Verify, check and unpack one archive (or take over one plain file).

    Staging the same bytes again, under whatever name, returns the folder that is there.

    Args:
        path: The archive; its suffix, one of `signatures.SUFFIXES`, says how it is read.
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
            members = unpack(stream, path.name, folder, limits)
            _write_manifest(folder, sha256, known_at, members)
    whole = {member.sha256 for member in members}
    return StagedArchive(target, sha256, known_at, tuple(members), verified, whole)


def staged_before(staging: Path, sha256: str) -> StagedArchive | None:
    """Return an archive that was staged earlier, by its digest; None where it is gone."""
    return _load(staging / sha256, verified=False)


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
