"""Raw bars by instrument and session month: every delivery's rows, side by side.

A slice is a partition of the ``raw_bars`` table. Restated rows stand beside the ones that they
restate, told apart by ``known_at``; which one counts is the cleaner's decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fints_pipeline.base.errors import DamagedError
from fints_pipeline.base.lake import Lake, Lineage, TableKey, series_key
from fints_pipeline.base.lake.contract import TableValidator, check_columns
from fints_pipeline.data.calendars import Calendar, Stamps
from fints_pipeline.schemas.raw_bars import RAW_BARS as CONTRACT

RAW_BARS = "raw_bars"
FREQUENCY = "1m"
CODE_VERSION = "slices 2"
_ORDER = [("known_at", "ascending"), ("archive", "ascending"), ("source_row", "ascending")]


class _RawSlices:
    """`CONTRACT` without pandas: it asks no more of a row than Arrow can check.

    An inbox can touch thousands of slices of a few rows, where Pandera's start-up would be all the
    work. A test holds the schema to having no further checks.
    """

    name = CONTRACT.name
    arrow_schema = CONTRACT.arrow_schema
    fingerprint = CONTRACT.fingerprint

    def validate(self, table: pa.Table) -> None:
        """Check names, order, types and nulls."""
        check_columns(self.name, self.arrow_schema, table)


RAW_SLICES = _RawSlices()


@dataclass(frozen=True)
class SliceChange:
    """A partition that staging wrote with another content than before.

    Attributes:
        table: ``raw_bars``, ``corporate_actions``, ``raw_exogenous`` or ``raw_news``.
        instrument: ``dataset.SYMBOL``; of an exogenous series its name.
        month: Month of the session (of the ex-date, of publication), ``2023-01``; of an exogenous
            series ``all``.
        before: Digest before, None where there was no partition.
        after: Digest now.
        rows: Rows now.
    """

    table: str
    instrument: str
    month: str
    before: str | None
    after: str
    rows: int


def slices(
    lake: Lake, damaged: MutableMapping[str, str] | None = None
) -> dict[tuple[str, str], str]:
    """Return the digest of every slice, by instrument and month.

    Args:
        lake: The lake.
        damaged: Gets the message of each slice that cannot be read, which is then left out;
            without it the first such is raised.

    Raises:
        DamagedError: a slice cannot be read.
    """
    found = {}
    for frequency in lake.values(RAW_BARS, (), "freq"):
        for instrument in lake.instruments(RAW_BARS, frequency):
            for month in lake.months(RAW_BARS, frequency, instrument):
                key = slice_key(instrument, month, frequency)
                try:
                    found[instrument, month] = lake.digest(key)
                except DamagedError as error:
                    if damaged is None:
                        raise
                    damaged[str(key)] = str(error)
    return found


def slice_key(instrument: str, month: str, frequency: str = FREQUENCY) -> TableKey:
    """Return the key of one slice."""
    return series_key(RAW_BARS, frequency, instrument, month)


def split(
    rows: pa.Table, calendar_of: Callable[[str], Calendar], frequency: str
) -> dict[TableKey, pa.Table]:
    """Split rows by instrument and the month of their session, keeping their order.

    Args:
        rows: In the columns of raw_bars.
        calendar_of: Gives an instrument's calendar.
        frequency: Length of the bars.
    """
    if not rows.num_rows:
        return {}
    encoded = rows.column("instrument").combine_chunks().dictionary_encode()
    codes, names = encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
    months = _session_months(rows, codes, [calendar_of(name) for name in names])
    order = np.lexsort((months, codes))
    months, codes = months[order], codes[order]
    ordered = rows if (order[1:] > order[:-1]).all() else rows.take(pa.array(order))
    breaks = (months[1:] != months[:-1]) | (codes[1:] != codes[:-1])
    starts = np.flatnonzero(np.r_[True, breaks]).tolist()
    return {
        slice_key(names[codes[start]], str(months[start]), frequency): ordered.slice(
            start, end - start
        )
        for start, end in zip(starts, [*starts[1:], rows.num_rows], strict=True)
    }


def _session_months(
    rows: pa.Table, codes: npt.NDArray[np.int64], calendars: Sequence[Calendar]
) -> Stamps:
    """Return the month of each row's session; ``codes`` number the instruments' calendars."""
    opened = rows.column("open_time").to_numpy().astype("datetime64[us]")
    months = np.empty(opened.size, dtype="datetime64[M]")
    for calendar in set(calendars):
        mine = np.array([each is calendar for each in calendars])[codes]
        months[mine] = calendar.trading_day(opened[mine]).astype("datetime64[M]")
    return months


def merge(
    lake: Lake,
    key: TableKey,
    archives: Mapping[str, pa.Table],
    config_fingerprint: str,
    contract: TableValidator | None = None,
) -> SliceChange | None:
    """Make ``archives``' rows what a slice holds of them.

    Args:
        lake: The lake.
        key: The slice.
        archives: By SHA-256, an archive's rows of this slice; none where an earlier reading of the
            archive put rows here and the new one has none.
        config_fingerprint: Of what the rows were read with.
        contract: Schema of the slice, which has ``archive``, ``source_row`` and ``known_at``; None
            for raw bars.

    Returns:
        What changed, or None.
    """
    before = lake.footer(key) if lake.exists(key) else None
    inputs = dict(before.lineage.inputs) if before else {}
    for archive, rows in archives.items():
        inputs.pop(f"archives/{archive}", None)
        if rows.num_rows:
            inputs[f"archives/{archive}"] = archive
    lineage = Lineage(CODE_VERSION, config_fingerprint, inputs)
    footer = lake.update(key, partial(_replace_rows, archives), contract or RAW_SLICES, lineage)
    digest = before.digest if before else None
    if footer.digest == digest:
        return None
    instrument, month = key["instrument"], key["month"]
    return SliceChange(key.table, instrument, month, digest, footer.digest, footer.rows)


def _replace_rows(archives: Mapping[str, pa.Table], before: pa.Table | None) -> pa.Table:
    """Return a slice in which the rows of ``archives`` are theirs."""
    tables = list(archives.values())
    if before is not None:
        ours = pa.array(list(archives), pa.string())
        tables.append(before.filter(pc.invert(pc.is_in(before.column("archive"), ours))))
    held = [table for table in tables if table.num_rows]
    if len(held) == 1 and _ascends(held[0]):
        return held[0]
    return pa.concat_tables(tables).sort_by(_ORDER)


def _ascends(rows: pa.Table) -> bool:
    """Return whether rows of one archive (hence of one time of delivery) stand in file order."""
    first = rows.column("archive")[0]
    numbers = rows.column("source_row").to_numpy()
    return bool((numbers[1:] > numbers[:-1]).all()) and bool(
        pc.all(pc.equal(rows.column("archive"), first)).as_py()
    )
