"""Checks that look at a series partition as it lies in the lake."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import Lake, TableKey
from fints_pipeline.base.lake.lake import content_digest
from fints_pipeline.defs import causality
from fints_pipeline.defs.events import Verdict
from fints_pipeline.defs.instrument import Instrument

if TYPE_CHECKING:
    from fints_pipeline.data.quality import QualityReport
    from fints_pipeline.schemas.contract import TableContract

MOST_MISSING = 0.05
"""Share of expected bars that may be holes or filled before `coverage` warns."""


def as_written(
    asset: str, instrument: Instrument, month: str, contract: "TableContract"
) -> Verdict:
    """Read back what was written: it satisfies its schema and has the digest that it says."""
    return holds_what_it_says(instrument.lake, instrument.keys(asset, month), contract)


def holds_what_it_says(lake: Lake, keys: Sequence[TableKey], contract: "TableContract") -> Verdict:
    """Return whether partitions satisfy their schema and have the digests in their footers."""
    rows: dict[str, int] = {}
    wrong = []
    for key in keys:
        table, footer = lake.read(key), lake.footer(key)
        name = f"rows {key['freq']}"
        rows[name] = rows.get(name, 0) + table.num_rows
        try:
            contract.validate(table)
        except UserError as error:
            wrong.append(f"{key}: {error.what}")
        if content_digest(table, footer.extra) != footer.digest:
            wrong.append(f"{key}: the rows do not have the digest in the footer")
    evidence = {**rows, "schema": contract.fingerprint, "wrong": "; ".join(wrong) or "nothing"}
    return Verdict("schema_and_digest", not wrong, evidence)


def future_free(asset: str, instrument: Instrument, month: str) -> Verdict | None:
    """Return the causality check's verdict, or None if it is turned off."""
    if not causality.CUTS:
        return None
    found = causality.check(instrument, asset, month, causality.CUTS)
    evidence = {
        "evidence": dg.MetadataValue.md(found.to_markdown()),
        "rows_compared": sum(cut.rows for cut in found.cuts),
        "raw_rows_replaced": sum(cut.noised for cut in found.cuts),
    }
    return Verdict("no_look_ahead", found.passed, evidence)


def known_later(asset: str, instrument: Instrument, month: str) -> Verdict:
    """Return whether every label ends after its bar, which is what purging goes by."""
    (key,) = instrument.keys(asset, month)
    frame = instrument.lake.read(key).to_pandas()
    lines, wrong = (
        ["| label | known | ends at the latest after | too early |", "|---|---:|---|---:|"],
        0,
    )
    for label in instrument.labels.labels:
        end, known = frame[f"{label.column}_end"], frame[label.column].notna()
        early = int((known & ~(end > frame["close_time"])).sum())
        longest = (end - frame["close_time"]).max()
        lines.append(f"| {label.column} | {int(known.sum())} | {longest} | {early} |")
        wrong += early
    return Verdict(
        "labels_end_later", not wrong, {"evidence": dg.MetadataValue.md("\n".join(lines))}
    )


def coverage(quality: "QualityReport") -> Verdict:
    """Return whether the month is there: few bars filled or missing, no session without any."""
    expected = quality.rows_out + quality.holes
    missing = (quality.filled + quality.holes) / expected if expected else 1.0
    evidence = {
        "missing_share": missing,
        "sessions": quality.sessions,
        "partial_sessions": ", ".join(quality.partial_sessions) or "none",
        "empty_sessions": ", ".join(quality.empty_sessions) or "none",
    }
    passed = missing <= MOST_MISSING and not quality.empty_sessions
    return Verdict("coverage", passed, evidence, blocking=False)
