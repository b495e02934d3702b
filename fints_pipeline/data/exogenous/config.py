"""What an exogenous series is: its file's columns, its periods, and when they become known."""

from __future__ import annotations

from datetime import time

from pydantic import Field, field_validator, model_validator

from fints_pipeline.base.config import Config, fingerprint
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.time import about_minutes
from fints_pipeline.data.config_checks import checked_pattern, checked_timezone
from fints_pipeline.schemas.exogenous import EXOGENOUS_KEY
from fints_pipeline.schemas.raw_exogenous import RAW_EXOGENOUS_KEY

READING_VERSION = "1"
"""Of the code that reads files."""
RESERVED = {*EXOGENOUS_KEY, *RAW_EXOGENOUS_KEY}


class ExogenousConfig(Config):
    """One series: a file under configs/exogenous.

    Attributes:
        name: The series' name in the lake; its columns are called ``<name>_<column>`` where they
            are joined to bars.
        description: What a reader should know about the source.
        frequency: Length of its periods, for example ``1D``, ``1W``, ``1M`` or ``1Q``.
        period: Column that names the period: its date, or the moment of its end.
        period_format: How the period is written (``%Y-%m-%d``).
        period_close: Wall-clock time at which a period that is a date ends.
        timezone: Time zone of ``period_close`` and of stamps that carry none.
        published: Column with the time of publication; where there is none, a value is known
            ``publication_lag_minutes`` after the end of its period.
        publication_lag_minutes: See ``published``.
        values: The file's column of each value, by the name that it gets.
        unit: What the values are measured in.
        files: Regular expression that the names of the series' files match somewhere. Without one,
            a file is recognised by its columns alone; in the inbox's folder ``<name>/`` a file may
            be called anything.
        separator: Between the columns of a CSV file.
        missing: Cells that hold no value.
        max_age_days: How old a series' last value may be before its asset warns that the source has
            stopped; how long features carry a value on is theirs to say.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = ""
    frequency: str = "1D"
    period: str
    period_format: str = "%Y-%m-%d"
    period_close: time = time(0, 0)
    timezone: str = "UTC"
    published: str | None = None
    publication_lag_minutes: int = Field(default=0, ge=0)
    values: dict[str, str] = Field(min_length=1)
    unit: str | None = None
    files: str | None = None
    separator: str = Field(default=",", min_length=1, max_length=1)
    missing: tuple[str, ...] = ("", ".", "NA", "NaN")
    max_age_days: float = Field(default=7.0, gt=0)

    @field_validator("frequency")
    @classmethod
    def _known_frequency(cls, frequency: str) -> str:
        try:
            about_minutes(frequency)
        except ConfigError as error:
            raise ValueError(f"{error.what}; {error.fix}") from None
        return frequency

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        return checked_timezone(name)

    @field_validator("files")
    @classmethod
    def _is_a_pattern(cls, pattern: str | None) -> str | None:
        return None if pattern is None else checked_pattern(pattern)

    @field_validator("values")
    @classmethod
    def _own_names(cls, values: dict[str, str]) -> dict[str, str]:
        for name in values:
            if not name.isidentifier() or name in RESERVED:
                raise ValueError(f"a value cannot be called {name!r}")
        return values

    @model_validator(mode="after")
    def _one_way_to_know(self) -> ExogenousConfig:
        if self.published is not None and self.publication_lag_minutes:
            raise ValueError("give `published` or `publication_lag_minutes`, not both")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that its files must have."""
        published = () if self.published is None else (self.published,)
        return (self.period, *published, *self.values.values())

    @property
    def reading(self) -> str:
        """Changes when the same bytes would make other raw rows."""
        others = {"description", "unit", "files", "publication_lag_minutes", "max_age_days"}
        return fingerprint({"version": READING_VERSION, **self.model_dump(exclude=others)})

    @property
    def publishing(self) -> str:
        """Changes when the same raw rows would make other rows of the series."""
        return fingerprint(
            {"lag": self.publication_lag_minutes, "values": list(self.values), "name": self.name}
        )
