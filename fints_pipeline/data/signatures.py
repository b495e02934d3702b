"""What a file is by its first bytes, whatever it is called."""

from __future__ import annotations

from typing import BinaryIO

from fints_pipeline.base.errors import ArchiveError

HEAD_BYTES = 512
_ARCHIVES = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"PK\x07\x08": "zip",
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_ARCHIVE_NAMES = (".zip", ".gz", ".tgz", ".7z", ".rar", ".xz", ".bz2", ".zst", ".tar")
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<error")
_TAR_OFFSET = 257


def nested_kind(name: str, head: bytes) -> str | None:
    """Return the kind of archive that a member is, by its first bytes or its name, or None."""
    kind = archive_kind(head)
    if kind is None and name.casefold().endswith(_ARCHIVE_NAMES):
        return name.rpartition(".")[2].casefold()
    return kind


def archive_kind(head: bytes) -> str | None:
    """Return the kind of archive that ``head`` (first bytes of a file) begins, or None."""
    if head[_TAR_OFFSET : _TAR_OFFSET + 5] == b"ustar":
        return "tar"
    return next((kind for magic, kind in _ARCHIVES.items() if head.startswith(magic)), None)


def check_zip_start(stream: BinaryIO) -> None:
    """Refuse a file that does not begin as a zip does, saying what it looks like instead.

    Raises:
        ArchiveError: it is empty, another kind of archive, a web page, or no archive at all.
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    kind = archive_kind(head)
    if kind == "zip":
        return
    if not head:
        raise ArchiveError("the archive is empty (0 bytes)", fix="fetch it again")
    if kind is not None:
        raise ArchiveError(f"the file is called .zip but is a {kind} archive")
    if head.lstrip().lower().startswith(_PAGES):
        raise ArchiveError(
            "the file is called .zip but is a web page or an error message",
            fix="open it in an editor: it may say why the download failed",
        )
    raise ArchiveError("the file is called .zip but does not begin as a zip does")
