"""pystock's daily deliveries: a tar.gz a day with the last two sessions of thousands of symbols.

``prices.csv``: symbol, date, open, high, low, close, volume, adj_close, with a header. Prices are
not adjusted; ``adj_close`` is, as known that day, so the session before a split shows its ratio.
Deliveries overlap and restate: each is known from the end of the day in its name.
Source: https://github.com/eliangcs/pystock-data
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fints_pipeline.data.csv_table import read_csv
from fints_pipeline.data.formats._base import (
    PRICES,
    Evidence,
    Format,
    ParsedBars,
    action_table,
    is_symbol,
    not_text,
    parsed,
    sample_lines,
)
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.stamps import StampColumn
from fints_pipeline.data.wall_clock import zone

COLUMNS = ("symbol", "date", *PRICES, "volume", "adj_close")
_TYPES = {
    "symbol": pa.string(),
    "date": pa.string(),
    **dict.fromkeys((*PRICES, "volume", "adj_close"), pa.float64()),
}
_ARCHIVE = re.compile(r"^(\d{8})\.tar\.gz$")
_COMPANIONS = ("symbols.txt", "reports.csv")
# A split moves the price by more than any dividend, to a fraction of small numbers.
_SMALLEST_SPLIT, _LARGEST_TERM, _RATIO_NOISE = 1.2, 20, 2e-3


class Pystock(Format):
    """Deliveries of pystock-data.

    Attributes:
        symbols: Take these alone; none stands for all.
    """

    frequencies: ClassVar[tuple[str, ...]] = ("1D",)
    symbols: tuple[str, ...] = ()

    def recognise(self, file: SourceFile) -> Evidence:
        """Look for the header of ``prices.csv``."""
        if file.names[0] in _COMPANIONS:
            return Evidence(True, ("beside the prices; not read",), "nothing")
        if fault := not_text(file.head):
            return Evidence(False, (fault,))
        header = sample_lines(file.head)[0]
        if header.split(",") != list(COLUMNS):
            return Evidence(False, (f"its first line is {header[:60]!r}",))
        return Evidence(True, (f"the header {header}",))

    def symbol_in(self, name: str) -> str | None:
        """Return None: symbols stand in the rows."""
        return None

    def known_at(self, archive: str, timezone: str) -> datetime | None:
        """Return the end of the day that names the archive, on the market's clock."""
        match = _ARCHIVE.match(archive)
        if match is None:
            return None
        try:
            day = datetime.strptime(match[1], "%Y%m%d")
        except ValueError:
            return None
        return (day + timedelta(days=1)).replace(tzinfo=zone(timezone)).astimezone(UTC)

    def read(self, file: SourceFile) -> ParsedBars:
        """Read bars and the splits that the adjusted close shows."""
        table = read_csv(file.path, file.where, COLUMNS, _TYPES, skip_rows=1)
        rows = np.arange(2, table.num_rows + 2)
        kept, notes = self._kept(table.column("symbol"))
        table, rows = table.filter(pa.array(kept)), rows[kept]
        days, _ = StampColumn(table.column("date"), "date", file.where, first_row=2).dates()
        bars = parsed(days, table)
        bars = bars.set_column(bars.num_columns - 1, "source_row", pa.array(rows))
        symbols = table.column("symbol").combine_chunks()
        return ParsedBars(bars, notes, symbols, _splits(symbols, days, table))

    def _kept(self, symbols: pa.ChunkedArray) -> tuple[npt.NDArray[np.bool_], tuple[str, ...]]:
        named = pc.fill_null(symbols, "")
        valid = np.array([is_symbol(symbol) for symbol in named.to_pylist()], dtype=bool)
        notes = [f"{(~valid).sum()} rows without a usable symbol passed over"] * (not valid.all())
        if self.symbols:
            wanted = pc.is_in(named, pa.array(self.symbols)).to_numpy(zero_copy_only=False)
            notes.append(f"{(valid & ~wanted).sum()} rows of other symbols passed over")
            valid &= wanted
        return valid, tuple(notes)


def _splits(symbols: pa.Array, days: npt.NDArray[np.datetime64], table: pa.Table) -> pa.Table:
    """Return the splits between two sessions of one delivery, by the step in close/adj_close."""
    codes = symbols.dictionary_encode()
    index = codes.indices.to_numpy()
    order = np.lexsort((days, index))
    factor = (table.column("close").to_numpy() / table.column("adj_close").to_numpy())[order]
    with np.errstate(all="ignore"):
        ratio = factor[:-1] / factor[1:]
    same = (index[order][1:] == index[order][:-1]) & np.isfinite(ratio) & (ratio > 0)
    found = [
        (row, near)
        for row in np.flatnonzero(same).tolist()
        if (near := _split_ratio(float(ratio[row]))) is not None
    ]
    actions = [
        action_table(
            codes.dictionary[int(index[order][row + 1])].as_py(),
            days[order][row + 1 : row + 2],
            "split",
            [near],
        )
        for row, near in found
    ]
    return pa.concat_tables([action_table(None, days[:0], "split", []), *actions])


def _split_ratio(ratio: float) -> float | None:
    if 1 / _SMALLEST_SPLIT < ratio < _SMALLEST_SPLIT or not 1e-3 < ratio < 1e3:
        return None
    near = Fraction(ratio).limit_denominator(_LARGEST_TERM)
    if not near or abs(ratio / float(near) - 1) > _RATIO_NOISE:
        near = 1 / Fraction(1 / ratio).limit_denominator(_LARGEST_TERM)
    return float(near) if abs(ratio / float(near) - 1) <= _RATIO_NOISE else None
