"""The compiled loop of the engine: S symbols and K columns of an account, bar by bar.

A column is an account of its own: its capital, rules and cost scale, on the same market. The
innermost loop runs over the columns, so that a row of the market is read once for all of them and
their states lie side by side. Nothing is allocated inside the loop but a longer array of fills when
the one at hand is full.

Suffixes name axes: T rows, S symbols, K columns. An input that is switched off is an array without
elements, so that the kernel has one compiled form. What the events of a bar mean is written in
`walkforward.engine`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fints_pipeline.walkforward.ledger import Reason
from fints_pipeline.walkforward.market import Bools, Floats

FILL = np.dtype(
    [
        ("column", np.int32), ("symbol", np.int32), ("decided", np.int32), ("filled", np.int32),
        ("units", np.float64), ("price", np.float64), ("fx", np.float64), ("spread", np.float64),
        ("slippage", np.float64), ("impact", np.float64), ("fee", np.float64), ("reason", np.int8),
    ],
    align=True,
)  # fmt: skip
PARTS = ("spread", "slippage", "impact", "fee", "borrow", "funding", "dividend")
"""What moves money beside the price: rows of the array `paid`; dividends are receipts."""
BOOKS = ("position_value", "pnl", "units", "borrow", "funding", "dividend")

LIMIT = int(Reason.LIMIT)
STOP_LOSS, TAKE_PROFIT = int(Reason.STOP_LOSS), int(Reason.TAKE_PROFIT)
TRAILING_STOP = int(Reason.TRAILING_STOP)
MARGIN_CALL, RUIN = int(Reason.MARGIN_CALL), int(Reason.RUIN)


class Tape(NamedTuple):
    """The market as the kernel reads it: (T, S), `years` (T,)."""

    open: Floats
    close: Floats
    high: Floats
    low: Floats
    tradable: Bools
    split: Floats
    fx_open: Floats
    fx_close: Floats
    dividend: Floats
    years: Floats
    available: Floats
    slippage: Floats
    impact: Floats


class Rates(NamedTuple):
    """Costs by symbol, (S,)."""

    half_spread_rate: Floats
    half_spread_price: Floats
    fee: Floats
    slippage: Floats
    borrow: Floats
    funding_long: Floats
    funding_short: Floats


class Rules(NamedTuple):
    """Parameters by column, (K,); infinity where a limit or stop is off."""

    capital: Floats
    threshold: Floats
    scale: Floats
    cost_scale: Floats
    band: Floats
    gross: Floats
    net: Floats
    name: Floats
    leverage: Floats
    maintenance: Floats
    participation: Floats
    stop_loss: Floats
    take_profit: Floats
    trailing: Floats


class Switches(NamedTuple):
    """What is on."""

    compound: bool
    cancel_rest: bool
    wait_for_change: bool
    limits: bool
    maintenance: bool
    participation: bool
    stops: bool
    carry: bool
    dividends: bool
    slippage: bool
    impact: bool
    keep_books: bool
    keep_fills: bool


class Out(NamedTuple):
    """What the kernel fills.

    `equity` (T, K), `books` (3 or 6, T, S, K) named `BOOKS`, `paid` (7, S, K) named `PARTS`,
    `traded` (S, K) absolute notional, `fills` (S, K) their number, `ruined` (K,).
    """

    equity: Floats
    books: Floats
    paid: Floats
    traded: Floats
    fills: NDArray[np.int64]
    ruined: Bools


@njit(cache=True, error_model="numpy")
def survey(signal_TSK):  # type: ignore[no-untyped-def]
    """How many targets are finite, and whether one is infinite."""
    finite, infinite = 0, False
    for target in signal_TSK.flat:
        finite += np.isfinite(target)
        infinite |= np.isinf(target)
    return finite, infinite


@njit(cache=True, error_model="numpy")
def _grown(fills):  # type: ignore[no-untyped-def]
    longer = np.empty(2 * len(fills), fills.dtype)
    longer[: len(fills)] = fills
    return longer


@njit(cache=True, error_model="numpy")
def _allowed(want_S, allowed_S, gross, net, name, leverage, base, equity):  # type: ignore[no-untyped-def]
    """Wanted fractions cut to the limits: each name, then gross, then net, then leverage."""
    total = 0.0
    for s in range(len(want_S)):
        allowed_S[s] = min(max(want_S[s], -name), name)
        total += abs(allowed_S[s])
    factor = min(1.0, gross / total)
    long, short = 0.0, 0.0
    for s in range(len(want_S)):
        allowed_S[s] *= factor
        if allowed_S[s] > 0.0:
            long += allowed_S[s]
        else:
            short -= allowed_S[s]
    if abs(long - short) > net:
        of_long = (short + net) / long if long > short else 1.0
        of_short = (long + net) / short if short > long else 1.0
        for s in range(len(want_S)):
            allowed_S[s] *= of_long if allowed_S[s] > 0.0 else of_short
        long, short = long * of_long, short * of_short
    if (long + short) * base > leverage * equity:
        factor = leverage * equity / ((long + short) * base)
        for s in range(len(want_S)):
            allowed_S[s] *= factor


@njit(cache=True, error_model="numpy")
def trade(tape, rates, rules, switches, signal_TSK, reason_TS, out, fills):  # type: ignore[no-untyped-def]
    """Fill `out`; return the number of fills and the array that holds them."""
    open_TS, close_TS, high_TS, low_TS = tape.open, tape.close, tape.high, tape.low
    tradable_TS, split_TS = tape.tradable, tape.split
    fx_open_TS, fx_close_TS = tape.fx_open, tape.fx_close
    dividend_TS, years_T, available_TS = tape.dividend, tape.years, tape.available
    slippage_TS, impact_TS = tape.slippage, tape.impact
    (
        compound, cancel_rest, wait_for_change, limits, maintenance, participation, stops, carry,
        dividends, slippage_on, impact_on, keep_books, keep_fills,
    ) = switches  # fmt: skip
    (
        capital_K, threshold_K, scale_K, cost_scale_K, band_K, gross_K, net_K, name_K, leverage_K,
        maintenance_K, participation_K, stop_K, profit_K, trailing_K,
    ) = rules  # fmt: skip
    equity_TK, books, paid, traded_SK = out.equity, out.books, out.paid, out.traded
    count_SK, ruined_K = out.fills, out.ruined
    half_spread_rate_S, half_spread_price_S = rates.half_spread_rate, rates.half_spread_price
    fee_S, slippage_S, borrow_S = rates.fee, rates.slippage, rates.borrow
    funding_long_S, funding_short_S = rates.funding_long, rates.funding_short
    n_rows, n_symbols = open_TS.shape
    n_columns = len(capital_K)
    one_signal = signal_TSK.shape[2] == 1
    keep_carry = keep_books and books.shape[0] > 3
    shape = (n_symbols, n_columns)
    units = np.zeros(shape)
    basis = np.zeros(shape)  # price at the last settlement
    settled = np.zeros(shape)  # profit booked, costs taken off
    order = np.zeros(shape)  # units wanted
    waiting = np.zeros(shape, np.bool_)
    busy = np.zeros(n_symbols, np.bool_)  # whether an order waits in any column
    decided = np.zeros(shape, np.int32)
    why = np.zeros(shape, np.int8)
    done = np.zeros(shape)  # units of the order that are filled
    placed = np.zeros(shape, np.int32)  # row whose decision made the position
    entry = np.zeros(shape)  # average price of the open position
    extreme = np.zeros(shape)  # best price since the entry, this bar left out
    blocked = np.zeros(shape, np.int8)  # side that was stopped
    want = np.zeros((n_columns, n_symbols))
    before = np.zeros((n_columns, n_symbols))
    allowed = np.zeros(n_symbols)
    forced = np.zeros(n_columns, np.bool_)
    last_close = np.zeros(n_symbols)
    last_fx = np.ones(n_symbols)
    last_split = np.full(n_symbols, np.nan)
    count = 0
    for t in range(n_rows):
        for k in range(n_columns):
            equity_TK[t, k] = capital_K[k]
        for s in range(n_symbols):
            present = np.isfinite(close_TS[t, s])
            if carry:
                mark = last_close[s] * last_fx[s] * years_T[t]
                for k in range(n_columns):
                    held = units[s, k]
                    if held == 0.0:
                        continue
                    value = abs(held) * mark
                    lent = value * borrow_S[s] * cost_scale_K[k] if held < 0.0 else 0.0
                    fund = value * funding_long_S[s] if held > 0.0 else -value * funding_short_S[s]
                    # Receipts do not grow with the stress.
                    fund *= cost_scale_K[k] if fund > 0.0 else min(cost_scale_K[k], 1.0)
                    settled[s, k] -= lent + fund
                    paid[4, s, k] += lent
                    paid[5, s, k] += fund
                    if keep_carry:
                        books[3, t, s, k] = lent
                        books[4, t, s, k] = fund
            if present:
                ratio = split_TS[t, s] / last_split[s]
                if np.isfinite(ratio) and ratio != 1.0:
                    for k in range(n_columns):
                        units[s, k] *= ratio
                        order[s, k] *= ratio
                        done[s, k] *= ratio
                        basis[s, k] /= ratio
                        entry[s, k] /= ratio
                        extreme[s, k] /= ratio
                last_split[s] = split_TS[t, s]
                if dividends and dividend_TS[t, s] > 0.0:
                    fx = fx_open_TS[t, s] if np.isfinite(fx_open_TS[t, s]) else last_fx[s]
                    for k in range(n_columns):
                        received = units[s, k] * dividend_TS[t, s] * fx
                        settled[s, k] += received
                        paid[6, s, k] += received
                        if keep_carry:
                            books[5, t, s, k] = received
            if tradable_TS[t, s] and (stops or busy[s]):
                busy[s] = False
                fx = fx_open_TS[t, s]
                slip = slippage_S[s] + slippage_TS[t, s] if slippage_on else slippage_S[s]
                for k in range(n_columns):
                    attempts = 2 if stops else 1
                    if not waiting[s, k] and (not stops or units[s, k] == 0.0):
                        continue
                    room = participation_K[k] * available_TS[t, s] if participation else np.inf
                    if np.isnan(room):
                        room = np.inf  # no volume is known: no limit
                    for attempt in range(attempts):
                        held = units[s, k]
                        if attempt == 0:
                            if not waiting[s, k]:
                                continue
                            price, wanted = open_TS[t, s], order[s, k]
                            reason, when = why[s, k], decided[s, k]
                            waiting[s, k] = False
                        else:
                            if held == 0.0:
                                continue
                            price, wanted, when = open_TS[t, s], 0.0, placed[s, k]
                            high, low = high_TS[t, s], low_TS[t, s]
                            if held > 0.0:
                                stop = entry[s, k] * (1.0 - stop_K[k])
                                trail = extreme[s, k] * (1.0 - trailing_K[k])
                                profit = entry[s, k] * (1.0 + profit_K[k])
                                level = max(stop, trail)
                                stopped, gained = low <= level, high >= profit
                                price = min(price, level) if stopped else max(price, profit)
                                extreme[s, k] = max(extreme[s, k], high)
                            else:
                                stop = entry[s, k] * (1.0 + stop_K[k])
                                trail = extreme[s, k] * (1.0 + trailing_K[k])
                                profit = entry[s, k] * (1.0 - profit_K[k])
                                level = min(stop, trail)
                                stopped, gained = high >= level, low <= profit
                                price = max(price, level) if stopped else min(price, profit)
                                extreme[s, k] = min(extreme[s, k], low)
                            if stopped:
                                reason = STOP_LOSS if stop == level else TRAILING_STOP
                            elif gained:
                                reason = TAKE_PROFIT
                            else:
                                continue
                            waiting[s, k] = False
                            done[s, k], want[k, s], before[k, s] = 0.0, 0.0, 0.0
                            if wait_for_change:
                                blocked[s, k] = 1 if held > 0.0 else -1
                        change = wanted - held
                        if abs(change) > room:
                            change = room if change > 0.0 else -room
                            held += change
                            # What is left of a closing order is never dropped.
                            if not cancel_rest or wanted == 0.0:
                                waiting[s, k], busy[s] = True, True
                                order[s, k], why[s, k] = wanted, reason
                                decided[s, k] = when
                        else:
                            held = wanted
                        if change == 0.0:
                            continue
                        room -= abs(change)
                        size = abs(change) * fx
                        ask = cost_scale_K[k]
                        spread = price * half_spread_rate_S[s] + half_spread_price_S[s]
                        spread *= size * ask
                        slippage = size * price * slip * ask
                        impact = 0.0
                        if impact_on:
                            # What the order's earlier parts moved is paid for already.
                            so_far, total = done[s, k], done[s, k] + abs(change)
                            moved = total * np.sqrt(total) - so_far * np.sqrt(so_far)
                            impact = moved * fx * price * impact_TS[t, s] * ask
                            done[s, k] = total
                        fee = size * price * fee_S[s] * ask
                        gain = units[s, k] * (price - basis[s, k]) * fx
                        settled[s, k] += gain - spread - slippage - impact - fee
                        if stops:
                            old = units[s, k]
                            if old * held <= 0.0:
                                entry[s, k], extreme[s, k] = price, price
                            elif abs(held) > abs(old):
                                entry[s, k] = (entry[s, k] * old + price * change) / held
                        units[s, k], basis[s, k] = held, price
                        placed[s, k] = when
                        paid[0, s, k] += spread
                        paid[1, s, k] += slippage
                        paid[2, s, k] += impact
                        paid[3, s, k] += fee
                        traded_SK[s, k] += size * price
                        count_SK[s, k] += 1
                        if not keep_fills:
                            continue
                        if count == len(fills):
                            fills = _grown(fills)
                        row = fills[count]
                        row.column, row.symbol, row.decided, row.filled = k, s, when, t
                        row.units, row.price, row.fx = change, price, fx
                        row.spread, row.slippage, row.impact, row.fee = (
                            spread,
                            slippage,
                            impact,
                            fee,
                        )
                        row.reason = reason
                        count += 1
            if present:
                last_close[s] = close_TS[t, s]
                if np.isfinite(fx_close_TS[t, s]):
                    last_fx[s] = fx_close_TS[t, s]
            close, fx = last_close[s], last_fx[s]
            for k in range(n_columns):
                pnl = settled[s, k] + units[s, k] * (close - basis[s, k]) * fx
                equity_TK[t, k] += pnl
                if keep_books:
                    books[0, t, s, k] = units[s, k] * close * fx
                    books[1, t, s, k] = pnl
                    books[2, t, s, k] = units[s, k]
        for k in range(n_columns):
            equity = equity_TK[t, k]
            forced[k] = False
            reason = RUIN
            if equity <= 0.0:
                forced[k] = not ruined_K[k]
                ruined_K[k] = True
            elif maintenance:
                gross = 0.0
                for s in range(n_symbols):
                    gross += abs(units[s, k] * last_close[s] * last_fx[s])
                forced[k] = equity < maintenance_K[k] * gross
                reason = MARGIN_CALL
            if forced[k]:
                for s in range(n_symbols):
                    order[s, k], decided[s, k], why[s, k] = 0.0, t, reason
                    waiting[s, k] = units[s, k] != 0.0
                    busy[s] = True
                    done[s, k], want[k, s], before[k, s] = 0.0, 0.0, 0.0
        for k in range(n_columns):
            if forced[k] or ruined_K[k]:
                continue
            column = 0 if one_signal else k
            decides = False
            for s in range(n_symbols):
                target = signal_TSK[t, s, column]
                if np.isnan(target):
                    continue
                decides = True
                if blocked[s, k] != 0:
                    if target * blocked[s, k] > 0.0:
                        target = 0.0
                    else:
                        blocked[s, k] = 0
                want[k, s] = target * scale_K[k] if abs(target) >= threshold_K[k] else 0.0
            if not decides:
                continue
            equity = equity_TK[t, k]
            base = equity if compound else capital_K[k]
            if limits:
                _allowed(
                    want[k], allowed, gross_K[k], net_K[k], name_K[k], leverage_K[k], base, equity
                )
            for s in range(n_symbols):
                target = allowed[s] if limits else want[k, s]
                silent = np.isnan(signal_TSK[t, s, column])
                if silent and target == before[k, s]:
                    continue
                before[k, s] = target
                value = close_TS[t, s] * fx_close_TS[t, s]
                if not np.isfinite(value):
                    continue
                wanted = target * base / value
                held = units[s, k]
                small = abs(wanted - held) * value < band_K[k] * base
                waiting[s, k] = wanted != held and (wanted == 0.0 or not small)
                busy[s] |= waiting[s, k]
                order[s, k], done[s, k] = wanted, 0.0
                decided[s, k] = t
                why[s, k] = LIMIT if silent else reason_TS[t, s]
    return count, fills
