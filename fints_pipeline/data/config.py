"""What a data set is: its format, market calendar, ticks, and the bars to make of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationInfo, field_validator

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import KeyNotFoundError, UserError, nearest
from fints_pipeline.base.time import MINUTES_A_DAY, minutes
from fints_pipeline.data.calendars import Calendar, calendar_for, check_calendar
from fints_pipeline.data.config_checks import checked_timezone
from fints_pipeline.data.rule_parameters import RuleParameters

T = TypeVar("T")


class DatasetConfig(Config):
    """One source of bars: the `dataset:` section of a file under configs/data.

    An instrument is called ``<name>.<symbol>``, because one symbol can arrive from several sources.

    Attributes:
        name: The data set's name, in instruments and lake paths.
        description: What a reader should know about the source.
        synthetic: Made up; every place that shows the data says so.
        format: The file format that the data set's archives must have.
        layout: What that format has to be told, for example the columns of ``custom``.
        calendar: ``crypto_24_7``, ``fx_24_5``, one of CME's such as ``cme_energy``, or an
            exchange's ISO code such as ``XNYS``.
        calendars: The calendars of symbols that keep other hours than the rest.
        extended_minutes_before: How long before each regular open rows are kept, flagged
            ``is_extended``; 0 drops what lies outside the regular hours.
        extended_minutes_after: The same after each regular close.
        timezone: Time zone of stamps that carry none.
        asset_class: Kind of market.
        quote: What the prices are: of trades, or the bid side of quotes.
        has_volume: False where the source has no volume, or a column that is always zero.
        base_frequency: Length of the source's bars; ``1D`` where it has one a session.
        frequencies: Lengths of the bars to make, ascending; the first is the base frequency.
        model_frequency: The one that features, labels, tokens and models are made of.
        ticks: Smallest price step by symbol, in price units; ``"*"`` stands for all others.
        max_fill_minutes: How long a last price is carried forward through missing bars.
        versions: Which delivery of a bar counts where several differ: ``first_known``, as a trader
            had it at the time, or ``latest``.
        rules: What the rules that flag bars see.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = ""
    synthetic: bool = False
    format: str
    layout: dict[str, Any] = Field(default_factory=dict)
    calendar: str
    calendars: dict[str, str] = Field(default_factory=dict)
    extended_minutes_before: int = Field(default=0, ge=0, lt=MINUTES_A_DAY)
    extended_minutes_after: int = Field(default=0, ge=0, lt=MINUTES_A_DAY)
    timezone: str = "UTC"
    asset_class: Literal["crypto", "fx", "index", "equity", "future"]
    quote: Literal["trade", "bid"] = "trade"
    has_volume: bool = True
    base_frequency: str = "1m"
    frequencies: tuple[str, ...] = ("1m", "5m", "30m", "1D")
    model_frequency: str = "5m"
    ticks: dict[str, float]
    max_fill_minutes: int = Field(default=60, ge=0)
    versions: Literal["first_known", "latest"] = "first_known"
    rules: RuleParameters = RuleParameters()

    @field_validator("calendar")
    @classmethod
    def _known_calendar(cls, name: str) -> str:
        return _or_value_error(check_calendar, name)

    @field_validator("calendars")
    @classmethod
    def _known_calendars(cls, names: dict[str, str]) -> dict[str, str]:
        for name in names.values():
            _or_value_error(check_calendar, name)
        return names

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        return checked_timezone(name)

    @field_validator("base_frequency")
    @classmethod
    def _a_session_at_most(cls, frequency: str) -> str:
        if _or_value_error(minutes, frequency) >= MINUTES_A_DAY and frequency != "1D":
            raise ValueError("must be shorter than a day, or 1D")
        return frequency

    @field_validator("frequencies")
    @classmethod
    def _multiples(cls, frequencies: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        base = info.data.get("base_frequency")
        if base is None:
            return frequencies
        lengths = [_or_value_error(minutes, frequency) for frequency in frequencies]
        if not frequencies or frequencies[0] != base:
            raise ValueError(f"must begin with the base frequency, {base}")
        if lengths != sorted(set(lengths)):
            raise ValueError("must be ascending, each once")
        for frequency, length in zip(frequencies, lengths, strict=True):
            if length % lengths[0]:
                raise ValueError(f"{frequency} is no multiple of {base}")
            if length >= MINUTES_A_DAY and frequency != "1D":
                raise ValueError(f"{frequency} is longer than a session; the longest is 1D")
        return frequencies

    @field_validator("model_frequency")
    @classmethod
    def _made(cls, frequency: str, info: ValidationInfo) -> str:
        made = info.data.get("frequencies")
        if made is not None and frequency not in made:
            raise ValueError(f"is not among frequencies ({', '.join(made)})")
        return frequency

    @field_validator("ticks")
    @classmethod
    def _positive_ticks(cls, ticks: dict[str, float]) -> dict[str, float]:
        for symbol, tick in ticks.items():
            if not 0 < tick < float("inf"):
                raise ValueError(f"the tick of {symbol} must be positive, not {tick}")
        return ticks

    @property
    def is_daily(self) -> bool:
        """Whether the source has one bar a session."""
        return self.base_frequency == "1D"

    @property
    def display_name(self) -> str:
        """The name to show a person; says so when the data is made up."""
        return f"{self.name} (SYNTHETIC)" if self.synthetic else self.name

    def instrument(self, symbol: str) -> str:
        """Return the instrument's name for a symbol, for example ``binance.BTCUSDT``."""
        return f"{self.name}.{symbol}"

    def symbol(self, instrument: str) -> str:
        """Return the symbol of an instrument of this data set.

        Raises:
            KeyNotFoundError: the instrument belongs to another data set.
        """
        dataset, _, symbol = instrument.partition(".")
        if dataset != self.name or not symbol:
            raise KeyNotFoundError(
                f"{instrument!r} is no instrument of data set {self.name!r}",
                fix=f"its instruments are called {self.name}.<symbol>",
            )
        return symbol

    def calendar_of(self, symbol: str) -> Calendar:
        """Return the calendar that a symbol trades by, extended hours included."""
        name = self.calendars.get(symbol, self.calendar)
        return calendar_for(name, self.extended_minutes_before, self.extended_minutes_after)

    def tick(self, symbol: str) -> float:
        """Return a symbol's smallest price step.

        Raises:
            KeyNotFoundError: the config gives none.
        """
        tick = self.ticks.get(symbol, self.ticks.get("*"))
        if tick is None:
            raise KeyNotFoundError(
                f"data set {self.name!r} has no tick for {symbol!r}",
                where=f"`ticks:` in the config of {self.name}",
                fix=f"add `{symbol}: <tick>`; {nearest(symbol, self.ticks)}",
            )
        return tick


def _or_value_error(check: Callable[[str], T], value: str) -> T:
    """Pydantic gathers ValueErrors, and adds the key that they belong to."""
    try:
        return check(value)
    except UserError as error:
        raise ValueError(" ".join(filter(None, (error.what, error.fix)))) from None
