"""Lanes of coloured stretches on one axis, drawn as SVG text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

LANE = 16
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 150, 10, 24, 18
_LEAST = 0.8
_LEAST_ON_TOP = 2.0
_FONT = "font-family='sans-serif' font-size='10' fill='#444'"


@dataclass(frozen=True)
class Stretch:
    """From `start` to `end` (shares of the axis), what it is, and what to say of it."""

    start: float
    end: float
    kind: str
    words: str = ""


def lanes(
    stretches: Mapping[str, Sequence[Stretch]],
    colours: Mapping[str, str],
    ends: tuple[str, str],
    on_top: str | None = None,
) -> str:
    """Draw a lane a name.

    Args:
        stretches: by the lane's name.
        colours: by kind, in the legend's order.
        ends: what to write below the axis' first and last point.
        on_top: a kind that is drawn over the others, and never narrower than two pixels.
    """
    axis = _WIDTH - _LEFT - _RIGHT
    parts = []
    for row, (name, own) in enumerate(stretches.items()):
        top = _TOP + row * LANE
        shown = name if len(name) <= 23 else name[:22] + "…"
        parts.append(
            f"<text x='{_LEFT - 6}' y='{top + 11}' text-anchor='end' {_FONT}>{escape(shown)}"
            f"<title>{escape(name)}</title></text>"
        )
        for one in sorted(own, key=lambda stretch: stretch.kind == on_top):
            least = _LEAST_ON_TOP if one.kind == on_top else _LEAST
            wide = max((one.end - one.start) * axis, least)
            left = min(_LEFT + one.start * axis, _WIDTH - _RIGHT - wide)
            parts.append(
                f"<rect x='{left:.2f}' y='{top + 1}' width='{wide:.2f}' height='{LANE - 3}' "
                f"fill='{colours[one.kind]}'><title>{escape(one.words)}</title></rect>"
            )
    foot = _TOP + len(stretches) * LANE
    parts += [
        f"<text x='{_LEFT}' y='{foot + 13}' {_FONT}>{escape(ends[0])}</text>",
        f"<text x='{_WIDTH - _RIGHT}' y='{foot + 13}' text-anchor='end' {_FONT}>"
        f"{escape(ends[1])}</text>",
    ]
    place = _LEFT
    for name, colour in colours.items():
        parts.append(f"<rect x='{place}' y='6' width='10' height='10' fill='{colour}'/>")
        parts.append(f"<text x='{place + 14}' y='15' {_FONT}>{escape(name)}</text>")
        place += 30 + 6 * len(name)
    high = foot + _BOTTOM
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{high}' "
        f"viewBox='0 0 {_WIDTH} {high}'><rect width='100%' height='100%' fill='#fff'/>"
        f"{''.join(parts)}</svg>"
    )
