"""Gzip, inflated in small steps: what it holds is counted, what follows it is refused."""

from __future__ import annotations

import zlib
from typing import BinaryIO

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.packed import Members, Packed
from fints_pipeline.data.signatures import GZIP
from fints_pipeline.data.zip_directory import reading

_CHUNK = 1 << 16
_WITH_HEADER = 31


class Gunzip:
    """The content of a gzip file; several gzip streams in a row are one content.

    Args:
        stream: At the start of the file.
        allowed: Bytes that it may inflate to.
    """

    def __init__(self, stream: BinaryIO, allowed: int) -> None:
        self._stream = stream
        self._allowed = allowed
        self._inflated = 0
        self._inflater = zlib.decompressobj(_WITH_HEADER)
        self._input = b""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the end.

        Raises:
            ArchiveError: the stream is damaged or cut off, something follows it, or it inflates to
                more than is allowed.
        """
        while True:
            if self._inflater.eof and not self._next_stream():
                return b""
            packed = self._inflater.unconsumed_tail or self._input or self._stream.read(_CHUNK)
            self._input = b""
            if not packed:
                raise ArchiveError("the gzip stream is truncated", fix="fetch it again")
            with reading("gzip stream"):
                content = self._inflater.decompress(packed, size)
            if content:
                self._count(len(content))
                return content

    def _next_stream(self) -> bool:
        """Begin the stream that follows the one that ended; say whether there is one."""
        rest = self._inflater.unused_data or self._stream.read(_CHUNK)
        if len(rest) == 1:
            rest += self._stream.read(_CHUNK)
        if not rest:
            return False
        if not rest.startswith(GZIP):
            raise ArchiveError(
                "something that is no gzip follows the gzip stream", fix="fetch it again"
            )
        self._inflater, self._input = zlib.decompressobj(_WITH_HEADER), rest
        return True

    def _count(self, size: int) -> None:
        self._inflated += size
        if self._inflated > self._allowed:
            raise ArchiveError(
                f"the archive inflates to more than the {self._allowed} bytes that the limits allow"
            )


def gzip_members(stream: BinaryIO, name: str, allowed: int) -> Members:
    """Yield the one member of a ``.gz`` file: its name is the file's without the suffix."""
    inner = name.rpartition("/")[2].rpartition(".")[0]
    yield Packed(inner, lambda: Gunzip(stream, allowed), allowed)
