"""One file that may hold bars: where it lies, what it is called, and how it begins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from fints_pipeline.data.columnar import is_columnar, schema_of

HEAD_BYTES = 8192


@dataclass(frozen=True)
class SourceFile:
    """A member of a staged archive, as formats look at it.

    Attributes:
        path: Where its content lies.
        member: Its name in the archive.
        archive: The archive's file name; the same as ``member`` for a plain file.
        timezone: IANA zone of stamps that carry none.
        frequency: Length of its bars, as the dataset declares it.
    """

    path: Path
    member: str
    archive: str
    timezone: str = "UTC"
    frequency: str = "1m"

    @property
    def where(self) -> str:
        """How errors name the file."""
        return self.archive if self.member == self.archive else f"{self.archive}: {self.member}"

    @property
    def names(self) -> tuple[str, ...]:
        """What may tell the symbol, nearest first: the member, what it lies in, the archive."""
        parts = self.member.replace("\\", "/").split("/")
        return (*reversed(parts), self.archive.rpartition("/")[2])

    @cached_property
    def head(self) -> bytes:
        """The first `HEAD_BYTES` bytes."""
        with self.path.open("rb") as stream:
            return stream.read(HEAD_BYTES)

    @cached_property
    def schema(self) -> pa.Schema | None:
        """The columns of a Parquet or Feather file, None for anything else.

        Raises:
            ArchiveError: it begins like one but is damaged.
        """
        return schema_of(self.path, self.where) if is_columnar(self.head) else None
