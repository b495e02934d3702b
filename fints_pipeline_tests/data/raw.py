"""Raw rows for tests: scheduled minutes with a random walk on them, and ways to spoil them."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from fints_pipeline.base.frames import to_arrow
from fints_pipeline.data import bars
from fints_pipeline.data.calendars import Stamps, aware_utc, calendar_for, naive_utc
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.rows import Rows
from fints_pipeline.schemas.raw_bars import RAW_BARS

MINUTE = np.timedelta64(1, "m")
MARKETS = {
    # calendar: month and first day of the sessions that the tests use
    "crypto_24_7": ("2024-03", 9),
    "fx_24_5": ("2024-03", 8),  # New York's clocks change on Sunday the 10th
    "XNYS": ("2024-11", 27),  # Thanksgiving on the 28th, a half-day on the 29th
    "XTKS": ("2024-11", 5),  # lunch from 11:30 to 12:30
}


def config(calendar: str = "XNYS", **changes: object) -> DatasetConfig:
    values: dict[str, object] = {
        "name": "test",
        "format": "any",
        "calendar": calendar,
        "asset_class": "equity",
        "ticks": {"AAA": 0.01},
        "max_fill_minutes": 5,
    }
    return DatasetConfig.model_validate(values | changes)


def scheduled_minutes(calendar: str, sessions: int = 2) -> Stamps:
    """Return the open times of the first sessions that MARKETS names.

    Every minute of an exchange's sessions; of the day-long ones, to save time, the first four hours
    and the last one.
    """
    month, day = MARKETS[calendar]
    segments = calendar_for(calendar).month_segments(month)
    days = np.unique(segments.session[segments.session >= np.datetime64(f"{month}-{day:02d}")])
    wanted = np.isin(segments.session, days[:sessions])
    pairs = zip(segments.start[wanted], segments.end[wanted], strict=True)
    minutes = [np.arange(start, end, MINUTE) for start, end in pairs]
    return np.concatenate(
        [np.concatenate([m[:240], m[240:][-60:]]) if len(m) == 1440 else m for m in minutes]
    )


def raw_rows(
    opened: Sequence[str] | Stamps,
    seed: int = 0,
    *,
    archive: str = "a" * 64,
    known_at: str = "2025-06-01",
) -> pd.DataFrame:
    """Return a random walk on cents at these minutes, as one archive delivers it."""
    rng = np.random.default_rng(seed)
    stamps = np.asarray(opened, dtype="datetime64[us]")
    n = len(stamps)
    close = 10_000 + np.cumsum(rng.integers(-5, 6, n))
    first = close + rng.integers(-5, 6, n)
    return pd.DataFrame(
        {
            "instrument": np.full(n, "test.AAA", dtype=object),
            "open_time": aware_utc(stamps),
            "close_time": aware_utc(stamps + MINUTE),
            "open": first / 100,
            "high": (np.maximum(first, close) + rng.integers(0, 5, n)) / 100,
            "low": (np.minimum(first, close) - rng.integers(0, 5, n)) / 100,
            "close": close / 100,
            "volume": rng.integers(0, 10**8, n) / 10**5,
            "archive": np.full(n, archive, dtype=object),
            "source_row": np.arange(1, n + 1),
            "known_at": aware_utc(np.full(n, known_at, dtype="datetime64[us]")),
        }
    )


def run(
    dataset: DatasetConfig,
    raw: pd.DataFrame,
    recorded: pd.DataFrame,
    instrument: str,
    month: str,
    as_of: datetime | None = None,
) -> bars.BarsResult:
    """Run the bars stage on a frame of raw rows."""
    table = to_arrow(raw, RAW_BARS.arrow_schema)
    return bars.run(dataset, table, recorded, instrument, month, as_of)


def rows_of(frame: pd.DataFrame) -> Rows:
    """Return a frame's columns as the stage computes on them."""
    columns = {str(name): frame[name].to_numpy() for name in frame.columns}
    columns |= {name: naive_utc(frame[name]) for name in columns if frame[name].dtype.kind == "M"}
    if "archive" not in columns:
        return Rows(columns)
    codes, names = pd.factorize(frame["archive"], sort=True)
    return Rows(columns | {"archive": codes}, tuple(names))


def frame_of(rows: Rows) -> pd.DataFrame:
    """Return rows as a frame, stamps in UTC."""
    frame = pd.DataFrame(dict(rows.columns))
    stamps = [name for name in frame.columns if name.endswith(("time", "open", "close"))]
    aware = {name: aware_utc(frame[name]) for name in stamps if frame[name].dtype.kind == "M"}
    return frame.assign(**aware)


def no_actions() -> pd.DataFrame:
    return actions([])


def actions(rows: Sequence[tuple[str, str, str, float, str]]) -> pd.DataFrame:
    """Return corporate actions from (instrument, ex_date, kind, value, known_at)."""
    instrument, ex_date, kind, value, known_at = zip(*rows, strict=True) if rows else ((),) * 5
    return pd.DataFrame(
        {
            "instrument": np.array(instrument, dtype=object),
            "ex_date": np.array(ex_date, dtype="datetime64[us]"),
            "kind": np.array(kind, dtype=object),
            "value": np.array(value, dtype=np.float64),
            "known_at": aware_utc(np.array(known_at, dtype="datetime64[us]")),
        }
    )


def with_gaps(raw: pd.DataFrame, rng: np.random.Generator, gaps: int) -> pd.DataFrame:
    """Drop runs of 1 to 20 rows at random places."""
    gone = np.zeros(len(raw), dtype=bool)
    for start in rng.integers(0, len(raw), gaps):
        gone[start : start + int(rng.integers(1, 21))] = True
    return raw[~gone].reset_index(drop=True)


def spoiled(raw: pd.DataFrame, rng: np.random.Generator, share: float = 0.03) -> pd.DataFrame:
    """Add rows of every kind that cleaning knows, deliver some twice, and shuffle."""
    parts = [raw]
    n = max(1, int(share * len(raw)))

    if len(raw) == 0:
        return raw

    def some() -> pd.DataFrame:
        return raw.iloc[rng.integers(0, len(raw), n)].copy()

    for column, value in [
        ("open", np.nan), ("close", np.inf), ("low", 0.0), ("high", -1.0), ("high", 1.0),
        ("low", 1e6), ("volume", -1.0), ("volume", np.inf),
    ]:  # fmt: skip
        parts.append(some().assign(**{column: value}))
    half = pd.Timedelta("30s")
    parts.append(some().assign(open_time=lambda x: x["open_time"] + half))
    parts.append(some().assign(close_time=lambda x: x["close_time"] + half))
    parts.append(_moved(some(), "9h"))
    parts.append(_moved(some(), "40D"))
    parts.append(some().assign(archive="b" * 64))
    later = pd.Timestamp("2025-07-01", tz="UTC").as_unit("us")
    parts.append(some().assign(archive="c" * 64, known_at=later, volume=7.0))
    mixed = pd.concat(parts, ignore_index=True)
    mixed["source_row"] = np.arange(1, len(mixed) + 1)
    return mixed.iloc[rng.permutation(len(mixed))].reset_index(drop=True)


def _moved(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    shift = pd.Timedelta(by)
    return rows.assign(open_time=rows["open_time"] + shift, close_time=rows["close_time"] + shift)
