"""Small pictures drawn as SVG text, in a millisecond and a few kilobytes, for an asset's page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 640, 130
PALETTE = ("#2a9d8f", "#e9c46a", "#d1495b", "#264653", "#8d99ae", "#9b5de5", "#f4a261", "#577590")
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 18, 16
_MOST_POINTS = 400
_FONT = "font-family='sans-serif' font-size='9' fill='#444'"

Numbers = npt.NDArray[np.float64]
Scale = Callable[[float], float]


def as_markdown(svg: str, text: str) -> str:
    """Return a picture as Markdown that carries it along, for a page without files."""
    return f"![{text}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def line(
    values: Numbers, ends: tuple[str, str], marks: Mapping[str, npt.NDArray[np.bool_]] | None = None
) -> str:
    """Return a line over its positions.

    Long series are drawn by the lowest and the highest of each stretch; marks are all kept.

    Args:
        values: At least one number; NaN breaks nothing, it is left out.
        ends: What to write below the first and the last position.
        marks: Positions to put a dot on, by what they mean.
    """
    low, high = _range(values)
    scale_x, scale_y = _scales(len(values), low, high)
    shown = extremes(values)
    points = " ".join(f"{scale_x(i):.1f},{scale_y(values[i]):.1f}" for i in shown)
    parts = [f"<polyline fill='none' stroke='{PALETTE[3]}' stroke-width='0.9' points='{points}'/>"]
    labels = {}
    for colour, (name, mask) in zip(
        PALETTE[1:3] + PALETTE[4:], (marks or {}).items(), strict=False
    ):
        places = np.flatnonzero(mask & np.isfinite(values))
        if len(places):
            labels[f"{name} ({len(places)})"] = colour
            parts.append(_dots(places, values, scale_x, scale_y, colour))
    return _svg([*parts, *_axes(low, high, ends), *_legend(labels)])


def columns(stacked: Mapping[str, Numbers], ends: tuple[str, str]) -> str:
    """Return upright columns, the series stacked on each other.

    Args:
        stacked: Heights by what they mean, all of one length, none negative.
        ends: What to write below the first and the last column.
    """
    heights = np.array(list(stacked.values()), dtype=np.float64)
    high = max(float(heights.sum(axis=0).max()), 1e-12)
    count = heights.shape[1]
    wide = (WIDTH - _LEFT - _RIGHT) / count
    _, scale_y = _scales(count, 0.0, high)
    parts, base = [], np.zeros(count)
    for colour, height in zip(PALETTE, heights, strict=False):
        for place in np.flatnonzero(height > 0):
            top, foot = scale_y(base[place] + height[place]), scale_y(base[place])
            parts.append(
                f"<rect x='{_LEFT + place * wide:.1f}' y='{top:.1f}' "
                f"width='{max(wide - 0.6, 0.4):.1f}' height='{foot - top:.1f}' fill='{colour}'/>"
            )
        base = base + height
    labels = dict(zip(stacked, PALETTE, strict=False))
    return _svg([*parts, *_axes(0.0, high, ends), *_legend(labels)])


def rows(lines: Mapping[str, Numbers], high: int = 16) -> str:
    """Return a small line a row, each on a scale of its own, with its name before it."""
    left, parts = 170, []
    for row, (name, values) in enumerate(lines.items()):
        shown = extremes(values)
        low, top = _range(values)
        span = max(top - low, 1e-12)
        step = (WIDTH - left - _RIGHT) / max(len(values) - 1, 1)
        foot = (row + 1) * high - 2
        points = " ".join(
            f"{left + i * step:.1f},{foot - (values[i] - low) / span * (high - 4):.1f}"
            for i in shown
        )
        parts.append(f"<text x='4' y='{foot - 2}' {_FONT}>{escape(name[:32])}</text>")
        parts.append(
            f"<polyline fill='none' stroke='{PALETTE[0]}' stroke-width='0.8' points='{points}'/>"
        )
    return _svg(parts, len(lines) * high + 4)


def shares(parts: Mapping[str, Mapping[str, float]], high: int = 16) -> str:
    """Return a bar a row, cut by shares; the larger ones are named.

    Args:
        parts: By row, the weight of each part; weights need not add up to 1.
        high: Pixels a row.
    """
    left, drawn = 170, []
    for row, (name, weights) in enumerate(parts.items()):
        top = row * high + 2
        drawn.append(f"<text x='4' y='{top + 10}' {_FONT}>{escape(name[:32])}</text>")
        total, place = sum(weights.values()) or 1.0, float(left)
        for number, (part, weight) in enumerate(weights.items()):
            wide = weight / total * (WIDTH - left - _RIGHT)
            colour = PALETTE[number % len(PALETTE)]
            drawn.append(
                f"<rect x='{place:.1f}' y='{top}' width='{wide:.1f}' height='{high - 3}' "
                f"fill='{colour}'><title>{escape(part)} {weight / total:.1%}</title></rect>"
            )
            if wide > 6 * len(part) + 4:
                drawn.append(
                    f"<text x='{place + 3:.1f}' y='{top + 10}' font-family='sans-serif' "
                    f"font-size='9' fill='#fff'>{escape(part)}</text>"
                )
            place += wide
    return _svg(drawn, len(parts) * high + 4)


def extremes(values: Numbers) -> Sequence[int]:
    """Return positions that keep the shape of a series: each stretch's lowest and highest."""
    finite = np.flatnonzero(np.isfinite(values))
    if len(finite) <= _MOST_POINTS:
        return [int(place) for place in finite]
    stretches = np.array_split(finite, _MOST_POINTS // 2)
    ends = {int(p[values[p].argmin()]) for p in stretches} | {
        int(p[values[p].argmax()]) for p in stretches
    }
    return sorted(ends)


def _range(values: Numbers) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)


def _scales(count: int, low: float, high: float) -> tuple[Scale, Scale]:
    span = max(high - low, 1e-12)
    step = (WIDTH - _LEFT - _RIGHT) / max(count - 1, 1)
    tall = HEIGHT - _TOP - _BOTTOM
    return lambda i: _LEFT + i * step, lambda v: HEIGHT - _BOTTOM - (v - low) / span * tall


def _dots(
    places: npt.NDArray[np.intp], values: Numbers, scale_x: Scale, scale_y: Scale, colour: str
) -> str:
    drawn = "".join(f"M{scale_x(i):.0f},{scale_y(values[i]):.0f}h.1" for i in places)
    return f"<path d='{drawn}' stroke='{colour}' stroke-width='3' stroke-linecap='round'/>"


def _axes(low: float, high: float, ends: tuple[str, str]) -> list[str]:
    foot = HEIGHT - _BOTTOM
    return [
        f"<path d='M{_LEFT},{_TOP}V{foot}H{WIDTH - _RIGHT}' fill='none' stroke='#999'/>",
        f"<text x='{_LEFT - 4}' y='{_TOP + 6}' text-anchor='end' {_FONT}>{high:.5g}</text>",
        f"<text x='{_LEFT - 4}' y='{foot}' text-anchor='end' {_FONT}>{low:.5g}</text>",
        f"<text x='{_LEFT}' y='{HEIGHT - 4}' {_FONT}>{escape(ends[0])}</text>",
        f"<text x='{WIDTH - _RIGHT}' y='{HEIGHT - 4}' text-anchor='end' {_FONT}>"
        f"{escape(ends[1])}</text>",
    ]


def _legend(labels: Mapping[str, str]) -> list[str]:
    parts, place = [], _LEFT
    for name, colour in labels.items():
        parts.append(f"<rect x='{place}' y='5' width='8' height='8' fill='{colour}'/>")
        parts.append(f"<text x='{place + 11}' y='12' {_FONT}>{escape(name)}</text>")
        place += 24 + 6 * len(name)
    return parts


def _svg(parts: Sequence[str], high: int = HEIGHT) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{high}' "
        f"viewBox='0 0 {WIDTH} {high}'><rect width='100%' height='100%' fill='#fff'/>"
        f"{''.join(parts)}</svg>"
    )
