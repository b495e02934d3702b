"""From the lake's tables to aligned arrays, one `Series` an instrument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake import Footer, Lake, TableKey, series_key
from fints_pipeline.base.lake.keys import decode_part
from fints_pipeline.base.lake.lake import DATA_FILE
from fints_pipeline.base.time import month_of
from fints_pipeline.training.config import DataConfig
from fints_pipeline.walkforward.folds import Fold, Span

FloatArray = NDArray[np.float64]
Stamps = NDArray[np.datetime64]
BoolArray = NDArray[np.bool_]
D = TypeVar("D", bound=np.generic)
KEY = ("open_time", "close_time", "session")
END_SUFFIX = "_end"


_PRICES = ("open", "close", "split_factor", "opens_filled")


@dataclass(frozen=True)
class Columns:
    """What to load beside the keys; an empty choice leaves the table unread.

    Attributes:
        features: columns of the features table.
        labels: columns of the labels table.
        tokens: columns of the tokens table.
        prices: whether to read the bars' prices too.
    """

    features: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    prices: bool = False


@dataclass(frozen=True)
class Prices:
    """Raw prices of (T,) bars, and at whose open an order fills."""

    open: FloatArray
    close: FloatArray
    split_factor: FloatArray
    tradable: BoolArray


@dataclass(frozen=True)
class Label:
    """A label column: (T,) values, NaN where unknown, and when each becomes known (NaT)."""

    value: FloatArray
    end: Stamps


@dataclass(frozen=True)
class Series:
    """One instrument's bars on one time line, ascending; row t is known at ``close_time[t]``.

    Attributes:
        instrument: ``dataset.SYMBOL``.
        open_time: (T,) datetime64[us], UTC.
        close_time: (T,) datetime64[us], UTC.
        session: (T,) datetime64[D], exchange trading day.
        is_filled: (T,) the bar is a stand-in for a missing one.
        features: (T, F) in the order of `Columns.features`, NaN in warm-up.
        labels: by column name.
        tokens: (T, K) int8 in the order of `Columns.tokens`.
        prices: of the bars, where they were asked for.
    """

    instrument: str
    open_time: Stamps
    close_time: Stamps
    session: Stamps
    is_filled: BoolArray
    features: FloatArray
    labels: Mapping[str, Label]
    tokens: NDArray[np.int8]
    prices: Prices | None = None

    def __len__(self) -> int:
        """Return T."""
        return len(self.close_time)

    def good_bars(self) -> Series:
        """Return the series without its filled bars, and without prices."""
        good = ~self.is_filled
        labels = {
            name: Label(label.value[good], label.end[good]) for name, label in self.labels.items()
        }
        return Series(
            self.instrument,
            self.open_time[good],
            self.close_time[good],
            self.session[good],
            self.is_filled[good],
            self.features[good],
            labels,
            self.tokens[good],
        )


@dataclass(frozen=True)
class Dataset:
    """The series that a model learns from or predicts, and the footers of what was read."""

    series: tuple[Series, ...]
    footers: Mapping[str, Footer]

    @property
    def inputs(self) -> dict[str, str]:
        """Digest of each partition that was read, by its key's string."""
        return {key: footer.digest for key, footer in self.footers.items()}


def load_dataset(lake: Lake, data: DataConfig, columns: Columns, span: Span) -> Dataset:
    """Read every instrument's rows whose session lies in ``span``.

    Causal: rows after the span are not returned, though the month that holds its end is read.

    Args:
        lake: where the tables are.
        data: instruments and frequency.
        columns: which columns of which tables.
        span: first and last session, both included.

    Raises:
        KeyNotFoundError: an instrument, a month or a column is missing; near names are listed.
        LakeError: two tables of an instrument do not hold the same bars.
    """
    footers: dict[str, Footer] = {}
    series = tuple(
        _load_series(lake, data, name, columns, span, footers) for name in data.instruments
    )
    return Dataset(series, footers)


def _load_series(
    lake: Lake,
    data: DataConfig,
    instrument: str,
    columns: Columns,
    span: Span,
    footers: dict[str, Footer],
) -> Series:
    wanted = {
        "features": ("is_filled", *columns.features) if columns.features else (),
        "tokens": ("is_filled", *columns.tokens) if columns.tokens else (),
        "labels": tuple(part for name in columns.labels for part in (name, name + END_SUFFIX)),
        "bars": _PRICES if columns.prices else (),
    }
    tables = {
        table: _read(lake, table, data.frequency, instrument, names, span, footers)
        for table, names in wanted.items()
        if names
    }
    _require_same_bars(instrument, tables)
    first = next(iter(tables.values()))
    return Series(
        instrument=instrument,
        open_time=_stamps(first, "open_time"),
        close_time=_stamps(first, "close_time"),
        session=_sessions(first),
        is_filled=first.column("is_filled").to_numpy().astype(np.bool_),
        features=_matrix(tables.get("features"), columns.features, np.float64, len(first)),
        labels={
            name: Label(_floats(tables["labels"], name), _stamps(tables["labels"], name + "_end"))
            for name in columns.labels
        },
        tokens=_matrix(tables.get("tokens"), columns.tokens, np.int8, len(first)),
        prices=_prices(tables["bars"]) if columns.prices else None,
    )


def _prices(bars: pa.Table) -> Prices:
    filled = bars.column("opens_filled").to_numpy().astype(np.bool_)
    open_, close, factor = (_floats(bars, name) for name in _PRICES[:3])
    return Prices(open_, close, factor, ~filled)


def _read(
    lake: Lake,
    table: str,
    frequency: str,
    instrument: str,
    names: Sequence[str],
    span: Span,
    footers: dict[str, Footer],
) -> pa.Table:
    first, last = month_of(span.first), month_of(span.last)
    rows = lake.read_range(table, frequency, instrument, first, last, [*KEY, *names])
    for month in lake.months(table, frequency, instrument):
        if first <= month <= last:
            key = series_key(table, frequency, instrument, month)
            footers[str(key)] = lake.footer(key)
    return rows.filter(pa.array(span.mask(_sessions(rows))))


def _require_same_bars(instrument: str, tables: Mapping[str, pa.Table]) -> None:
    (first_name, first), *others = tables.items()
    if not len(first):
        raise LakeError(f"{first_name} of {instrument} holds no bars in the fold's sessions")
    for name, table in others:
        if not np.array_equal(_stamps(first, "close_time"), _stamps(table, "close_time")):
            raise LakeError(
                f"{first_name} and {name} of {instrument} do not hold the same bars "
                f"({len(first)} and {len(table)} in these sessions)",
                fix=f"materialise both for every month of {instrument}",
            )


def _stamps(table: pa.Table, name: str) -> Stamps:
    values = table.column(name).cast(pa.timestamp("us")).to_numpy()
    return np.asarray(values, dtype="datetime64[us]")


def _sessions(table: pa.Table) -> Stamps:
    return np.asarray(table.column("session").to_numpy(), dtype="datetime64[D]")


def _floats(table: pa.Table, name: str) -> FloatArray:
    return np.asarray(table.column(name).to_numpy(), dtype=np.float64)


def _matrix(table: pa.Table | None, names: Sequence[str], dtype: type[D], rows: int) -> NDArray[D]:
    if table is None:
        return np.empty((rows, 0), dtype)
    return np.column_stack([table.column(name).to_numpy() for name in names]).astype(dtype)


def sessions_present(lake: Lake, data: DataConfig) -> list[date]:
    """Return every session in which an instrument has features, ascending.

    A month whose file is still the same is not read again by this process.
    """
    found: set[date] = set()
    for instrument in data.instruments:
        series = TableKey("features", (("freq", data.frequency), ("instrument", instrument)))
        for path, stamp in lake.store.stamps(series.folder, DATA_FILE):
            known = _SESSIONS.get((lake.location, path))
            if known is None or known[0] != stamp:
                month = decode_part(path.rpartition("=")[2])
                key = series_key("features", data.frequency, instrument, month)
                own = lake.read(key, ["session"]).column("session").unique().to_pylist()
                known = _SESSIONS[lake.location, path] = stamp, frozenset(own)
            found |= known[1]
    return sorted(found)


_SESSIONS: dict[tuple[str, str], tuple[str, frozenset[date]]] = {}
"""By lake and a month's folder: its file's stamp, and the sessions in it."""


def until_validation(fold: Fold) -> Span:
    """Return the sessions that training reads: from the training span's to validation's end.

    A cross-validated fold trains on both sides of its test, so that its whole extent is read: what
    reaches into a test is purged by its times.
    """
    return Span(fold.train.first, fold.validation.last) if fold.is_ordered else fold.extent
