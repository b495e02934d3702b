"""Pieces that the page's figures share.

Colours are names of the page's CSS variables ("--net"), which its script turns into the colours of
the light or dark theme when it draws; a figure holds no colour of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Figure = dict[str, Any]


def line(
    x: list[Any], y: list[float], name: str, colour: str, *,
    width: float = 1.5, dash: str = "solid", legend: bool = True, hover: bool = True,
) -> Figure:  # fmt: skip
    """A line trace."""
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "showlegend": legend,
        "line": {"color": colour, "width": width, "dash": dash},
        **({} if hover else {"hoverinfo": "skip"}),
    }  # fmt: skip


def plain(values: np.ndarray) -> list[float]:
    """Seven significant digits keep the page small and hide nothing that a screen can show."""
    return [float(f"{value:.7g}") for value in values]


def titled(text: str, **more: Any) -> dict[str, Any]:
    """An axis with a title."""
    return {"title": {"text": text}, **more}
