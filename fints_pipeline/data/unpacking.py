"""Any container into a folder of members named by digest, counting real bytes on the way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.gzip_stream import Gunzip, gzip_members
from fints_pipeline.data.limits import Limits
from fints_pipeline.data.member_names import check_distinct
from fints_pipeline.data.packed import Members, Packed
from fints_pipeline.data.signatures import ARCHIVES, check_start, kind_of, nested_kind
from fints_pipeline.data.tar_stream import tar_members
from fints_pipeline.data.zip_directory import reading, zip_members

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Member:
    """One file of an archive: its own name, the digest that names it here, its size in bytes.

    The name of a member of an archive inside is ``<archive's name>/<its own name>``.
    """

    name: str
    sha256: str
    size: int


def unpack(stream: BinaryIO, name: str, folder: Path, limits: Limits) -> list[Member]:
    """Store an archive's members (or a plain file as its only member) in ``folder``.

    Args:
        stream: The file.
        name: Its name, which says of what kind it should be.
        folder: An empty folder.
        limits: What it may unfold to.

    Raises:
        ArchiveError: it is refused; what lies in ``folder`` is of no use.
    """
    kind = kind_of(name)
    if kind is None:
        raise ArchiveError("not an archive of a kind that is read", where=name)
    check_start(stream, kind)
    unpacking = _Unpacking(folder, limits)
    if kind not in ARCHIVES:
        unpacking.budget = limits.total_bytes
        return [unpacking.store(Packed(name, lambda: stream, limits.total_bytes), depth=0)]
    size = stream.seek(0, 2)
    stream.seek(0)
    unpacking.budget = min(limits.total_bytes, int(limits.ratio * max(1, size)))
    unpacking.take(stream, kind, name, "", depth=0)
    check_distinct(member.name for member in unpacking.members)
    if not unpacking.members:
        raise ArchiveError("the archive holds no files")
    return unpacking.members


class _Unpacking:
    """One archive being unpacked: its members so far and the bytes that it may still hold."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        self.limits = limits
        self.budget = 0
        self.members: list[Member] = []

    def take(self, stream: BinaryIO, kind: str, name: str, prefix: str, depth: int) -> None:
        """Store every member of one container; ``depth`` archives stand around it."""
        for packed in _members(stream, kind, name, self.limits, self.budget):
            inner = kind_of(packed.name)
            if inner in ARCHIVES and depth < self.limits.depth:
                self._take_inner(packed, str(inner), prefix, depth)
                continue
            member = self.store(packed, depth)
            self.members.append(Member(prefix + member.name, member.sha256, member.size))
            if len(self.members) > self.limits.members:
                raise ArchiveError(
                    f"the archive has more than the limit of {self.limits.members} members"
                )

    def store(self, packed: Packed, depth: int) -> Member:
        """Store one member under its digest."""
        digest = self._copy(packed, self.folder / "incoming", nested=False)
        (self.folder / "incoming").replace(self.folder / digest.sha256)
        return digest

    def _take_inner(self, packed: Packed, kind: str, prefix: str, depth: int) -> None:
        inner = self.folder / f"inner-{depth}"
        self._copy(packed, inner, nested=True)
        where = f"member {packed.name!r}"
        with inner.open("rb") as stream:
            try:
                check_start(stream, kind)
                self.take(stream, kind, packed.name, f"{prefix}{packed.name}/", depth + 1)
            except ArchiveError as error:
                place = f"{where}: {error.where}" if error.where else where
                raise ArchiveError(error.what, where=place, fix=error.fix) from None
        inner.unlink()

    def _copy(self, packed: Packed, target: Path, *, nested: bool) -> Member:
        where = f"member {packed.name!r}"
        allowed = min(self.budget, packed.allowed)
        digest, size = hashlib.sha256(), 0
        with reading(where):
            source = packed.open()
        with target.open("wb") as sink:
            while True:
                with reading(where):
                    chunk = source.read(_CHUNK)
                if not chunk:
                    break
                if size == 0 and not nested:
                    _refuse_nested(packed.name, chunk)
                size += len(chunk)
                if size > allowed:
                    raise ArchiveError(
                        f"a member inflates to more than the {allowed} bytes that the limits allow",
                        where=where,
                    )
                digest.update(chunk)
                sink.write(chunk)
        if packed.size is not None and size != packed.size:
            raise ArchiveError(
                f"a member holds {size} bytes where its header says {packed.size}", where=where
            )
        self.budget -= size
        return Member(packed.name, digest.hexdigest(), size)


def _members(stream: BinaryIO, kind: str, name: str, limits: Limits, allowed: int) -> Members:
    if kind == "zip":
        return zip_members(stream, limits)
    if kind == "gzip":
        return gzip_members(stream, name, allowed)
    # The blocks around the members count too, hence the margin.
    return tar_members(Gunzip(stream, allowed + _CHUNK), limits, allowed)


def _refuse_nested(name: str, head: bytes) -> None:
    kind = nested_kind(name, head)
    if kind is not None:
        raise ArchiveError(
            f"a member is itself an archive ({kind})",
            where=f"member {name!r}",
            fix="unpack the outer archive and deliver the inner ones",
        )
