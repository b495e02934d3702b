"""What a format is: it recognises a file by content, knows its symbol, and reads its bars."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fints_pipeline.base.components import Component
from fints_pipeline.base.errors import ArchiveError, ConfigError

HEAD_BYTES = 8192
PRICES = ("open", "high", "low", "close")
PARSED_SCHEMA = pa.schema(
    [
        pa.field("open_time", pa.timestamp("us", "UTC"), nullable=False),
        *(pa.field(name, pa.float64()) for name in (*PRICES, "volume")),
        pa.field("source_row", pa.int64(), nullable=False),
    ]
)
_SYMBOL = re.compile(r"^[A-Za-z0-9._-]+$")
_SAMPLE_LINES = 10


@dataclass(frozen=True)
class Evidence:
    """Whether a file is of a format, and what speaks for it or against it."""

    matches: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class ParsedBars:
    """The bars of one file.

    Attributes:
        table: `PARSED_SCHEMA`, in file order; ``open_time`` is the start of the bar.
        notes: What was decided by value and is worth telling.
    """

    table: pa.Table
    notes: tuple[str, ...] = ()


class Format(Component):
    """A vendor's layout. One subclass a module; ``name`` is the module's name.

    ``version`` goes up when the same bytes read differently than before: what was parsed with
    another version is parsed again. ``bar_minutes`` is the length of its bars.
    """

    version: ClassVar[int] = 1
    bar_minutes: ClassVar[int] = 1

    def check_zone(self, timezone: str) -> None:
        """Refuse a declared time zone that contradicts the format; by default any will do.

        Raises:
            ConfigError: it does.
        """

    @abstractmethod
    def recognise(self, head: bytes) -> Evidence:
        """Judge a file by its first `HEAD_BYTES` bytes."""

    @abstractmethod
    def symbol_in(self, name: str) -> str | None:
        """Return the symbol that a file's or archive's name holds, or None."""

    @abstractmethod
    def read(self, path: Path, where: str, timezone: str) -> ParsedBars:
        """Read a recognised file.

        Args:
            path: The file.
            where: How errors name it.
            timezone: IANA zone of naive stamps.

        Raises:
            ArchiveError: a row or cell cannot be read; the message names it.
        """

    def symbol(self, member: str, archive: str) -> str:
        """Return a member's symbol, by its own name or else by its archive's.

        Raises:
            ArchiveError: neither holds one, or it has characters other than letters, digits, . _ -
        """
        names = (PurePosixPath(member.replace("\\", "/")).name, PurePosixPath(archive).name)
        found = next((symbol for name in names if (symbol := self.symbol_in(name))), None)
        if found is None:
            raise ArchiveError(
                f"neither name holds a symbol as {self.name} writes it", where=" in ".join(names)
            )
        return check_symbol(found)


def check_symbol(symbol: str) -> str:
    """Return ``symbol`` if it is made of letters, digits, ``.``, ``_`` and ``-``.

    Raises:
        ArchiveError: it is not.
    """
    if not _SYMBOL.match(symbol) or not symbol.strip("."):
        raise ArchiveError(
            f"symbol {symbol!r} has characters other than letters, digits, '.', '_' and '-'",
            fix="rename the file",
        )
    return symbol


def parsed(
    open_time: npt.NDArray[np.datetime64], columns: pa.Table, first_row: int = 1
) -> pa.Table:
    """Assemble `PARSED_SCHEMA` from UTC opening times and a table that has prices and volume."""
    micros = pa.array(open_time.astype("datetime64[us]").astype(np.int64))
    rows = np.arange(first_row, first_row + open_time.size, dtype=np.int64)
    return pa.Table.from_arrays(
        [
            micros.cast(pa.timestamp("us", "UTC")),
            *(columns.column(name) for name in (*PRICES, "volume")),
            pa.array(rows),
        ],
        schema=PARSED_SCHEMA,
    )


def not_text(head: bytes) -> str | None:
    """Return why a file's head is no UTF-8 text, or None."""
    if not head.strip():
        return "no lines of text"
    if b"\0" in head:
        return "not UTF-8 text (binary, or UTF-16)"
    return None


def sample_lines(head: bytes) -> list[str]:
    """Return the first non-empty lines of a file's head; a line that the head cuts is left out."""
    text = head.decode("utf-8-sig", "replace")
    lines = text.splitlines()
    if len(head) >= HEAD_BYTES and len(lines) > 1:
        lines.pop()
    return [line for line in lines if line.strip()][:_SAMPLE_LINES]


def is_number(cell: str) -> bool:
    """Return whether a cell reads as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def utc_only(format_name: str, timezone: str) -> None:
    """Refuse a zone other than UTC for a format whose stamps are epochs.

    Raises:
        ConfigError: another zone is declared.
    """
    if timezone not in {"UTC", "Etc/UTC"}:
        raise ConfigError(
            f"{format_name} stamps are UTC epochs, but the dataset declares {timezone!r}",
            fix="set `timezone: UTC`",
        )
