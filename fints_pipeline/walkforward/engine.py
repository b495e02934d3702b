"""The P&L kernel: targets decided at a bar's close, filled at the next real open.

Order of events in bar t, for every symbol:

1. open: a split since the last bar multiplies the units held and ordered; a waiting order fills
   at the open if the bar is real, otherwise it waits on;
2. close: equity = cash + value of the positions at the close (or the last one known);
3. close: a finite target replaces any waiting order. The order is a number of units, sized with
   the equity and price of this close; nothing later touches it.

Causal: row t of every result depends on rows ≤ t of every input.
"""

import numpy as np
from numba import njit

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.walkforward.costs import CostRates
from fints_pipeline.walkforward.ledger import Account, Fills, Ledger, Targets
from fints_pipeline.walkforward.market import Market


def simulate(market: Market, targets: Targets, costs: CostRates, account: Account) -> Ledger:
    """Trade `targets` on `market` and keep the books.

    A position in a foreign quote currency is settled at each of its fills: the profit since the
    last one is converted at the rate of that moment.

    Args:
        market: prices, (T, S).
        targets: what to hold, (T, S), decided at each close.
        costs: per side and symbol, (S,).
        account: capital and sizing rules.

    Returns:
        The ledger; cash + position value = equity at every bar, to rounding.

    Raises:
        SchemaError: shapes differ, or a target is infinite.
    """
    _check(market, targets, costs)
    capacity = int(np.isfinite(targets.fraction).sum())
    ints = np.empty((3, capacity), np.int32)
    floats = np.empty((6, capacity), np.float64)
    reasons = np.empty(capacity, np.int8)
    books = np.empty((3, market.rows, len(market.symbols)))
    equity = np.empty(market.rows)
    count = _kernel(
        market.open, market.close, market.tradable, market.split_factor,
        market.fx_open, market.fx_close, targets.fraction, targets.reason,
        costs.half_spread_rate, costs.half_spread_price, costs.fee_rate, costs.slippage_rate,
        account.capital, account.band, account.compound,
        equity, books, ints, floats, reasons,
    )  # fmt: skip
    symbol, decided, filled = ints[:, :count]
    units, price, fx, spread, slippage, fee = floats[:, :count]
    fills = Fills(symbol, decided, filled, units, price, fx, spread, slippage, fee, reasons[:count])
    return Ledger(equity, books[0], books[1], books[2], fills)


def _check(market: Market, targets: Targets, costs: CostRates) -> None:
    shape = market.open.shape
    if targets.fraction.shape != shape or targets.reason.shape != shape:
        raise SchemaError(
            f"targets have shape {targets.fraction.shape}, the market (T, S) = {shape}",
            where="simulate",
        )
    if costs.fee_rate.shape != shape[1:]:
        raise SchemaError(
            f"costs are for {costs.fee_rate.shape[0]} symbols, the market has {shape[1]}",
            where="simulate",
        )
    if np.isinf(targets.fraction).any():
        raise SchemaError("a target is infinite", where="simulate", fix="cap the leverage")


@njit(cache=True)
def _kernel(  # type: ignore[no-untyped-def]
    open_TS, close_TS, tradable_TS, split_TS, fx_open_TS, fx_close_TS, target_TS, reason_TS,
    half_spread_rate_S, half_spread_price_S, fee_rate_S, slippage_rate_S,
    capital, band, compound, equity_T, books_3TS, ints_3N, floats_6N, reasons_N,
):  # fmt: skip
    """Fill `equity_T`, `books_3TS` (value, pnl, units) and the fills; return their number."""
    n_rows, n_symbols = open_TS.shape
    units = np.zeros(n_symbols)
    basis = np.zeros(n_symbols)  # price at the last settlement
    settled = np.zeros(n_symbols)  # profit booked, costs taken off
    last_close = np.zeros(n_symbols)
    last_fx = np.ones(n_symbols)
    last_split = np.full(n_symbols, np.nan)
    order = np.zeros(n_symbols)  # units wanted
    waiting = np.zeros(n_symbols, np.bool_)
    decided = np.zeros(n_symbols, np.int32)
    why = np.zeros(n_symbols, np.int8)
    count = 0
    for t in range(n_rows):
        equity = capital
        for s in range(n_symbols):
            present = np.isfinite(close_TS[t, s])
            if present:
                ratio = split_TS[t, s] / last_split[s]
                if np.isfinite(ratio) and ratio != 1.0:
                    units[s] *= ratio
                    order[s] *= ratio
                    basis[s] /= ratio
                last_split[s] = split_TS[t, s]
            if waiting[s] and tradable_TS[t, s]:
                waiting[s] = False
                change = order[s] - units[s]
                if change != 0.0:
                    price, fx = open_TS[t, s], fx_open_TS[t, s]
                    size = abs(change) * fx
                    spread = size * (price * half_spread_rate_S[s] + half_spread_price_S[s])
                    slippage = size * price * slippage_rate_S[s]
                    fee = size * price * fee_rate_S[s]
                    settled[s] += units[s] * (price - basis[s]) * fx - spread - slippage - fee
                    units[s] = order[s]
                    basis[s] = price
                    ints_3N[0, count], ints_3N[1, count], ints_3N[2, count] = s, decided[s], t
                    floats_6N[0, count], floats_6N[1, count] = change, price
                    floats_6N[2, count], floats_6N[3, count] = fx, spread
                    floats_6N[4, count], floats_6N[5, count] = slippage, fee
                    reasons_N[count] = why[s]
                    count += 1
            if present:
                last_close[s] = close_TS[t, s]
                if np.isfinite(fx_close_TS[t, s]):
                    last_fx[s] = fx_close_TS[t, s]
            pnl = settled[s] + units[s] * (last_close[s] - basis[s]) * last_fx[s]
            books_3TS[0, t, s] = units[s] * last_close[s] * last_fx[s]
            books_3TS[1, t, s] = pnl
            books_3TS[2, t, s] = units[s]
            equity += pnl
        equity_T[t] = equity
        base = equity if compound else capital
        for s in range(n_symbols):
            target = target_TS[t, s]
            value = close_TS[t, s] * fx_close_TS[t, s]
            if np.isnan(target) or not np.isfinite(value):
                continue
            if equity <= 0.0:
                target = 0.0  # ruined: close what is open and stay out
            wanted = target * base / value
            small = abs(wanted - units[s]) * value < band * base
            waiting[s] = wanted != units[s] and (wanted == 0.0 or not small)
            order[s] = wanted
            decided[s] = t
            why[s] = reason_TS[t, s]
    return count
