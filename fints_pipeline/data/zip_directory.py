"""What a zip says that it holds, checked before a single byte is inflated."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.limits import Limits
from fints_pipeline.data.member_names import check_distinct, check_name
from fints_pipeline.data.packed import Members, Packed

LOCAL_HEADER = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_LOCAL = struct.Struct("<4s5H3L2H")
_LONGEST_COMMENT = 65_535
# A directory entry takes 46 bytes and its name; more than this a member is no honest directory.
_ENTRY_BYTES = 1024
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
# What zipfile was seen to leak on damaged or hostile input besides its own BadZipFile; RuntimeError
# covers NotImplementedError and RecursionError, LookupError a bad codec or index.
LEAKS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    RuntimeError,
    ValueError,
    LookupError,
    OverflowError,
    EOFError,
    MemoryError,
    OSError,
)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn whatever zipfile raises inside the block into an `ArchiveError` about ``what``."""
    try:
        yield
    except LEAKS as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise ArchiveError(
            f"the archive is truncated or damaged: {detail}",
            where=what,
            fix="fetch it again",
        ) from error


def zip_members(stream: BinaryIO, limits: Limits) -> Members:
    """Yield the files of a zip whose directory was checked, in its order.

    Raises:
        ArchiveError: as `open_zip` does.
    """
    archive, files = open_zip(stream, limits)
    with archive:
        for info in files:
            allowed = int(limits.ratio * max(1, info.compress_size))
            yield Packed(info.orig_filename, partial(archive.open, info), allowed, info.file_size)


def open_zip(stream: BinaryIO, limits: Limits) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """Open a zip and return it with the members that hold data, after checking its directory.

    Raises:
        ArchiveError: the file is no zip, is truncated, holds too many members, or a member is
            encrypted, a link or device, badly named, named twice, overlapping or bomb-like.
    """
    with reading("zip directory"):
        _check_end(stream, limits)
        stream.seek(0)
        archive = zipfile.ZipFile(stream)
    members = archive.infolist()
    if len(members) > limits.members:
        raise ArchiveError(
            f"the archive has {len(members)} members, more than the limit of {limits.members}"
        )
    for member in members:
        _check_member(member, limits)
    check_distinct(member.orig_filename.rstrip("/\\") for member in members)
    files = [member for member in members if not _is_folder(member)]
    _check_total(files, limits)
    with reading("zip directory"):
        _check_overlap(stream, files, archive.start_dir)
    if not files:
        raise ArchiveError("the archive holds no files")
    return archive, files


def _check_end(stream: BinaryIO, limits: Limits) -> None:
    """Find the end record and refuse a directory too large to be read into memory."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _END.size - _LONGEST_COMMENT))
    tail = stream.read()
    at = tail.rfind(_EMPTY_ZIP)
    if at < 0 or len(tail) - at < _END.size:
        raise ArchiveError(
            "the archive is truncated: its directory is missing",
            fix="wait until the copy is complete, or fetch it again",
        )
    _, disk, first_disk, _, _, directory, _, _ = _END.unpack_from(tail, at)
    if disk == first_disk == 0xFFFF or directory == 0xFFFFFFFF or _has_locator(tail, at):
        directory = _directory_size64(stream, size - len(tail) + at)
    elif disk or first_disk:
        raise ArchiveError("the archive is one part of several (multi-disk)")
    if directory > limits.members * _ENTRY_BYTES:
        raise ArchiveError(
            f"the archive's directory of {directory} bytes is too large for the limit of "
            f"{limits.members} members"
        )


def _has_locator(tail: bytes, at: int) -> bool:
    return tail[max(0, at - _LOCATOR64.size) : at].startswith(b"PK\x06\x07")


def _directory_size64(stream: BinaryIO, end: int) -> int:
    stream.seek(max(0, end - _LOCATOR64.size - _END64.size))
    record = _END64.unpack(stream.read(_END64.size))
    if record[0] != b"PK\x06\x06":
        raise ArchiveError("the archive's zip64 directory record is damaged")
    return int(record[8])


def _check_member(member: zipfile.ZipInfo, limits: Limits) -> None:
    where = f"member {member.orig_filename!r}"
    check_name(member.orig_filename)
    if member.flag_bits & _ENCRYPTED:
        raise ArchiveError("a member is encrypted", where=where, fix="deliver it without password")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise ArchiveError("a member is a symbolic link", where=where)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError("a member is a device, pipe or socket", where=where)
    if member.compress_type not in _METHODS:
        raise ArchiveError(
            f"a member is compressed by method {member.compress_type}, not stored or deflated",
            where=where,
            fix="pack it again as an ordinary zip",
        )
    if member.file_size > limits.ratio * max(1, member.compress_size):
        raise ArchiveError(
            f"a member claims to inflate more than {limits.ratio:g}-fold "
            f"({member.compress_size} to {member.file_size} bytes)",
            where=where,
        )


def _check_total(files: list[zipfile.ZipInfo], limits: Limits) -> None:
    total = sum(member.file_size for member in files)
    if total > limits.total_bytes:
        raise ArchiveError(
            f"the archive claims to inflate to {total} bytes, more than the limit of "
            f"{limits.total_bytes}"
        )


def _is_folder(member: zipfile.ZipInfo) -> bool:
    if not member.orig_filename.endswith(("/", "\\")):
        return False
    if member.file_size:
        raise ArchiveError("a folder holds data", where=f"member {member.orig_filename!r}")
    return True


def _check_overlap(stream: BinaryIO, files: list[zipfile.ZipInfo], directory: int) -> None:
    """Refuse members that share bytes: one small kernel quoted by many is how bombs are made."""
    end, before = 0, "the archive's beginning"
    for member in sorted(files, key=lambda each: each.header_offset):
        start = member.header_offset
        stream.seek(start)
        header = _LOCAL.unpack(stream.read(_LOCAL.size))
        if start < end:
            raise ArchiveError(
                "two members overlap", where=f"member {member.orig_filename!r} and {before}"
            )
        end = start + _LOCAL.size + header[9] + header[10] + member.compress_size
        before = f"member {member.orig_filename!r}"
    if end > directory:
        raise ArchiveError("two members overlap", where=f"{before} and the archive's directory")
