"""One member of an archive as its container hands it over, not yet trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, none at the end."""
        ...


@dataclass(frozen=True)
class Packed:
    """A member that holds data.

    Attributes:
        name: Its name in the archive.
        open: Returns its content, from the beginning; called once.
        allowed: Bytes that it may inflate to.
        size: Bytes that its header says it holds, None where no header says so.
    """

    name: str
    open: Callable[[], Readable]
    allowed: int
    size: int | None = None


Members: TypeAlias = Iterator[Packed]
