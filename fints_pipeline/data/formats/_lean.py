"""What LEAN's daily and minute files share: scaled prices, and the files that stand beside them.

Source: https://www.quantconnect.com/docs/v2/writing-algorithms/importing-data (US equity formats)
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.csv_table import bad_cell, read_csv
from fints_pipeline.data.formats._base import (
    ACTION_FIELDS,
    PARSED_SCHEMA,
    PRICES,
    TICKER_FIELDS,
    Evidence,
    ParsedBars,
    action_table,
    check_symbol,
    is_number,
    not_text,
    sample_lines,
)
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.stamps import StampColumn

SCALE = 10_000.0
_FACTOR_COLUMNS = ("date", "price_factor", "split_factor", "reference_price")
_FACTOR_TYPES = {"date": pa.string(), **dict.fromkeys(_FACTOR_COLUMNS[1:], pa.float64())}
_DAY = re.compile(r"^\d{8}$")
# Factors are written with 7 digits; a ratio of two is a fraction if it is one within this.
_FACTOR_NOISE, _LARGEST_TERM = 1e-4, 100
_DIVIDEND_DIGITS = 4
# Beyond this a factor is damage, and the ratio of two might not be a number.
_LEAST_FACTOR = 1e-9
# LEAN's US equities begin here: a ticker's first row of this date says "as long as there is data".
_FIRST_DAY, _SINCE_EVER = date(1998, 1, 2), date(1900, 1, 1)


def companion(file: SourceFile) -> Evidence | None:
    """Return what a factor or map file is, None for any other file."""
    if not_text(file.head):
        return None
    rows = [line.split(",") for line in sample_lines(file.head)]
    if not rows or not all(_DAY.match(row[0]) for row in rows):
        return None
    if all(len(row) == 4 and all(map(is_number, row[1:])) for row in rows):
        reasons = ("a LEAN factor file: date, price factor, split factor, reference price",)
        return Evidence(True, reasons, holds="actions")
    if all(len(row) in (2, 3) and not is_number(row[1]) for row in rows):
        reasons = ("a LEAN map file: last day, ticker, exchange; bars go to who had the ticker",)
        return Evidence(True, reasons, holds="tickers")
    return None


def read_factors(file: SourceFile) -> ParsedBars:
    """Read a factor file's splits and dividends.

    A row's factors hold up to and including its date, so an action's ex-date is the session after
    it; here it is the day after, which who knows the calendar moves to the next session.

    Raises:
        ArchiveError: a row cannot be read, or a factor is not a positive number.
    """
    table = read_csv(file.path, file.where, _FACTOR_COLUMNS, _FACTOR_TYPES)
    days, _ = StampColumn(table.column("date"), "date", file.where, text_format="%Y%m%d").dates()
    for name in _FACTOR_COLUMNS[1:3]:
        _check_factors(table.column(name).to_numpy(), name, file.where)
    order = np.argsort(days)
    price, split, reference = (table.column(name).to_numpy()[order] for name in _FACTOR_COLUMNS[1:])
    after = days[order][:-1] + np.timedelta64(1, "D")
    ratios = np.array([_fraction(ratio) for ratio in split[1:] / split[:-1]])
    paid = np.round(reference[:-1] * (1 - price[:-1] / price[1:]), _DIVIDEND_DIGITS)
    splits, dividends = ratios != 1, paid > 0
    actions = pa.concat_tables(
        [
            action_table(None, after[splits], "split", ratios[splits]),
            action_table(None, after[dividends], "dividend", paid[dividends]),
        ]
    )
    return ParsedBars(PARSED_SCHEMA.empty_table(), actions=actions.cast(ACTION_FIELDS))


def read_tickers(file: SourceFile) -> ParsedBars:
    """Read a map file: which ticker an instrument's bars were filed under, and until when.

    The first row is the first day of the instrument, each other one the last day of a ticker. The
    file is called after the last ticker (``twx.1`` where another instrument took it over).

    Raises:
        ArchiveError: a row cannot be read, or its day is not after the one before it.
    """
    text = file.path.read_text(encoding="utf-8-sig", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    spells: list[dict[str, object]] = []
    before: date | None = None
    for number, line in enumerate(lines, start=1):
        last, ticker, exchange = _mapped(line, number, file.where)
        if before is not None and last < before:
            raise ArchiveError(
                f"{last} comes after {before}: the days of a map file ascend",
                where=f"{file.where}, row {number}",
            )
        if before is None:
            first = last if last > _FIRST_DAY else _SINCE_EVER
        else:
            first = before + timedelta(days=1)
        if spells and spells[-1]["ticker"] == ticker:
            spells[-1] |= {"last_day": last, "exchange": exchange}
        elif first <= last:
            spells.append(
                {"ticker": ticker, "first_day": first, "last_day": last, "exchange": exchange}
            )
        before = last
    tickers = pa.Table.from_pylist(spells, schema=TICKER_FIELDS)
    return ParsedBars(PARSED_SCHEMA.empty_table(), tickers=tickers)


def _mapped(line: str, row: int, where: str) -> tuple[date, str, str]:
    """Return the day, ticker and exchange of a map file's row."""
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) not in (2, 3):
        raise ArchiveError(
            f"a row has {len(cells)} cells where day, ticker and exchange are expected",
            where=f"{where}, row {row}",
        )
    try:
        day = datetime.strptime(cells[0] if _DAY.match(cells[0]) else "", "%Y%m%d").date()
    except ValueError:
        raise bad_cell(where, row, "date", cells[0], "a day like 20140402") from None
    try:
        ticker = check_symbol(cells[1].upper())
    except ArchiveError as error:
        raise ArchiveError(error.what, where=f"{where}, row {row}, column ticker") from None
    return day, ticker, cells[2] if len(cells) == 3 else ""


def unscaled(table: pa.Table) -> pa.Table:
    """Return a table with its prices divided by `SCALE`."""
    for name in PRICES:
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pc.divide(table.column(name), SCALE))
    return table


def price_fault(cells: list[str]) -> str | None:
    """Return why four cells are no prices as LEAN writes them (no decimal point), or None."""
    if not all(re.fullmatch(r"-?\d+", cell) for cell in cells if cell):
        return "prices are not whole numbers (× 10 000)"
    return None


def _check_factors(factors: npt.NDArray[np.float64], column: str, where: str) -> None:
    fine = (factors >= _LEAST_FACTOR) & (factors <= 1 / _LEAST_FACTOR)
    if not fine.all():
        row = int(fine.argmin())
        raise bad_cell(where, row + 1, column, str(factors[row]), "a factor above 0 and finite")


def _fraction(ratio: float) -> float:
    """Return the simple fraction that a ratio of rounded factors stands for."""
    near = Fraction(ratio).limit_denominator(_LARGEST_TERM)
    return float(near) if near and abs(ratio / float(near) - 1) < _FACTOR_NOISE else ratio
