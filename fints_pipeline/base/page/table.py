"""A table of ready-made words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Headings and cells; the first `text_columns` columns are words, the others numbers."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1


@dataclass(frozen=True)
class Tile:
    """A headline number: what, how much, and how sure."""

    label: str
    value: str
    note: str
