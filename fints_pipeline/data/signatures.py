"""What a file is by its first bytes, whatever it is called."""

from __future__ import annotations

from typing import BinaryIO

from fints_pipeline.base.errors import ArchiveError

HEAD_BYTES = 512
GZIP = b"\x1f\x8b"
# What is read, by the end of its name. Longer endings come first.
SUFFIXES = {
    ".tar.gz": "tar.gz",
    ".tgz": "tar.gz",
    ".zip": "zip",
    ".gz": "gzip",
    ".csv": "csv",
    ".parquet": "parquet",
    ".feather": "feather",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    # Other YAML in an inbox is no data.
    "corporate_actions.yaml": "yaml",
    "corporate_actions.yml": "yaml",
}
ARCHIVES = ("zip", "tar.gz", "gzip")
_MAGIC = {
    "zip": b"PK",
    "tar.gz": GZIP,
    "gzip": GZIP,
    "parquet": b"PAR1",
    "feather": b"ARROW1",
}
_NAMES = {
    "zip": ".zip",
    "tar.gz": ".tar.gz",
    "gzip": ".gz",
    "parquet": ".parquet",
    "feather": ".feather",
}
_TEXT = ("csv", "jsonl", "yaml")
# Parquet and Arrow files end with the bytes that they begin with.
_FRAMED = ("parquet", "feather")
_ARCHIVES = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"PK\x07\x08": "zip",
    GZIP: "gzip",
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


def kind_of(name: str) -> str | None:
    """Return what a file's name says that it is, one of `SUFFIXES`' kinds, or None."""
    folded = name.casefold()
    return next((kind for suffix, kind in SUFFIXES.items() if folded.endswith(suffix)), None)


def check_start(stream: BinaryIO, kind: str) -> None:
    """Refuse a file that does not begin (or end) as its kind does, saying what it is instead.

    Leaves the stream at its beginning.

    Raises:
        ArchiveError: it is empty, of another kind, a web page, or cut off.
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    if kind in _TEXT:
        return
    magic, name = _MAGIC[kind], _NAMES[kind]
    if not head:
        raise ArchiveError("the archive is empty (0 bytes)", fix="fetch it again")
    if not head.startswith(magic):
        raise _misnamed(head, name)
    if kind in _FRAMED:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - len(magic)))
        if size < 2 * len(magic) or stream.read() != magic:
            raise ArchiveError(
                f"the {kind} file is truncated: its end is missing",
                fix="wait until the copy is complete, or fetch it again",
            )
        stream.seek(0)


def _misnamed(head: bytes, name: str) -> ArchiveError:
    kind = archive_kind(head)
    if kind is not None:
        return ArchiveError(f"the file is called {name} but is a {kind} archive")
    if head.lstrip().lower().startswith(_PAGES):
        return ArchiveError(
            f"the file is called {name} but is a web page or an error message",
            fix="open it in an editor: it may say why the download failed",
        )
    return ArchiveError(f"the file is called {name} but does not begin as a {name[1:]} does")
