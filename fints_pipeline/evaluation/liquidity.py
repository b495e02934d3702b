"""What is known of each market's depth when a bar opens: slippage, impact, room for a fill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.evaluation.grid import Grid
from fints_pipeline.evaluation.sessions import Sessions
from fints_pipeline.walkforward.costs import CostModel, Liquidity
from fints_pipeline.walkforward.limits import Limits

Floats = NDArray[np.float64]


def with_liquidity(
    grid: Grid, costs: Sequence[CostModel], limits: Limits
) -> tuple[Grid, Liquidity]:
    """Rates and volumes that the costs and limits ask for.

    Causal: row t is made of bars before t; only participation in a bar's own volume looks at the
    bar of the fill, which decides how much fills and never what is ordered.

    Args:
        grid: bars, with some sessions before the first that is traded.
        costs: of each instrument, in the grid's order.
        limits: says whether and how fills are limited.

    Returns:
        The grid, with bars at which a rate is not known yet marked as not tradable, and the
        liquidity. What no instrument uses is None.

    Raises:
        ConfigError: an instrument has no volume and no `adv`, where one is needed.
    """
    columns = [_Depth(grid, s, model) for s, model in enumerate(costs)]
    slippage = impact = available = None
    if any(model.slippage_volatility for model in costs):
        slippage = np.column_stack([depth.slippage() for depth in columns])
    if any(model.impact for model in costs):
        impact = np.column_stack([depth.impact() for depth in columns])
    if limits.participation is not None:
        available = np.column_stack([depth.available(limits) for depth in columns])
    tradable = grid.market.tradable.copy()
    for values in (slippage, impact, available):
        if values is not None:
            tradable &= np.isfinite(values)
    return replace(grid, market=replace(grid.market, tradable=tradable)), Liquidity(
        slippage, impact, available
    )


class _Depth:
    """Estimates (T,) of one instrument, NaN where nothing is known yet."""

    def __init__(self, grid: Grid, symbol: int, costs: CostModel) -> None:
        self._costs = costs
        self._name = grid.market.symbols[symbol]
        self._sessions = Sessions(grid, symbol)
        rows = self._sessions.rows
        self._split = np.ones(len(grid.session))
        self._split[rows] = grid.market.split_factor[rows, symbol]
        self._volume = grid.volume[:, symbol]
        self._returns = np.diff(np.log(grid.adjusted_close[rows, symbol]), prepend=np.nan)
        close = np.full(len(grid.session), np.nan)
        # Of the bar before, in today's units.
        close[rows[1:]] = grid.adjusted_close[rows[:-1], symbol] / self._split[rows[1:]]
        self._last_close = close

    def slippage(self) -> Floats:
        """λ x the deviation of a bar's return, over the bars before."""
        if not self._costs.slippage_volatility:
            return np.zeros(len(self._split))
        found = np.full(len(self._split), np.nan)
        rows = self._sessions.rows
        squares = np.concatenate([[0.0], np.cumsum(np.nan_to_num(self._returns) ** 2)])
        end = np.arange(len(rows))
        start = np.maximum(end - self._costs.bar_window, 1)
        known = end > start
        mean = (squares[end] - squares[start])[known] / (end - start)[known]
        found[rows[known]] = np.sqrt(np.maximum(mean, 0.0)) * self._costs.slippage_volatility
        return found

    def impact(self) -> Floats:
        """Y x σ_D / √V_D, the cost rate of one unit's root."""
        model = self._costs
        if not model.impact:
            return np.zeros(len(self._split))
        variance = self._sessions.trailing_mean(self._returns**2, model.impact_window, 1)
        volume = self._session_volume(model.impact_window)
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = model.impact * np.sqrt(variance / volume)
        return np.where(np.isfinite(rate), rate, np.nan)

    def available(self, limits: Limits) -> Floats:
        """Units of which a fill may take its share."""
        if limits.participation_of == "bar" and np.isfinite(self._volume).any():
            return np.nan_to_num(self._volume)
        window = limits.participation_window
        bars = self._sessions.trailing_mean(np.ones(len(self._sessions.rows)), window, 1)
        return np.asarray(self._session_volume(window) / bars)

    def _session_volume(self, window: int) -> Floats:
        """Units that a session trades, as shares are counted on the day."""
        rows = self._sessions.rows
        if np.isfinite(self._volume).any():
            adjusted = self._volume[rows] / self._split[rows]
            return self._sessions.trailing_mean(adjusted, window, 1) * self._split
        if self._costs.adv is None:
            raise ConfigError(
                f"{self._name} has no volume, which impact and participation need",
                where="costs.adv",
                fix="give the value traded in a session as `adv`, or set `impact: 0` and no"
                " `participation`",
            )
        return np.asarray(self._costs.adv / self._last_close)
