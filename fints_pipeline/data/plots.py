"""Small pictures for an asset's page: what there is of a series, and its price with its flags."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from fints_pipeline.base.errors import SchemaError

_WIDTH, _HEIGHT, _DPI = 7.0, 2.2, 100
_MOST_POINTS = 2000
_GOOD, _FILLED, _HOLE = "#2a9d8f", "#e9c46a", "#d1495b"
_FLAGS = {
    "is_filled": ("#e9c46a", "filled"),
    "is_partial": ("#8d99ae", "partial"),
    "is_halted": ("#d1495b", "halted"),
}


def coverage(bars: pd.DataFrame, empty_sessions: Sequence[str] = ()) -> bytes:
    """Return a picture of how many bars each session has, delivered and filled.

    Args:
        bars: Bars of one frequency, any length of time; needs ``session`` and ``is_filled``.
        empty_sessions: Dates of scheduled sessions without a bar, marked along the bottom.

    Returns:
        A PNG.

    Raises:
        SchemaError: a column is missing.
    """
    _check(bars, ["session", "is_filled"])
    sessions = bars.groupby(pd.to_datetime(bars["session"]))["is_filled"]
    rows, filled = sessions.size(), sessions.sum()
    figure, axes = _figure("bars a session")
    days = rows.index.to_numpy()
    axes.bar(days, (rows - filled).to_numpy(), width=1.0, color=_GOOD, label="delivered")
    axes.bar(
        days,
        filled.to_numpy(),
        bottom=(rows - filled).to_numpy(),
        width=1.0,
        color=_FILLED,
        label="filled",
    )
    if empty_sessions:
        missing = pd.to_datetime(list(empty_sessions)).to_numpy()
        axes.plot(missing, np.zeros(len(missing)), "|", color=_HOLE, ms=9, label="no bar")
    return _png(figure, axes)


def price_with_flags(bars: pd.DataFrame) -> bytes:
    """Return a picture of the close, with every flagged bar marked.

    Long series are drawn by the lowest and highest close of each of at most 1000 stretches; flagged
    bars are all kept.

    Args:
        bars: Bars of one instrument, ascending; needs ``close_time`` and ``close``. Flags are its
            boolean columns that begin with ``is_``.

    Returns:
        A PNG.

    Raises:
        SchemaError: a column is missing.
    """
    _check(bars, ["close_time", "close"])
    figure, axes = _figure("close")
    times = bars["close_time"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    close = bars["close"].to_numpy(np.float64)
    shown = _extremes(close)
    axes.plot(times[shown], close[shown], color="#264653", lw=0.8, label="close")
    for name in (column for column in bars.columns if column.startswith("is_")):
        flagged = bars[name].to_numpy(dtype=np.bool_)
        if flagged.any():
            colour, label = _FLAGS.get(name, ("#9b5de5", name.removeprefix("is_")))
            count = int(flagged.sum())
            axes.plot(
                times[flagged], close[flagged], ".", color=colour, ms=3, label=f"{label} ({count})"
            )
    return _png(figure, axes)


def as_markdown(png: bytes, text: str) -> str:
    """Return a picture as Markdown that carries it along, for a page without files."""
    return f"![{text}](data:image/png;base64,{base64.b64encode(png).decode()})"


def _extremes(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return positions that keep the shape of a long series: each stretch's lowest and highest."""
    if len(values) <= _MOST_POINTS:
        return np.arange(len(values))
    stretches = np.array_split(np.arange(len(values)), _MOST_POINTS // 2)
    ends = [[part[values[part].argmin()], part[values[part].argmax()]] for part in stretches]
    return np.unique(np.array(ends))


def _figure(label: str) -> tuple[Figure, Axes]:
    # A figure of its own instead of pyplot's: no global state, no display, no leak.
    figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    axes.set_ylabel(label, fontsize=8)
    return figure, axes


def _png(figure: Figure, axes: Axes) -> bytes:
    axes.tick_params(labelsize=7)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=6, ncols=4, frameon=False, loc="lower left", bbox_to_anchor=(0, 1))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _check(bars: pd.DataFrame, columns: list[str]) -> None:
    missing = [name for name in columns if name not in bars.columns]
    if missing:
        raise SchemaError(f"columns are missing: {', '.join(missing)}")
    if bars.empty:
        raise SchemaError("there are no bars to draw")
