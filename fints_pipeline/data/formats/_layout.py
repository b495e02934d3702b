"""What a data set's YAML tells of a file that no other format knows."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from fints_pipeline.base.config import Config

ColumnName = str | int


class Columns(Config):
    """Where to find what: by the header's names, or by position (from 1) where there is none.

    Attributes:
        time: Stamps; or two columns, of dates and of times.
        open: First price of the bar.
        high: Highest price.
        low: Lowest price.
        close: Last price.
        volume: Volume, if the source has any.
        symbol: Symbols, where one file holds several.
    """

    time: ColumnName | tuple[ColumnName, ColumnName]
    open: ColumnName
    high: ColumnName
    low: ColumnName
    close: ColumnName
    volume: ColumnName | None = None
    symbol: ColumnName | None = None

    @property
    def stamps(self) -> tuple[ColumnName, ...]:
        """The column or columns of stamps."""
        return self.time if isinstance(self.time, tuple) else (self.time,)

    @property
    def all(self) -> tuple[ColumnName, ...]:
        """Every column that is told."""
        rest = (self.open, self.high, self.low, self.close, self.volume, self.symbol)
        return (*self.stamps, *(name for name in rest if name is not None))

    @property
    def by_position(self) -> bool:
        """Whether columns are told by position: the file has no header."""
        return isinstance(self.all[0], int)


def checked_columns(value: Any) -> Any:
    """Refuse columns told partly by name and partly by position, or twice."""
    if not isinstance(value, Columns):
        return value
    if len({type(name) for name in value.all}) > 1:
        raise ValueError("tell columns all by name, or all by position (from 1)")
    if len(set(value.all)) < len(value.all):
        raise ValueError("one column stands for two things")
    if any(isinstance(name, int) and name < 1 for name in value.all):
        raise ValueError("positions count from 1")
    return value


class TextLayout(Config):
    """How text is written.

    Attributes:
        separator: What stands between cells.
        decimal: The decimal mark.
        skip: Lines above the header, or above the first row.
    """

    separator: str = Field(default=",", min_length=1, max_length=1)
    decimal: str = "."
    skip: int = Field(default=0, ge=0)

    @field_validator("decimal")
    @classmethod
    def _mark(cls, mark: str) -> str:
        if mark not in {".", ","}:
            raise ValueError("must be . or ,")
        return mark
