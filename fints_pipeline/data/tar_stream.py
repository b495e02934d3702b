"""Tar, read front to back: every header is checked before a byte of its member is taken.

The standard library's reader takes headers of any size into memory and fills the holes of sparse
members; this one knows plain files and folders, long names, and refuses the rest.
Source: POSIX.1-2001 pax interchange format, and GNU tar's long names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.limits import Limits
from fints_pipeline.data.member_names import check_distinct, check_name
from fints_pipeline.data.packed import Members, Packed, Readable

_BLOCK = 512
_CHUNK = 1 << 16
_LONGEST_EXTENSION = 1 << 16
_FILES = (b"0", b"\0", b"7")
_FOLDER, _LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL, _SPARSE = b"5", b"L", b"K", b"x", b"g", b"S"
_EXTENSIONS = (_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL)
_REFUSED = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a pipe",
    _SPARSE: "a sparse file",
    b"M": "a part of a multi-volume archive",
}


@dataclass(frozen=True)
class _Header:
    """One header block."""

    name: str
    size: int
    kind: bytes

    @property
    def is_folder(self) -> bool:
        """Whether it stands for a folder (old writers mark one by the slash alone)."""
        return self.kind == _FOLDER or self.name.endswith("/")


class _Content:
    """The bytes of one member."""

    def __init__(self, source: Readable, size: int) -> None:
        self.source, self.left = source, size

    def opened(self) -> _Content:
        """Return itself."""
        return self

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the member's end."""
        content = self.source.read(min(size, self.left)) if self.left else b""
        if self.left and not content:
            raise _truncated()
        self.left -= len(content)
        return content


def tar_members(source: Readable, limits: Limits, allowed: int) -> Members:
    """Yield the files of a tar stream in order; each is read before the next one is asked for.

    Raises:
        ArchiveError: the stream is no tar, is truncated, followed by something, holds too many
            members, or a member is a link, a device, sparse, badly named or named twice.
    """
    names: list[str] = []
    while (header := _next_member(source)) is not None:
        _check(header)
        names.append(header.name.rstrip("/"))
        if len(names) > limits.members:
            raise ArchiveError(f"the archive has more than the limit of {limits.members} members")
        content = _Content(source, header.size)
        if not header.is_folder:
            yield Packed(header.name, content.opened, allowed, header.size)
        _drain(content)
        _read(source, -header.size % _BLOCK)
    check_distinct(names)
    _check_end(source)


def _next_member(source: Readable) -> _Header | None:
    """Return the next member's header, its long name put in place; None at the archive's end."""
    long_name: str | None = None
    while (header := _header(_read(source, _BLOCK))) is not None:
        if header.kind not in _EXTENSIONS:
            return header if long_name is None else replace(header, name=long_name)
        if header.size > _LONGEST_EXTENSION:
            raise ArchiveError(f"a tar header extends over {header.size} bytes")
        extension = _read(source, header.size)
        _read(source, -header.size % _BLOCK)
        if header.kind == _LONG_NAME:
            long_name = _text(extension)
        elif header.kind == _PAX:
            long_name = _pax_name(extension) or long_name
    return None


def _header(block: bytes) -> _Header | None:
    if not any(block):
        return None
    stored = _number(block[148:156])
    if stored != sum(block[:148]) + 8 * ord(" ") + sum(block[156:]):
        raise ArchiveError("the archive is damaged: a tar header's checksum is wrong")
    name, prefix = _text(block[:100]), _text(block[345:500])
    if block[257:263] == b"ustar\0" and prefix:
        name = f"{prefix}/{name}"
    return _Header(name, _number(block[124:136]), block[156:157])


def _number(field: bytes) -> int:
    """Return an octal number, or a base-256 one as GNU tar writes large sizes."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    text = field.strip(b" \0")
    if not all(0x30 <= digit <= 0x37 for digit in text):
        raise ArchiveError("the archive is damaged: a tar header holds no number where it must")
    return int(text, 8) if text else 0


def _pax_name(records: bytes) -> str | None:
    """Return the path that pax records (``27 path=long/name`` a line) give, if any."""
    name = None
    while records:
        length, space, rest = records.partition(b" ")
        if not space or not length.isdigit() or not 0 < int(length) <= len(records):
            raise ArchiveError("the archive is damaged: a pax header cannot be read")
        key, _, value = rest[: int(length) - len(length) - 2].partition(b"=")
        if key.startswith(b"GNU.sparse") or key == b"size":
            raise ArchiveError(f"a member needs the pax header {_text(key)!r}, which is not read")
        name = _text(value) if key == b"path" else name
        records = records[int(length) :]
    return name


def _text(field: bytes) -> str:
    try:
        return field.split(b"\0", 1)[0].decode("utf-8")
    except UnicodeDecodeError:
        raise ArchiveError("the archive is damaged: a member's name is not UTF-8") from None


def _check(header: _Header) -> None:
    where = f"member {header.name!r}"
    check_name(header.name)
    if header.kind in _REFUSED:
        raise ArchiveError(f"a member is {_REFUSED[header.kind]}", where=where)
    if header.kind not in (*_FILES, _FOLDER):
        raise ArchiveError(f"a member is of the unknown kind {header.kind!r}", where=where)
    if header.is_folder and header.size:
        raise ArchiveError("a folder holds data", where=where)


def _check_end(source: Readable) -> None:
    """Refuse an archive that goes on after the block of zeros that ended it."""
    while chunk := source.read(_CHUNK):
        if any(chunk):
            raise ArchiveError("something follows the archive's end", fix="fetch it again")


def _drain(content: _Content) -> None:
    while content.read(_CHUNK):
        pass


def _read(source: Readable, size: int) -> bytes:
    """Return exactly ``size`` bytes."""
    parts, left = [], size
    while left:
        part = source.read(left)
        if not part:
            raise _truncated()
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _truncated() -> ArchiveError:
    return ArchiveError(
        "the archive is truncated", fix="wait until the copy is complete, or fetch it again"
    )
