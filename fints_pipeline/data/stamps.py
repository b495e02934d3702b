"""A column of stamps, however it is written, into UTC stamps or session dates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.csv_table import bad_cell
from fints_pipeline.data.epochs import UNITS, to_microseconds, units_of
from fints_pipeline.data.wall_clock import Times, to_utc, zone

_MICROSECONDS = {"s": 10**6, "ms": 10**3, "us": 1}


@dataclass(frozen=True)
class StampColumn:
    """Stamps of one file, in file order.

    Attributes:
        values: Of any type that a vendor may choose.
        name: The column's name, for errors.
        where: The file, for errors.
        first_row: Row number of the first value.
        timezone: IANA zone of stamps that carry none.
        text_format: ``strptime`` format of text; None for ISO 8601.
        epoch: Unit of numbers; None decides by value.
    """

    values: pa.ChunkedArray
    name: str
    where: str
    first_row: int = 1
    timezone: str = "UTC"
    text_format: str | None = None
    epoch: str | None = None

    def utc(self) -> tuple[Times, tuple[str, ...]]:
        """Return (n,) datetime64[us] in UTC, and notes of what was decided by value.

        Raises:
            ArchiveError: a value is no stamp, or lies in an hour that the zone's clock does not
                show, or shows twice; the message names the row.
        """
        self._refuse_nulls()
        kind = self.values.type
        if pa.types.is_integer(kind):
            return self._from_epochs()
        if pa.types.is_timestamp(kind):
            stamps, aware = _micros(self.values), kind.tz is not None
        elif pa.types.is_date(kind):
            stamps, aware = _micros(self.values.cast(pa.timestamp("us"))), False
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            stamps, aware = self._from_text()
        else:
            raise ArchiveError(f"column {self.name!r} holds {kind}, not stamps", where=self.where)
        if aware:
            return stamps, ()
        return to_utc(stamps, self.timezone, self.where, self.first_row), ()

    def dates(self) -> tuple[Times, tuple[str, ...]]:
        """Return (n,) datetime64[D]: the day that each stamp's own clock shows.

        Raises:
            ArchiveError: a value is no stamp; the message names the row.
        """
        self._refuse_nulls()
        kind = self.values.type
        if pa.types.is_integer(kind):
            stamps, notes = self._from_epochs()
            return _local_days(stamps, self.timezone), notes
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            return _local_days(_micros(self.values), kind.tz), ()
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            stamps, aware = self._from_text()
            days = _local_days(stamps, self.timezone) if aware else stamps.astype("datetime64[D]")
            return days, ()
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            return _micros(self.values.cast(pa.timestamp("us"))).astype("datetime64[D]"), ()
        raise ArchiveError(f"column {self.name!r} holds {kind}, not dates", where=self.where)

    def _refuse_nulls(self) -> None:
        if self.values.null_count:
            row = self.values.is_null().to_pylist().index(True)
            raise bad_cell(self.where, self.first_row + row, self.name, "", "a stamp")

    def _from_epochs(self) -> tuple[Times, tuple[str, ...]]:
        numbers = self.values.cast(pa.int64()).to_numpy()
        if self.epoch is None:
            micros, notes = to_microseconds(numbers, self.where, self.name, self.first_row)
            return micros.astype("datetime64[us]"), notes
        # The declared unit has to agree with the size of the values.
        units = {"us": "µs"}.get(self.epoch, self.epoch)
        self._refuse_other_units(numbers, UNITS.index(units))
        micros, _ = to_microseconds(numbers, self.where, self.name, self.first_row)
        return micros.astype("datetime64[us]"), ()

    def _refuse_other_units(self, numbers: npt.NDArray[np.int64], unit: int) -> None:
        other = units_of(numbers) != unit
        if other.any():
            row = int(np.argmax(other))
            raise bad_cell(
                self.where, self.first_row + row, self.name, int(numbers[row]),
                f"an epoch in {UNITS[unit]}",
            )  # fmt: skip

    def _from_text(self) -> tuple[Times, bool]:
        """Return stamps and whether they carry an offset from UTC."""
        text = self.values.to_pandas()
        carries_offset = _carries_offset(self.text_format, str(text.iloc[0]) if len(text) else "")
        parsed = pd.to_datetime(
            text, format=self.text_format or "ISO8601", errors="coerce", utc=carries_offset
        )
        wrong = parsed.isna().to_numpy()
        if not carries_offset and not wrong.any() and getattr(parsed.dtype, "tz", None) is not None:
            wrong = np.ones(len(text), dtype=bool)
        if wrong.any():
            row = int(np.argmax(wrong))
            expected = f"a stamp like {self.text_format or 'ISO 8601'}"
            raise bad_cell(self.where, self.first_row + row, self.name, text.iloc[row], expected)
        if carries_offset:
            parsed = parsed.dt.tz_convert("UTC").dt.tz_localize(None)
        return parsed.to_numpy().astype("datetime64[us]"), carries_offset


def _carries_offset(text_format: str | None, sample: str) -> bool:
    if text_format is not None:
        return "%z" in text_format
    time = sample.partition("T")[2] or sample.partition(" ")[2]
    return time.endswith("Z") or "+" in time or "-" in time


def _micros(column: pa.ChunkedArray) -> Times:
    unit = column.type.unit
    numbers = column.cast(pa.int64()).to_numpy()
    if unit == "ns":
        return np.asarray((numbers // 1000).astype("datetime64[us]"))
    return np.asarray((numbers * _MICROSECONDS[unit]).astype("datetime64[us]"))


def _local_days(stamps: Times, timezone: str) -> Times:
    zone(timezone)
    local = pd.DatetimeIndex(stamps).tz_localize("UTC").tz_convert(timezone).tz_localize(None)
    return np.asarray(local.to_numpy().astype("datetime64[D]"))


def in_groups(column: StampColumn, groups: pa.Array) -> tuple[Times, tuple[str, ...]]:
    """Return `StampColumn.utc` where rows of several symbols stand in one file.

    The order of the file tells the two passes of a repeated hour symbol by symbol, where it does
    not for the file as a whole.

    Args:
        column: The stamps.
        groups: (n,) Each row's symbol.

    Raises:
        ArchiveError: as `StampColumn.utc` does.
    """
    try:
        return column.utc()
    except ArchiveError as whole:
        codes = groups.dictionary_encode().indices.to_numpy()
        times = np.empty(len(codes), dtype="datetime64[us]")
        for code in range(int(codes.max(initial=-1)) + 1):
            rows = np.flatnonzero(codes == code)
            try:
                times[rows], _ = replace(column, values=column.values.take(pa.array(rows))).utc()
            except ArchiveError:
                raise whole from None
        return times, ()


def concatenate(date: pa.ChunkedArray, time: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return text stamps of a column of dates and one of times, a space between them."""
    return pc.binary_join_element_wise(date, time, " ")
