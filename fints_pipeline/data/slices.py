"""Raw bars by instrument and session month: every delivery's rows, side by side.

A slice is a partition of the ``raw_bars`` table. Restated rows stand beside the ones that they
restate, told apart by ``known_at``; which one counts is the cleaner's decision.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fints_pipeline.base.lake import Lake, Lineage, TableKey, series_key
from fints_pipeline.base.lake.contract import TableValidator
from fints_pipeline.data.calendars import Calendar

RAW_BARS = "raw_bars"
FREQUENCY = "1m"
CODE_VERSION = "slices 1"
_ORDER = [("known_at", "ascending"), ("archive", "ascending"), ("source_row", "ascending")]


@dataclass(frozen=True)
class SliceChange:
    """A partition that staging wrote with another content than before.

    Attributes:
        table: ``raw_bars`` or ``corporate_actions``.
        instrument: ``dataset.SYMBOL``.
        month: Month of the session (of the ex-date), ``2023-01``.
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


def slices(lake: Lake) -> dict[tuple[str, str], str]:
    """Return the digest of every slice, by instrument and month."""
    return {
        (instrument, month): lake.footer(slice_key(instrument, month)).digest
        for instrument in lake.instruments(RAW_BARS, FREQUENCY)
        for month in lake.months(RAW_BARS, FREQUENCY, instrument)
    }


def slice_key(instrument: str, month: str) -> TableKey:
    """Return the key of one slice."""
    return series_key(RAW_BARS, FREQUENCY, instrument, month)


def by_month(rows: pa.Table, calendar: Calendar) -> dict[str, pa.Table]:
    """Split rows by the month of their session, keeping their order; months ascend."""
    opened = rows.column("open_time").to_numpy().astype("datetime64[us]")
    months = calendar.trading_day(opened).astype("datetime64[M]")
    order = np.argsort(months, kind="stable")
    found, starts = np.unique(months[order], return_index=True)
    ordered = rows if (order[1:] > order[:-1]).all() else rows.take(pa.array(order))
    ends = np.r_[starts[1:], rows.num_rows]
    return {
        str(month): ordered.slice(start, end - start)
        for month, start, end in zip(found, starts.tolist(), ends.tolist(), strict=True)
    }


def merge(
    lake: Lake,
    instrument: str,
    archive: str,
    months: Mapping[str, pa.Table],
    earlier_months: Collection[str],
    validator: TableValidator,
    config_fingerprint: str,
) -> list[SliceChange]:
    """Make ``months`` the rows that ``archive`` holds of ``instrument``.

    Args:
        lake: The lake.
        instrument: ``dataset.SYMBOL``.
        archive: SHA-256 of the archive.
        months: Its rows by session month.
        earlier_months: Months that an earlier reading of the same archive put rows into; where it
            has none now, they are taken out.
        validator: The schema of raw bars.
        config_fingerprint: Of what the rows were read with.

    Returns:
        The slices whose content changed.
    """
    changes = []
    empty = validator.arrow_schema.empty_table()
    for month in sorted({*months, *earlier_months}):
        key = slice_key(instrument, month)
        before = lake.footer(key) if lake.exists(key) else None
        inputs = dict(before.lineage.inputs) if before else {}
        inputs.pop(f"archives/{archive}", None)
        if month in months:
            inputs[f"archives/{archive}"] = archive
        footer = lake.update(
            key,
            partial(_replace_rows, archive, months.get(month, empty)),
            validator,
            Lineage(CODE_VERSION, config_fingerprint, inputs),
        )
        digest = before.digest if before else None
        if footer.digest != digest:
            changes.append(
                SliceChange(RAW_BARS, instrument, month, digest, footer.digest, footer.rows)
            )
    return changes


def _replace_rows(archive: str, rows: pa.Table, before: pa.Table | None) -> pa.Table:
    """Return a slice in which ``archive``'s rows are ``rows``."""
    if before is None:
        return rows.sort_by(_ORDER)
    others = before.filter(pc.not_equal(before.column("archive"), archive))
    return pa.concat_tables([others, rows]).sort_by(_ORDER)
