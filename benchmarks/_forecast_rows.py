"""The rows of the long-horizon table: which network, with which settings, against which figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fints_pipeline.base.components import load_component
from fints_pipeline.base.config import fingerprint
from fints_pipeline.models._base import PACKAGE, NetworkConfig

REVISION = 1  # raise it when a change of the code outdates results that are kept
HORIZONS = (96, 192, 336, 720)
Rates = Literal["constant", "halve", "after_three"]
Pair = tuple[float, float]


@dataclass(frozen=True)
class Fit:
    """How a row is trained: Adam on the mean squared error, the best validation epoch kept.

    Attributes:
        rates: "halve" halves the rate each epoch, "after_three" takes a tenth off each epoch after
            the third.
    """

    epochs: int
    batch_size: int
    rate: float
    rates: Rates
    patience: int


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        published: MSE and MAE in the paper (the legacy mode, where it dropped windows).
        goal: what is to be reached on the full test set, and the tolerance on either side; None
            where nothing is asked. An MAE of None does not count.
        at_most: the goal is an upper bound.
    """

    series: str
    horizon: int
    network: str
    settings: dict[str, Any]
    fit: Fit | None = None
    published: Pair | None = None
    goal: tuple[float, float | None, float] | None = None
    at_most: bool = False

    @property
    def config(self) -> NetworkConfig:
        """The network's config."""
        spec = {"name": self.network, "horizon": self.horizon, **self.settings}
        return load_component(PACKAGE, NetworkConfig, spec)

    @property
    def key(self) -> str:
        """Names everything that the row's result depends on but the code and the data."""
        return self._named(vars(self.fit) if self.fit else None)

    @property
    def fit_key(self) -> str:
        """The same for a fit's state after an epoch, whatever the number of epochs to come."""
        fit = vars(self.fit) if self.fit else {}
        return self._named({k: v for k, v in fit.items() if k not in ("epochs", "patience")})

    def _named(self, fit: dict[str, Any] | None) -> str:
        name = f"{self.series}-{self.horizon}-{self.network}"
        return f"{name}-{fingerprint([REVISION, self.config.model_dump(mode='json'), fit])}"


@dataclass(frozen=True)
class Outcome:
    """What a row came to: errors in scaled units, and the epochs and seconds of its training."""

    mse: float
    mae: float
    legacy_mse: float
    legacy_mae: float
    parameters: int
    epochs: int
    best_epoch: int
    seconds: float


def rows() -> Iterator[Row]:
    """Yield the table's rows, the quick ones first."""
    yield from _repeat_last()
    yield from _dlinear()
    yield from _transformers()


def _repeat_last() -> Iterator[Row]:
    exchange = {96: (0.081, 0.196), 192: (0.167, 0.289), 336: (0.305, 0.396), 720: (0.823, 0.681)}
    for horizon in HORIZONS:
        goal = (1.3299, 0.7460, 0.0006) if horizon == 336 else None
        published = (1.3233, 0.7443) if horizon == 336 else None
        yield Row("ETTh1", horizon, "repeat_last", {}, published=published, goal=goal)
    for horizon in HORIZONS:
        yield Row("exchange_rate", horizon, "repeat_last", {}, published=exchange[horizon])


def _dlinear() -> Iterator[Row]:
    etth1 = {96: (0.375, 0.399), 192: (0.405, 0.416), 336: (0.439, 0.443), 720: (0.472, 0.490)}
    goals = {96: (0.3758, 0.3984, 0.006), 720: (0.4836, 0.4980, 0.03)}
    for horizon in HORIZONS:
        fit = Fit(10, 32, 0.005, "halve", 3)
        goal = goals.get(horizon) if horizon == 96 else None
        yield Row("ETTh1", horizon, "dlinear", {}, fit, etth1[horizon], goal)
    exchange = {96: (0.081, 0.203), 192: (0.157, 0.293), 336: (0.305, 0.414), 720: (0.643, 0.601)}
    for horizon in HORIZONS:
        fit = Fit(10, 8 if horizon < 300 else 32, 0.0005, "halve", 3)
        yield Row("exchange_rate", horizon, "dlinear", {}, fit, exchange[horizon])


def _transformers() -> Iterator[Row]:
    inverted = Fit(10, 32, 1e-4, "halve", 3)
    yield Row(
        "ETTh1", 96, "itransformer", {}, inverted, (0.386, 0.405), (0.386, None, 0.386 * 0.03)
    )  # fmt: skip
    small = {"width": 128, "feed_forward": 128}
    yield Row("exchange_rate", 96, "itransformer", small, inverted, (0.086, 0.206))
    yield Row(
        "ETTh1",
        96,
        "patchtst",
        {"residual_attention": True},
        Fit(24, 128, 1e-4, "after_three", 24),
        (0.375, 0.399),
        (0.390, None, 0.0),
        at_most=True,
    )
    patches = {
        "lookback": 96,
        "width": 128,
        "heads": 16,
        "feed_forward": 256,
        "dropout": 0.1,
        "residual_attention": True,
    }
    fit = Fit(10, 32, 1e-4, "halve", 3)
    yield Row("exchange_rate", 96, "patchtst", patches, fit, (0.088, 0.205))
