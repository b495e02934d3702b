"""How a strategy did and how good its forecasts were; every number from session returns.

Sessions, not bars, are what is annualised: intraday returns of one position are too dependent,
and an equity at the session's end is what an account statement shows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.evaluation.grid import Grid
from fints_pipeline.evaluation.statistics import autocorrelation, newey_west_lags
from fints_pipeline.walkforward.ledger import Ledger

Floats = NDArray[np.float64]


def session_ends(session: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Rows at which a session ends, ascending; `session` is (T,) ascending dates."""
    return np.flatnonzero(np.append(session[1:] != session[:-1], True))


def session_returns(equity: Floats, session: NDArray[np.datetime64], capital: float) -> pd.Series:
    """Simple return of each session, by date.

    Args:
        equity: (T,) at each bar's close.
        session: (T,) dates, ascending.
        capital: equity before the first bar.
    """
    ends = session_ends(session)
    levels = np.concatenate([[capital], equity[ends]])
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = levels[1:] / levels[:-1] - 1
    index = pd.DatetimeIndex(session[ends].astype("datetime64[us]"), name="session")
    return pd.Series(np.where(levels[:-1] > 0, returns, 0.0), index=index)


def sharpe(returns: Floats, sessions_per_year: float = 1.0) -> float:
    """Mean over standard deviation (ddof 1), times the root of the year; NaN without variance."""
    if len(returns) < 2:
        return float("nan")
    deviation = float(np.std(returns, ddof=1))
    if deviation <= 1e-15:
        return float("nan")
    return float(np.mean(returns) / deviation * np.sqrt(sessions_per_year))


def sharpe_lo(returns: Floats, sessions_per_year: float) -> float:
    """Annualised Sharpe ratio corrected for autocorrelation.

    With q sessions a year, SR x q / sqrt(q + 2 sum_k (q - k) rho_k), the sum over the first
    `newey_west_lags` lags, the others taken as zero.

    Source: Lo (2002), The Statistics of Sharpe Ratios, equation 20.
    """
    single = sharpe(returns)
    lags = np.arange(1, newey_west_lags(len(returns)) + 1)
    weights = sessions_per_year - lags
    total = sessions_per_year + 2 * float(weights @ autocorrelation(returns, len(lags)))
    return single * sessions_per_year / np.sqrt(total) if total > 0 else float("nan")


def drawdown(equity: Floats) -> Floats:
    """(T,) loss from the highest level so far, as a fraction of it; 0 at a high."""
    return 1 - equity / np.maximum.accumulate(equity)


def longest_drawdown(equity: Floats) -> int:
    """Most consecutive steps below an earlier high."""
    below = drawdown(equity) > 0
    runs = np.flatnonzero(np.diff(np.concatenate([[0], below.astype(np.int8), [0]])))
    return int((runs[1::2] - runs[::2]).max(initial=0))


def return_metrics(returns: pd.Series, sessions_per_year: float) -> dict[str, float]:
    """What session returns alone tell; every ratio per year, drawdown in fractions."""
    values = returns.to_numpy(float)
    growth = np.concatenate([[1.0], np.cumprod(1 + values)])
    years = len(values) / sessions_per_year
    total = float(growth[-1] - 1)
    annual = float(growth[-1] ** (1 / years) - 1) if years and growth[-1] > 0 else -1.0
    deepest = float(drawdown(growth).max())
    downside = float(np.sqrt(np.mean(np.minimum(values, 0.0) ** 2))) if len(values) else 0.0
    root = np.sqrt(sessions_per_year)
    return {
        "sessions": len(values),
        "total_return": total,
        "annual_return": annual,
        "annual_volatility": float(np.std(values, ddof=1) * root) if len(values) > 1 else np.nan,
        "sharpe": sharpe(values, sessions_per_year),
        "sharpe_lo": sharpe_lo(values, sessions_per_year),
        "sortino": float(values.mean() / downside * root) if downside > 0 else np.nan,
        "calmar": annual / deepest if deepest > 0 else np.nan,
        "max_drawdown": deepest,
        "drawdown_sessions": longest_drawdown(growth),
    }


def trading_metrics(
    ledger: Ledger, trades: pd.DataFrame, grid: Grid, sessions_per_year: float
) -> dict[str, float]:
    """What the fills tell: turnover, hit rate, profit factor, exposure, costs.

    `turnover` is the value traded over the mean equity, per year; `exposure` the mean gross
    position over the equity; `cost_share` the costs over the gross profit before them, NaN when
    there was none.
    """
    fills = ledger.fills
    years = len(session_ends(grid.session)) / sessions_per_year
    gross_positions = np.abs(ledger.position_value).sum(axis=1)
    profit = float(ledger.pnl[-1].sum())
    parts = {name: float(part.sum()) for name, part in ledger.parts().items()}
    dividend = parts.pop("dividend")
    cost = float(fills.cost.sum()) + parts["borrow"] + parts["funding"]
    gains = float(trades.loc[trades["net"] > 0, "net"].sum())
    losses = -float(trades.loc[trades["net"] < 0, "net"].sum())
    before_costs = profit + cost
    return {
        "fills": len(fills),
        "trades": len(trades),
        "turnover": float(fills.notional.sum() / ledger.equity.mean() / years),
        "hit_rate": float((trades["net"] > 0).mean()) if len(trades) else np.nan,
        "profit_factor": gains / losses if losses > 0 else np.nan,
        "exposure": float((gross_positions / ledger.equity).mean()),
        "net_profit": profit,
        "spread_cost": float(fills.spread.sum()),
        "slippage_cost": float(fills.slippage.sum()),
        "fee_cost": float(fills.fee.sum()),
        "impact_cost": parts["impact"],
        "borrow_cost": parts["borrow"],
        "funding_cost": parts["funding"],
        "dividends": dividend,
        "cost": cost,
        "cost_share": cost / before_costs if before_costs > 0 else np.nan,
    }
