"""Plain tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

MOST_ROWS = 60


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a header, columns as wide as they need, numbers to the right."""
    if not rows:
        return
    shown = [[_cell(value) for value in row] for row in rows[:MOST_ROWS]]
    widths = [max(len(cell) for cell in column) for column in zip(header, *shown, strict=True)]
    right = [isinstance(value, int | float) for value in rows[0]]
    for line in (header, *shown):
        cells = [
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(line, widths, right, strict=True)
        ]
        print("  ".join(cells).rstrip())
    if len(rows) > MOST_ROWS:
        print(f"… and {len(rows) - MOST_ROWS} more")


def _cell(value: object) -> str:
    return "" if value is None else str(value)
