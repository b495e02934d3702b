"""What a format is: it recognises a file by content, knows its symbols, and reads its bars."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fints_pipeline.base.components import Component
from fints_pipeline.base.errors import ArchiveError, ConfigError
from fints_pipeline.data.columnar import is_columnar
from fints_pipeline.data.source_file import HEAD_BYTES, SourceFile

PRICES = ("open", "high", "low", "close")
PARSED_SCHEMA = pa.schema(
    [
        pa.field("open_time", pa.timestamp("us", "UTC"), nullable=False),
        *(pa.field(name, pa.float64()) for name in (*PRICES, "volume")),
        pa.field("source_row", pa.int64(), nullable=False),
    ]
)
ACTION_FIELDS = pa.schema(
    [
        pa.field("symbol", pa.string()),
        pa.field("ex_date", pa.date32(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
TICKER_FIELDS = pa.schema(
    [
        pa.field("ticker", pa.string(), nullable=False),
        pa.field("first_day", pa.date32(), nullable=False),
        pa.field("last_day", pa.date32(), nullable=False),
        pa.field("exchange", pa.string(), nullable=False),
    ]
)
_SYMBOL = re.compile(r"^[A-Za-z0-9._-]+$")
_SAMPLE_LINES = 10


@dataclass(frozen=True)
class Evidence:
    """Whether a file is of a format, and what speaks for it or against it.

    Attributes:
        matches: Whether the format knows the file.
        reasons: What was seen.
        holds: What is to be had from it; ``nothing`` for files that vendors put beside their bars.
    """

    matches: bool
    reasons: tuple[str, ...]
    holds: Literal["bars", "actions", "tickers", "nothing"] = "bars"


@dataclass(frozen=True)
class ParsedBars:
    """What one file holds.

    Attributes:
        table: `PARSED_SCHEMA`, in file order; ``open_time`` is the start of the bar, for daily bars
            midnight of the session's date.
        notes: What was decided by value and is worth telling.
        symbols: Each row's symbol, where one file holds several; None where its name tells it.
        actions: `ACTION_FIELDS`: splits and dividends that the file records, without a symbol
            where its name tells it; a split's value is new shares for each old one.
        tickers: `TICKER_FIELDS`, ascending: which tickers the instrument that the file is called
            after had when.
    """

    table: pa.Table
    notes: tuple[str, ...] = ()
    symbols: pa.Array | None = None
    actions: pa.Table | None = None
    tickers: pa.Table | None = None


class Format(Component):
    """A vendor's layout. One subclass a module; ``name`` is the module's name.

    ``version`` goes up when the same bytes read differently than before: what was parsed with
    another version is parsed again. ``frequencies`` are the lengths of bars that it can hold; none
    stands for any. ``has_tickers`` says that files of it are called after the ticker of their day,
    and that other files beside them tell which instrument had it.
    """

    version: ClassVar[int] = 1
    has_tickers: ClassVar[bool] = False
    frequencies: ClassVar[tuple[str, ...]] = ("1m",)

    def check_zone(self, timezone: str) -> None:
        """Refuse a declared time zone that contradicts the format; by default any will do.

        Raises:
            ConfigError: it does.
        """

    @abstractmethod
    def recognise(self, file: SourceFile) -> Evidence:
        """Judge a file by how it begins, or by its columns."""

    @abstractmethod
    def symbol_in(self, name: str) -> str | None:
        """Return the symbol that a file's or archive's name holds, or None."""

    @abstractmethod
    def read(self, file: SourceFile) -> ParsedBars:
        """Read a recognised file.

        Raises:
            ArchiveError: a row or cell cannot be read; the message names it.
        """

    def known_at(self, archive: str, timezone: str) -> datetime | None:
        """Return when an archive was delivered, where its name tells; UTC."""
        return None

    def symbol(self, file: SourceFile) -> str:
        """Return a file's symbol, by its own name or else by what it lies in.

        Raises:
            ArchiveError: neither holds one, or it has characters other than letters, digits, . _ -
        """
        found = next((symbol for name in file.names if (symbol := self.symbol_in(name))), None)
        if found is None:
            raise ArchiveError(
                f"neither name holds a symbol as {self.name} writes it",
                where=" in ".join(file.names),
            )
        return check_symbol(found)


def is_symbol(symbol: str) -> bool:
    """Return whether a symbol is made of letters, digits, ``.``, ``_`` and ``-``."""
    return bool(_SYMBOL.match(symbol) and symbol.strip("."))


def check_symbol(symbol: str) -> str:
    """Return ``symbol`` if it is made of letters, digits, ``.``, ``_`` and ``-``.

    Raises:
        ArchiveError: it is not.
    """
    if not is_symbol(symbol):
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


def action_table(
    symbol: str | None, ex_dates: npt.NDArray[np.datetime64], kind: str, values: object
) -> pa.Table:
    """Return `ACTION_FIELDS` of one symbol's actions of one kind."""
    count = len(ex_dates)
    return pa.Table.from_arrays(
        [
            pa.array([symbol] * count, pa.string()),
            pa.array(ex_dates.astype("datetime64[D]")),
            pa.array([kind] * count, pa.string()),
            pa.array(values, pa.float64()),
        ],
        schema=ACTION_FIELDS,
    )


def not_text(head: bytes) -> str | None:
    """Return why a file's head is no UTF-8 text, or None."""
    if not head.strip():
        return "no lines of text"
    if is_columnar(head):
        return "a Parquet or Feather file, not text"
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
