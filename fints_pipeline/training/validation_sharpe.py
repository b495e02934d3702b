"""Early stopping on what the validation span would have earned, through the backtest's engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.training.dataset import BoolArray, FloatArray, Series
from fints_pipeline.walkforward.costs import CostModel, CostRates
from fints_pipeline.walkforward.engine import simulate
from fints_pipeline.walkforward.folds import Span
from fints_pipeline.walkforward.ledger import Account, Targets
from fints_pipeline.walkforward.market import Market

CAPITAL = 1e6
_TINY = 1e-15


@dataclass(frozen=True)
class ValidationSharpe:
    """Trades a network's positions over a span and tells their Sharpe ratio a session, net.

    Each instrument has an equal share of the equity, held at its position until the next decision;
    orders fill at the next real open and pay the costs.

    Attributes:
        market: the span's bars.
        session: of its rows (T,).
        at: by instrument, the market's rows at which a position is decided.
        positions: a network in, positions (n,) in [-1, 1] by instrument out, one a row of `at`.
        costs: of every trade.
    """

    market: Market
    session: np.ndarray
    at: Sequence[np.ndarray]
    positions: Callable[[nn.Module], Sequence[FloatArray]]
    costs: CostModel

    def __call__(self, network: nn.Module) -> float:
        """Return the Sharpe ratio, 0 where nothing is earned or lost."""
        was_training = network.training
        with torch.random.fork_rng():  # drawn paths must not move the fit's own draws
            found = self.positions(network)
        network.train(was_training)
        count = len(self.market.symbols)
        fraction = np.full(self.market.open.shape, np.nan)
        for number, (rows, position) in enumerate(zip(self.at, found, strict=True)):
            fraction[rows, number] = position / count
        rates = CostRates.of([self.costs] * count)
        ledger = simulate(self.market, Targets.of(fraction), rates, Account(CAPITAL))
        ends = np.flatnonzero(np.append(self.session[1:] != self.session[:-1], True))
        levels = np.concatenate([[CAPITAL], ledger.equity[ends]])
        returns = np.diff(levels) / levels[:-1]
        spread = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
        return float(returns.mean()) / spread if spread > _TINY else 0.0


def market_of(
    series: Sequence[Series], span: Span, chosen: Sequence[BoolArray], costs: CostModel
) -> tuple[Market, np.ndarray, list[np.ndarray]]:
    """Return a span's bars as a market, their sessions, and where the chosen rows lie in it.

    Args:
        series: with prices.
        span: sessions.
        chosen: per series the rows (T,) within the span at which a position is decided.
        costs: tell the side of the prices.

    Raises:
        ConfigError: the series have no prices.
    """
    inside = [span.mask(one.session) for one in series]
    pairs = list(zip(series, inside, strict=True))
    opens, first = np.unique(
        np.concatenate([one.open_time[rows] for one, rows in pairs]), return_index=True
    )
    session = np.concatenate([one.session[rows] for one, rows in pairs])[first]
    close_time = opens.copy()
    shape = (len(opens), len(series))
    prices = {name: np.full(shape, np.nan) for name in ("open", "close", "split_factor")}
    tradable = np.zeros(shape, np.bool_)
    at = []
    for number, ((one, rows), decided) in enumerate(zip(pairs, chosen, strict=True)):
        if one.prices is None:
            raise ConfigError(f"{one.instrument} was read without prices")
        place = np.searchsorted(opens, one.open_time[rows])
        np.maximum.at(close_time, place, one.close_time[rows])
        prices["open"][place, number] = costs.mid(one.prices.open[rows])
        prices["close"][place, number] = costs.mid(one.prices.close[rows])
        prices["split_factor"][place, number] = one.prices.split_factor[rows]
        tradable[place, number] = one.prices.tradable[rows]
        at.append(np.searchsorted(opens, one.open_time[decided & rows]))
    close_time[:-1] = np.minimum(close_time[:-1], opens[1:])
    market = Market(
        symbols=tuple(one.instrument for one in series),
        open_time=opens,
        close_time=close_time,
        tradable=tradable,
        fx_open=np.ones(shape),
        fx_close=np.ones(shape),
        **prices,
    )
    return market, session, at
