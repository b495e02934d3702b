"""The laws that whatever is computed from bars obeys, as functions that any test can call.

Each takes the computation as `bars -> one row a bar` (a frame or an array) and raises
AssertionError where the law is broken. Values are compared bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline_tests.strategies import random_bars

Rows = pd.DataFrame | npt.NDArray[np.generic]
Compute = Callable[[pd.DataFrame], Rows]

KNOWN_AT_CLOSE = ["high", "low", "close", "volume", "is_partial"]
SHOCKED = ["open", "split_factor", "is_filled", "opens_filled", *KNOWN_AT_CLOSE]


def assert_same_rows(got: Rows, expected: Rows, why: str) -> None:
    """Compare two results bit for bit; NaN equals NaN, −0.0 is not 0.0."""
    got, expected = _as_frame(got), _as_frame(expected)
    assert list(got.columns) == list(expected.columns), why
    assert len(got) == len(expected), f"{why}: {len(got)} rows, not {len(expected)}"
    for name in got.columns:
        a, b = _values(got[name]), _values(expected[name])
        assert a.dtype == b.dtype, f"{why}: column {name} is {a.dtype}, not {b.dtype}"
        same = (a == b) | (pd.isna(a) & pd.isna(b))
        if a.dtype.kind == "f":
            same &= (np.signbit(a) == np.signbit(b)) | np.isnan(a)
        if not same.all():
            row = int(np.flatnonzero(~same)[0])
            raise AssertionError(f"{why}: column {name}, row {row} is {a[row]!r}, not {b[row]!r}")


def check_prefix(compute: Compute, bars: pd.DataFrame, cut: int, ahead: int = 0) -> None:
    """Law 1: f(bars[:cut]) == f(bars)[:cut], but for the last `ahead` rows of the former."""
    rows = max(0, cut - ahead)
    got = _as_frame(compute(bars.iloc[:cut]))
    assert_same_rows(got[:rows], _as_frame(compute(bars))[:rows], f"prefix of {cut} bars")


def check_future_shock(
    compute: Compute, bars: pd.DataFrame, cut: int, seed: int, ahead: int = 0
) -> None:
    """Law 2 (and 5): changing rows ≥ cut changes nothing in the rows before cut − ahead."""
    rows = max(0, cut - ahead)
    got = _as_frame(compute(shock(bars, cut, seed)))
    expected = _as_frame(compute(bars))
    assert_same_rows(got[:rows], expected[:rows], f"shock from row {cut} on")


def check_partition(
    compute: Compute,
    bars: pd.DataFrame,
    cuts: Sequence[int],
    lookback: int,
    ahead: int = 0,
    lookback_sessions: int = 0,
) -> None:
    """Law 3: parts computed with the declared bars before and `ahead` bars behind equal the whole.

    Before are `lookback` bars or, where sessions count, that many bars before the earliest of
    `lookback_sessions` sessions, the part's first among them.
    """
    edges = sorted({0, *cuts, len(bars)})
    whole = _as_frame(compute(bars))
    for first, last in pairwise(edges):
        start = max(0, _earliest(bars, first, lookback_sessions) - lookback)
        part = _as_frame(compute(bars.iloc[start : min(len(bars), last + ahead)]))
        assert_same_rows(
            part[first - start : last - start].reset_index(drop=True),
            whole[first:last].reset_index(drop=True),
            f"partition [{first}, {last}) with lookback {lookback}",
        )


def _earliest(bars: pd.DataFrame, row: int, sessions: int) -> int:
    """Return the first row of the session that lies `sessions` − 1 before that of `row`."""
    if not sessions or row == len(bars):
        return row
    days = bars["session"].tolist()
    before = sorted(set(days[: row + 1]))[-sessions:]
    return days.index(before[0])


def check_streaming(
    live: Any,
    compute: Compute,
    bars: pd.DataFrame,
    cuts: Sequence[int],
    restore: Callable[[Any], Any],
) -> None:
    """One bar at a time equals the batch; so does a stream saved and restored at each cut.

    `restore` makes a stream of a state.
    """
    rows = []
    for t, bar in enumerate(bars.to_dict("records")):
        if t in cuts:
            live = restore(live.state)
        rows.append(live.update(bar))
    whole = _as_frame(compute(bars))
    got = pd.DataFrame(rows, columns=list(rows[0]), dtype=np.float64)
    assert_same_rows(got, whole[list(rows[0])].reset_index(drop=True), "one bar at a time")


def check_inputs_unchanged(compute: Compute, bars: pd.DataFrame) -> None:
    """Law 4: the computation leaves its input as it was."""
    before = bars.copy(deep=True)
    compute(bars)
    pd.testing.assert_frame_equal(bars, before, check_exact=True)


def check_known_at_end(
    compute: Compute, bars: pd.DataFrame, column: str, end_column: str, row: int, seed: int
) -> None:
    """Law 5: a label is known at its end, from nothing that came after.

    Whatever happens after the end of row `row`'s label may not change any label that ended by then.
    Of a bar that has opened by then and not closed, no more is known than its open: that it traded,
    at which price, after which splits.
    """
    whole = _as_frame(compute(bars))
    moment = whole[end_column].iloc[row]
    if pd.isna(moment):
        return
    opened = int((bars["open_time"] <= moment).sum())
    shocked = shock(bars, opened, seed)
    if bars["close_time"].iloc[opened - 1] > moment:
        shocked = shock(shocked, opened - 1, seed + 1, KNOWN_AT_CLOSE)
    ended = (whole[end_column] <= moment).to_numpy()
    assert_same_rows(
        _as_frame(compute(shocked)).loc[ended, [column, end_column]],
        whole.loc[ended, [column, end_column]],
        f"labels that ended by {moment}",
    )


def shock(
    bars: pd.DataFrame, start: int, seed: int, columns: Sequence[str] = SHOCKED
) -> pd.DataFrame:
    """Return a copy with other prices, volumes, splits and flags in the rows from `start` on."""
    shocked = bars.copy(deep=True)
    count = len(bars) - start
    if count <= 0:
        return shocked
    noise = random_bars(count, seed, start_ticks=31_337, splits=0.3, filled=0.2, tick=0.5)
    for name in columns:
        values = shocked[name].to_numpy(copy=True)
        values[start:] = noise[name].to_numpy()
        shocked[name] = values
    return shocked


def _values(column: pd.Series[Any]) -> npt.NDArray[Any]:
    # Time stamps with a zone would come out as objects, one by one.
    return column.dt.tz_convert(None).to_numpy() if _has_zone(column) else column.to_numpy()


def _has_zone(column: pd.Series[Any]) -> bool:
    return isinstance(column.dtype, pd.DatetimeTZDtype)


def _as_frame(rows: Rows) -> pd.DataFrame:
    return rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
