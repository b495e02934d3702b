"""Yahoo-like daily bars: CSV, Parquet or Feather, one header level or two (field, ticker).

Open, High, Low and Close come divided by every split up to the download, Volume multiplied, and
dividends are per share as it is today: the recorded Stock Splits undo that, so raw prices come out
as they traded. Adj Close is not taken: it is made again from the dividends.
"""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.columnar import number_column, read_columns
from fints_pipeline.data.csv_table import bad_cell, read_csv
from fints_pipeline.data.formats._base import (
    Evidence,
    Format,
    ParsedBars,
    action_table,
    check_symbol,
    parsed,
)
from fints_pipeline.data.formats._yahoo_columns import (
    DIVIDENDS,
    PRICES,
    SPLITS,
    VOLUME,
    Columns,
    columns_of,
)
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.stamps import StampColumn

_NAME = re.compile(
    r"^([A-Za-z0-9.-]+?)(?:[_-](?:1d|daily))?\.(?:csv|parquet|feather|zip|csv\.gz)$", re.IGNORECASE
)
_DIVIDEND_DIGITS = 6
_DIGITS, _DIGITS_BELOW_ONE = 4, 6
_Days = npt.NDArray[np.datetime64]
_Floats = npt.NDArray[np.float64]


class YahooDaily(Format):
    """Daily bars with Adj Close, Dividends or Stock Splits."""

    frequencies: ClassVar[tuple[str, ...]] = ("1D",)

    def recognise(self, file: SourceFile) -> Evidence:
        """Look for a date, the four prices, volume, and what only this source adds."""
        found = columns_of(file)
        if isinstance(found, str):
            return Evidence(False, (found,))
        tickers = [ticker for ticker in found.fields if ticker]
        fields = next(iter(found.fields.values()))
        return Evidence(
            True,
            (
                f"{found.levels} header level{'s' * (found.levels > 1)}",
                f"columns {', '.join(fields)}",
                *([f"{len(tickers)} ticker(s): {', '.join(tickers[:3])}"] if tickers else []),
            ),
        )

    def symbol_in(self, name: str) -> str | None:
        """Return ``AAPL`` of ``AAPL.parquet``."""
        match = _NAME.match(name)
        return match[1] if match else None

    def read(self, file: SourceFile) -> ParsedBars:
        """Read every ticker's bars, splits undone, and its actions."""
        found = columns_of(file)
        if isinstance(found, str):
            raise ArchiveError(found, where=file.where)
        table = _table(file, found)
        column = StampColumn(
            table.column(found.date), "Date", file.where, found.header + 1, file.timezone
        )
        days, notes = column.dates()
        parts = [_Ticker(ticker, fields, file, found.header + 1) for ticker, fields in
                 found.fields.items()]  # fmt: skip
        read = [part.read(table, days) for part in parts]
        symbols = None
        if found.levels > 1:
            symbols = pa.concat_arrays([each.symbols for each in read])
        return ParsedBars(
            pa.concat_tables([each.table for each in read]),
            (*notes, *(note for each in read for note in each.notes)),
            symbols,
            pa.concat_tables([each.actions for each in read]),
        )


class _Ticker:
    """One ticker's columns of a file."""

    def __init__(
        self, ticker: str | None, fields: dict[str, str], file: SourceFile, first_row: int
    ) -> None:
        self.ticker = check_symbol(ticker) if ticker else None
        self.fields = fields
        self.file = file
        self.first_row = first_row

    def read(self, table: pa.Table, days: _Days) -> ParsedBars:
        bars = {name: self._numbers(table, field) for field, name in PRICES.items()}
        volume = self._numbers(table, VOLUME)
        # In a file of several tickers a row stands wherever one of them traded.
        traded = ~np.isnan(np.array(list(bars.values()))).all(axis=0)
        splits = self._events(table, SPLITS)
        later = _later_ratio(days, splits)
        raw = {
            name: pa.array(_denoised((values * later)[traded]), from_pandas=True)
            for name, values in bars.items()
        }
        raw["volume"] = pa.array((volume / later)[traded], from_pandas=True)
        rows = parsed(days[traded], pa.table(raw))
        numbers = np.arange(self.first_row, self.first_row + days.size)[traded]
        at = rows.num_columns - 1
        return ParsedBars(
            rows.set_column(at, rows.schema.field(at), pa.array(numbers)),
            self._notes(splits, int((~traded).sum())),
            pa.array([self.ticker] * rows.num_rows, pa.string()),
            self._actions(table, days, splits, later),
        )

    def _numbers(self, table: pa.Table, field: str) -> _Floats:
        column = number_column(table, self.fields[field], self.file.where)
        return np.asarray(column.to_numpy(), dtype=np.float64)

    def _events(self, table: pa.Table, field: str) -> _Floats:
        """Return a column of events, 0 where there is none (or no such column)."""
        if field not in self.fields:
            return np.zeros(table.num_rows)
        events = np.nan_to_num(self._numbers(table, field), nan=0.0, posinf=-1.0)
        if (events < 0).any():
            row = int(np.argmax(events < 0))
            raise bad_cell(
                self.file.where, self.first_row + row, field, events[row], "zero or a ratio"
            )
        return events

    def _actions(self, table: pa.Table, days: _Days, splits: _Floats, later: _Floats) -> pa.Table:
        paid = np.round(self._events(table, DIVIDENDS) * later, _DIVIDEND_DIGITS)
        split = (splits > 0) & (splits != 1)
        return pa.concat_tables(
            [
                action_table(self.ticker, days[split], "split", splits[split]),
                action_table(self.ticker, days[paid > 0], "dividend", paid[paid > 0]),
            ]
        )

    def _notes(self, splits: _Floats, empty: int) -> tuple[str, ...]:
        who = f"{self.ticker}: " if self.ticker else ""
        notes = [f"{who}{empty} rows without a price passed over"] * bool(empty)
        if SPLITS not in self.fields:
            notes.append(f"{who}no column {SPLITS!r}: prices stay adjusted for splits, if any")
        elif (splits > 0).any():
            notes.append(f"{who}{int((splits > 0).sum())} recorded splits undone in earlier rows")
        return tuple(notes)


def _denoised(prices: _Floats) -> _Floats:
    """Return prices without the noise of the single precision that they come in."""
    digits = np.where(prices < 1, _DIGITS_BELOW_ONE, _DIGITS)
    rounded: _Floats = np.round(prices * 10.0**digits) / 10.0**digits
    return rounded


def _later_ratio(days: _Days, splits: _Floats) -> _Floats:
    """Return the product of the ratios with an ex-date after each row's day."""
    order = np.argsort(days, kind="stable")
    ratios = np.where(splits > 0, splits, 1.0)[order]
    after = np.cumprod(ratios[::-1])[::-1] / ratios
    later = np.empty_like(after)
    later[order] = after
    return later


def _table(file: SourceFile, found: Columns) -> pa.Table:
    wanted = [name for fields in found.fields.values() for name in fields.values()]
    if file.schema is not None:
        return read_columns(file.path, file.where, [found.date, *wanted])
    types = {found.date: pa.string(), **dict.fromkeys(wanted, pa.float64())}
    return read_csv(file.path, file.where, found.names, types, skip_rows=found.header)
