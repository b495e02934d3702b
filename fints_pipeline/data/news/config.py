"""What a source of news is: where its files keep an item's time, text and symbol."""

from __future__ import annotations

from pydantic import Field, field_validator

from fints_pipeline.base.config import Config, fingerprint
from fints_pipeline.data.config_checks import checked_pattern, checked_timezone

READING_VERSION = "1"
"""Of the code that reads files."""


class NewsConfig(Config):
    """One source of news: a file under configs/news.

    Its files hold JSON lines (one object a line) or a table (CSV, Parquet, Feather); which of them
    shows in the content.

    Attributes:
        name: The source's name: items about AAPL are those of ``<name>.AAPL`` in the lake.
        description: What a reader should know about the source.
        time: Key, or column, with the time of publication.
        time_format: How that is written, as for strptime; None for ISO 8601.
        timezone: Time zone of times that carry none.
        text: Key, or column, with the item's text, or its list of words.
        symbol: Key, or column, with the symbol; None where the last folder of a file's path in its
            archive is the symbol.
        files: Regular expression that the names of the source's files match somewhere. Without one,
            a file is recognised by its keys or columns alone; in the inbox's folder ``<name>/`` a
            file may be called anything.
        separator: Between the columns of a CSV file.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = ""
    time: str = Field(min_length=1)
    time_format: str | None = None
    timezone: str = "UTC"
    text: str = Field(min_length=1)
    symbol: str | None = None
    files: str | None = None
    separator: str = Field(default=",", min_length=1, max_length=1)

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        return checked_timezone(name)

    @field_validator("files")
    @classmethod
    def _is_a_pattern(cls, pattern: str | None) -> str | None:
        return None if pattern is None else checked_pattern(pattern)

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys, or columns, that its files must have."""
        symbol = () if self.symbol is None else (self.symbol,)
        return (self.time, self.text, *symbol)

    @property
    def reading(self) -> str:
        """Changes when the same bytes would make other raw rows."""
        read = self.model_dump(exclude={"description", "files"})
        return fingerprint({"version": READING_VERSION, **read})
