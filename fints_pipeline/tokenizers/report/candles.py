"""Candles as a trader reads them, with what the grammar saw in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer
from fints_pipeline.tokenizers.brooks.tokenizer import PRICES
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.tokenizers.report.measures import Series

LAST_BARS = 400
FIRST_SEEN = 140
BREAKOUTS = {
    "up_try": ("triangle-up-open", "low"), "dn_try": ("triangle-down-open", "high"),
    "up_ok": ("triangle-up", "low"), "dn_ok": ("triangle-down", "high"),
    "up_fail": ("x-thin-open", "low"), "dn_fail": ("x-thin-open", "high"),
}  # fmt: skip


def candles(series: Series, config: TokenizeConfig, fields: Sequence[str]) -> dict[str, Any]:
    """The last bars with swings, breakouts, entry counts and measured-move targets.

    The axis counts bars, so that nights and weekends take no room. Prices are split-adjusted.
    """
    frame, swings, targets = _replay(series, config)
    opened = frame["open_time"] if "open_time" in frame else frame["close_time"]
    stamps = opened.dt.strftime("%a %d %b %H:%M").tolist()
    rows = list(range(len(frame)))
    chart = {
        "type": "candlestick", "x": rows, "name": "bars", "showlegend": False,
        **{side: _plain(frame[side]) for side in PRICES},
        "increasing": {"line": {"color": "--up", "width": 1}, "fillcolor": "--up"},
        "decreasing": {"line": {"color": "--down", "width": 1}, "fillcolor": "--down"},
        "hovertext": [_hover(stamp, row, fields) for stamp, row in
                      zip(stamps, frame.to_dict("records"), strict=True)],
        "hoverinfo": "text",
    }  # fmt: skip
    gap = float((frame["high"] - frame["low"]).median() or 0.0) * 0.5
    traces = [
        chart,
        _swings(swings),
        _targets(targets, 0, "target up", "--buy"),
        _targets(targets, 1, "target down", "--sell"),
        _breakouts(frame, gap),
        _entries(frame, gap, "H", "low", "--buy"),
        _entries(frame, gap, "L", "high", "--sell"),
    ]
    every = max(1, FIRST_SEEN // 6)
    seen = max(0, len(rows) - FIRST_SEEN)
    ticks = {"tickvals": rows[seen % every :: every]}
    ticks["ticktext"] = [stamps[i][4:] for i in ticks["tickvals"]]
    axis = {**ticks, "range": [seen - 1, len(rows)], "rangeslider": {"visible": False}}
    shown = frame.iloc[seen:]
    span = [float(shown["low"].min()) - 4 * gap, float(shown["high"].max()) + 4 * gap]
    return {"data": traces, "layout": {"xaxis": axis, "yaxis": {"tickformat": "~g", "range": span}}}


def _replay(
    series: Series, config: TokenizeConfig
) -> tuple[pd.DataFrame, dict[int, tuple[float, str]], list[tuple[float | None, float | None]]]:
    """Stream the last bars: their tokens, the swings by pivot bar, the targets after each bar."""
    tokenizer = BrooksTokenizer(series.tick, series.session_mode, config.parameters)
    start = max(0, len(series.bars) - LAST_BARS)
    tokenizer.encode(series.bars.iloc[: max(1, start)])
    frame = series.bars.iloc[max(1, start) :].reset_index(drop=True)
    codes, targets = [], []
    swings: dict[int, tuple[float, str]] = {}
    good: list[int] = []
    for row, bar in enumerate(frame.to_dict("records")):
        codes.append(tokenizer.update({str(name): value for name, value in bar.items()}))
        if codes[-1][list(FIELDS).index("combo")] != 0:
            good.append(row)
        targets.append(tokenizer.targets)
        stored = {
            good[-1 - swing.bars_ago]: (swing.price, swing.label)
            for swing in tokenizer.swings
            if swing.bars_ago < len(good)
        }
        # What is younger than the oldest stored one but no longer there was replaced.
        oldest = min(stored, default=len(frame))
        swings = {pivot: swing for pivot, swing in swings.items() if pivot < oldest} | stored
    names = {
        name: [values[code[column]] for code in codes]
        for column, (name, values) in enumerate(FIELDS.items())
    }
    if "split_factor" in frame:
        frame[list(PRICES)] = frame[list(PRICES)].mul(frame["split_factor"], axis=0)
    return pd.concat([frame[_kept(frame)], pd.DataFrame(names)], axis=1), swings, targets


def _kept(frame: pd.DataFrame) -> list[str]:
    return [name for name in ("open_time", "close_time", *PRICES) if name in frame]


def _hover(stamp: str, row: dict[Any, Any], fields: Sequence[str]) -> str:
    prices = "  ".join(f"{name[0].upper()} {row[name]:g}" for name in PRICES)
    chosen = "<br>".join(f"{name} <b>{row[name]}</b>" for name in fields)
    rest = ", ".join(
        f"{name} {row[name]}" for name in FIELDS
        if name not in fields and row[name] not in ("na", "none")
    )  # fmt: skip
    return f"{stamp}<br>{prices}<br>{chosen}" + (f"<br>{rest}" if rest else "")


def _swings(swings: dict[int, tuple[float, str]]) -> dict[str, Any]:
    """A line through the stored swings with their labels, at the pivot's own bar."""
    order = sorted(swings)
    labels = [swings[row][1] for row in order]
    return {
        "type": "scatter", "mode": "lines+markers+text", "name": "swings", "x": order,
        "y": [_number(swings[row][0]) for row in order],
        "text": ["" if label == "na" else label for label in labels],
        "textposition": ["top center" if "H" in label[1:] else "bottom center" for label in labels],
        "textfont": {"color": "--text-soft", "size": 11},
        "line": {"color": "--null", "width": 1.2}, "marker": {"color": "--null", "size": 5},
        "hovertemplate": "swing %{text} at %{y:g}, known three bars later<extra></extra>",
    }  # fmt: skip


def _targets(
    targets: list[tuple[float | None, float | None]], side: int, name: str, colour: str
) -> dict[str, Any]:
    """A dotted line wherever a measured-move target stands, broken where another replaces it."""
    x: list[int] = []
    y: list[float | None] = []
    for row, both in enumerate(targets):
        if row and both[side] != targets[row - 1][side]:
            x.append(row)
            y.append(None)
        x.append(row)
        y.append(_number(both[side]))
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": x, "y": y,
        "connectgaps": False, "line": {"color": colour, "width": 1.6, "dash": "dot"},
        "hovertemplate": name + " %{y:g}<extra></extra>",
    }  # fmt: skip


def _breakouts(frame: pd.DataFrame, gap: float) -> dict[str, Any]:
    """Triangles: open for a try, full for one that held; a cross for one that failed."""
    found = frame[frame["breakout"].isin(list(BREAKOUTS))]
    rows = [(BREAKOUTS[str(row.breakout)], row) for row in found.itertuples()]
    away = [-2.2 * gap if side == "low" else 2.2 * gap for (_, side), _ in rows]
    return {
        "type": "scatter", "mode": "markers", "name": "breakouts", "x": found.index.tolist(),
        "y": [_number(getattr(row, side) + d)
              for ((_, side), row), d in zip(rows, away, strict=True)],
        "marker": {"symbol": [symbol for (symbol, _), _ in rows], "size": 9, "color": "--other",
                   "line": {"color": "--other", "width": 1.5}},
        "text": found["breakout"].tolist(), "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip


def _entries(
    frame: pd.DataFrame, gap: float, letter: str, side: str, colour: str
) -> dict[str, Any]:
    """The counted highs below their bars, the counted lows above theirs."""
    found = frame[frame["entry"].str.fullmatch(letter + "[123]")]
    away = -gap if side == "low" else gap
    return {
        "type": "scatter", "mode": "text", "name": f"{letter}1 {letter}2 {letter}3",
        "x": found.index.tolist(), "y": _plain(found[side] + away), "text": found["entry"].tolist(),
        "textfont": {"color": colour, "size": 10.5}, "hoverinfo": "skip",
    }  # fmt: skip


def _plain(values: pd.Series) -> list[float | None]:
    return [_number(value) for value in values.to_numpy(float)]


def _number(value: float | None) -> float | None:
    if value is None or not np.isfinite(value):
        return None
    return float(f"{value:.8g}")
