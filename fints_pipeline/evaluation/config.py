"""What a backtest is told: `BacktestConfig`, one YAML file under configs/backtest/."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from fints_pipeline.base.config import Config, fingerprint
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.ledger import Account
from fints_pipeline.walkforward.limits import Limits, Stops


class Threshold(Config):
    """How strong an edge must be for a position; exactly one of the two.

    Attributes:
        fixed: smallest absolute edge, in the edge's own unit.
        quantile: the absolute edge's quantile on the fold's validation span.
    """

    fixed: float | None = Field(default=None, ge=0)
    quantile: float | None = Field(default=None, ge=0, lt=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.fixed is None) == (self.quantile is None):
            raise ValueError("give exactly one of `fixed` and `quantile`")
        return self


class Sizing(Config):
    """From a signal in [-1, 1] to a fraction of the equity.

    Attributes:
        kind: "fixed" holds `fraction` of the equity at full signal; "volatility_target" holds what
            is expected to give `annual_volatility`, from the realised volatility of the last
            `window` complete sessions; "kelly" holds `kelly_fraction` of what maximises the
            expected growth: from the probabilities and the validation span's mean gain and loss
            where the model gives probabilities, otherwise its expected return over the variance of
            returns on the validation span.
        fraction: position value over equity at full signal, each instrument.
        annual_volatility: target, per year (0.1 is 10 %), each instrument.
        window: complete sessions that the volatility is estimated from.
        kelly_fraction: share of the full Kelly position; half of it gives three quarters of the
            growth at half the deviation.
        max_leverage: cap on the sum of absolute fractions over the instruments, and on each.
        band: an order below this fraction of the equity is not sent, unless it closes.
        compound: size with the current equity rather than the initial capital.
    """

    kind: Literal["fixed", "volatility_target", "kelly"] = "fixed"
    fraction: float = Field(default=1.0, gt=0)
    annual_volatility: float = Field(default=0.1, gt=0)
    window: int = Field(default=20, ge=2)
    kelly_fraction: float = Field(default=0.5, gt=0, le=1)
    max_leverage: float = Field(default=1.0, gt=0)
    band: float = Field(default=0.0, ge=0, lt=1)
    compound: bool = True


class Capacity(Config):
    """Capitals at which the Sharpe ratio is told, evenly spaced in their logarithm.

    Attributes:
        smallest: account currency.
        largest: account currency.
        points: how many.
    """

    smallest: float = Field(default=1e4, gt=0)
    largest: float = Field(default=1e9, gt=0)
    points: int = Field(default=11, ge=3, le=100)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.largest <= self.smallest:
            raise ValueError("`largest` must be above `smallest`")
        return self

    @property
    def capitals(self) -> NDArray[np.float64]:
        """(points,) ascending."""
        return np.geomspace(self.smallest, self.largest, self.points)


class Conversion(Config):
    """Which instrument's price turns a quote currency into the account's.

    Attributes:
        instrument: dataset.SYMBOL whose bars are in the lake.
        invert: True when its price is quote currency per account currency (USDJPY for a USD
            account), so that the rate is one over the price.
    """

    instrument: str
    invert: bool = False


class Universe(Config):
    """How a dataset's instruments came to be there: section `universe` of its file.

    Attributes:
        note: what was known with hindsight when they were picked; the verdict of every backtest on
            them repeats it as a survivorship warning.
    """

    note: str = Field(min_length=1)


class Bootstrap(Config):
    """Stationary block bootstrap of the session returns.

    Attributes:
        samples: resampled histories.
        block: mean block length in sessions; None takes the cube root of their number.
    """

    samples: int = Field(default=2000, ge=100)
    block: float | None = Field(default=None, ge=1)


class BacktestConfig(Config):
    """One backtest of one experiment's predictions.

    Attributes:
        experiment: name of the experiment under configs/train/.
        model: the primary model, whose verdict is given; fixed before any test span is seen.
        compare: further models to show; each is a counted trial and never replaces the primary.
        capital: at the start, account currency.
        account_currency: the one currency that everything is added up in.
        quote_currency: quote currency of instruments that differs from the account's, by
            instrument (dataset.SYMBOL).
        conversion: how each foreign quote currency is turned into the account's.
        sizing: from signal to position.
        costs: of trading and holding; `asset_class` fills in what is not given.
        instrument_costs: costs of single instruments that differ from `costs`, by instrument.
        limits: gross, net, name, leverage, margin and participation, on top of `sizing`.
        stops: stop loss, take profit and trailing stop of every position.
        capacity: capitals of the capacity curve, told where impact is configured.
        hold: bars between decisions, counted from each session's scheduled open.
        threshold: smallest edge that gives a position.
        strength: "sign" trades ±1 beyond the threshold; "proportional" scales the edge by its
            95 % quantile on the validation span and clips to [-1, 1].
        flatten_at_session_end: close every position at the open of the session's last bar.
        sessions_per_year: for annualising; 365 for 24/7, 260 for FX, 252 for equities.
        bootstrap: of the Sharpe ratio's interval.
        null_shifts: circular shifts of the signal that make the null distribution.
        seed: of bootstrap and shifts.
        universe_note: what is known about how the instruments were picked; when it was with
            hindsight (today's index members), say so: the verdict repeats it as a warning. None
            takes what the datasets' own files say (`Universe`).
        synthetic: the data are made up; the report says so everywhere.
    """

    experiment: str
    model: str
    compare: tuple[str, ...] = ()
    capital: float = Field(default=100_000.0, gt=0)
    account_currency: str = "USD"
    quote_currency: Mapping[str, str] = Field(default_factory=dict)
    conversion: Mapping[str, Conversion] = Field(default_factory=dict)
    sizing: Sizing = Field(default_factory=Sizing)
    costs: CostModel
    instrument_costs: Mapping[str, CostModel] = Field(default_factory=dict)
    limits: Limits = Field(default_factory=Limits)
    stops: Stops = Field(default_factory=Stops)
    capacity: Capacity = Field(default_factory=Capacity)
    hold: int = Field(default=1, ge=1)
    threshold: Threshold
    strength: Literal["sign", "proportional"] = "sign"
    flatten_at_session_end: bool = False
    sessions_per_year: float = Field(default=252.0, gt=0)
    bootstrap: Bootstrap = Field(default_factory=Bootstrap)
    null_shifts: int = Field(default=200, ge=200)
    seed: int = Field(default=0, ge=0)
    universe_note: str | None = None
    synthetic: bool = False

    @model_validator(mode="after")
    def _primary_is_not_compared_with_itself(self) -> Self:
        if self.model in self.compare or len(set(self.compare)) < len(self.compare):
            raise ValueError("`compare` names the primary model or a model twice")
        return self

    @model_validator(mode="after")
    def _kelly_knows_the_strength(self) -> Self:
        if self.sizing.kind == "kelly" and self.strength == "proportional":
            raise ValueError(
                "`strength: proportional` scales what Kelly sizing has scaled already; use `sign`"
            )
        return self

    @property
    def account(self) -> Account:
        """Capital, sizing rules, limits and stops, as the engine takes them."""
        sizing, gross = self.sizing, self.limits.gross
        most = sizing.max_leverage if gross is None else min(gross, sizing.max_leverage)
        limits = self.limits.model_copy(update={"gross": most})
        return Account(self.capital, sizing.band, sizing.compound, limits, self.stops)

    def costs_of(self, instrument: str) -> CostModel:
        """The instrument's own costs, or those of all."""
        return self.instrument_costs.get(instrument, self.costs)

    @property
    def sessions_before(self) -> int:
        """Complete sessions before the first traded one that the estimates want."""
        models = [self.costs, *self.instrument_costs.values()]
        windows = [self.sizing.window, *(model.impact_window for model in models if model.impact)]
        if self.limits.participation is not None:
            windows.append(self.limits.participation_window)
        return max(windows)

    @property
    def models(self) -> tuple[str, ...]:
        """Every model of the run, the primary first."""
        return (self.model, *self.compare)

    @property
    def strategy_fingerprint(self) -> str:
        """Of all that changes an order or its cost; what makes a trial distinct."""
        inference = {"compare", "bootstrap", "null_shifts", "seed", "universe_note", "synthetic"}
        inference |= {"capacity"}
        rules = type(self).model_fields.keys() - inference - {"model", "sessions_per_year"}
        return fingerprint({name: getattr(self, name) for name in rules})
