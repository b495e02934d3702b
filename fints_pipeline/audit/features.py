"""Whether the features in the lake are what bars up to their own time give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from fints_pipeline.audit.findings import Finding
from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.base.lake.history import read_surroundings
from fints_pipeline.base.time import month_of
from fints_pipeline.features.beside import read_frames
from fints_pipeline.features.config import FeaturesConfig
from fints_pipeline.features.stage import run
from fints_pipeline.walkforward.folds import Span

CUTS = 8
"""Bars of each instrument that are computed again."""
ALIKE = 1e-9


def audit_features(
    lake: Lake,
    configs: Mapping[str, FeaturesConfig],
    frequency: str,
    columns: Sequence[str],
    span: Span,
) -> Iterator[Finding]:
    """Compute a sample of rows again from bars that end with their own.

    A feature that knew a later bar comes out otherwise, or not at all, when there is none.

    Args:
        lake: holds bars and features.
        configs: by instrument, how its features are computed.
        frequency: of the bars.
        columns: features that models read; those that no config computes are left out.
        span: sessions that the rows are drawn from.
    """
    for instrument, config in configs.items():
        own = [name for name in columns if name in config.columns]
        months = [
            month
            for month in lake.months("features", frequency, instrument)
            if month_of(span.first) <= month <= month_of(span.last)
        ]
        wrong, rows = None, 0
        for month in _drawn(months, instrument):
            found = _row(lake, config, frequency, instrument, month, own)
            if found is None:
                continue
            rows += 1
            wrong = wrong or found
        if rows == 0:
            yield Finding("features", instrument, True, "no bar in the span", 0)
            continue
        seen = wrong or "computed again from bars up to their own, they are the same"
        yield Finding("features", instrument, not wrong, seen, rows)


def _drawn(months: Sequence[str], instrument: str) -> list[str]:
    """The months to draw rows from, always the same ones for the same months."""
    if not months:
        return []
    rng = np.random.default_rng(int(text_digest(instrument, *months)[:12], 16))
    return [str(month) for month in rng.choice(months, size=min(CUTS, 3 * len(months)))]


def _row(
    lake: Lake,
    config: FeaturesConfig,
    frequency: str,
    instrument: str,
    month: str,
    columns: Sequence[str],
) -> str | None:
    """What differs at a drawn row of a month: "" if nothing does, None if the month has no row."""
    read = read_surroundings(
        lake, "bars", frequency, instrument, month,
        before=config.lookback, before_sessions=max(0, config.lookback_sessions - 1),
    )  # fmt: skip
    count = read.stop - read.start
    if count < 1:
        return None
    rng = np.random.default_rng(int(text_digest(instrument, month, str(count))[:12], 16))
    place = read.start + int(rng.integers(count))
    bars = to_pandas(read.rows.slice(0, place + 1))
    frames, _ = read_frames(lake, config, frequency, instrument, month)
    known = bars["close_time"].iloc[-1]
    frames = {name: frame[frame[_known_from(frame)] <= known] for name, frame in frames.items()}
    ours = run(config, bars, frames).iloc[-1]
    table = to_pandas(lake.read(series_key("features", frequency, instrument, month)))
    theirs = table[table["close_time"] == ours["close_time"]]
    if theirs.empty:
        return f"the bar that closes at {ours['close_time']} has no features"
    return _difference(ours, theirs.iloc[0], columns)


def _known_from(frame: pd.DataFrame) -> str:
    """Return the column that says when a row was known: publication, or the bar's close."""
    return "known_at" if "known_at" in frame else "close_time"


def _difference(ours: pd.Series, theirs: pd.Series, columns: Sequence[str]) -> str:
    for name in columns:
        a, b = float(ours[name]), float(theirs[name])
        if not (np.isclose(a, b, rtol=ALIKE, atol=1e-12) or (np.isnan(a) and np.isnan(b))):
            return (
                f"{name} of the bar that closes at {ours['close_time']} is {b!r} in the lake and"
                f" {a!r} from bars up to it"
            )
    return ""
