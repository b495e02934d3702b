"""Which way a token's value points, told by its name, so that a lane of tokens can be read."""

from __future__ import annotations

UP, DOWN, NEUTRAL = 1, -1, 0
_SILENT = ("na", "none")
_UP = {"up", "HH", "HL", "sigL", "H1", "H2", "H3", "dn_fail"}
_DOWN = {"down", "LH", "LL", "sigS", "L1", "L2", "L3", "up_fail"}


def tone(value: str) -> int | None:
    """`UP`, `DOWN`, `NEUTRAL`, or None for a value that says nothing.

    A failed breakout points the other way; a climax and a wedge are named by the move that they
    end, and are shown in its colour.
    """
    if value in _SILENT:
        return None
    if value in _UP:
        return UP
    if value in _DOWN:
        return DOWN
    if value.startswith(("bull_", "up_")) or value.endswith("_up"):
        return UP
    if value.startswith(("bear_", "dn_")) or value.endswith("_dn"):
        return DOWN
    return NEUTRAL
