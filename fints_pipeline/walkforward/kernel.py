"""The compiled loop of the engine: S symbols and K columns of an account, bar by bar.

A column is an account of its own: its capital, rules and cost scale, on the same market. The
innermost loop runs over the columns, so that a row of the market is read once for all of them.
Everything that one column holds of one symbol lies in one record (`layout.HOLDING`), which the
small functions change in place. Nothing is allocated inside the loop but a longer array of fills
when the one at hand is full.

Suffixes name axes: T rows, S symbols, K columns. An input that is switched off is an array without
elements, so that the kernel has one compiled form. What the events of a bar mean is written in
`walkforward.engine`.

All compiled code is in this one file: Numba's cache compares the file of the function that is
called, and would go on using an older version of one that lies elsewhere.
"""

import numpy as np
from numba import njit

from fints_pipeline.walkforward.ledger import Reason

LIMIT = int(Reason.LIMIT)
STOP_LOSS, TAKE_PROFIT = int(Reason.STOP_LOSS), int(Reason.TAKE_PROFIT)
TRAILING_STOP = int(Reason.TRAILING_STOP)
MARGIN_CALL, RUIN = int(Reason.MARGIN_CALL), int(Reason.RUIN)
NONE = -1

_compiled = njit(cache=True, error_model="numpy")


@_compiled
def hold(own, rule, rate, mark):  # type: ignore[no-untyped-def]
    """Charge borrow and funding for a time; `mark` is a unit's value times that time in years.

    Returns:
        What was paid for each.
    """
    value = abs(own.units) * mark
    lent, fund = 0.0, value * rate.funding_long
    if own.units < 0.0:
        lent = value * rate.borrow_rate * rule.cost_scale
        fund = -value * rate.funding_short
    # Receipts do not grow with the stress.
    fund *= rule.cost_scale if fund > 0.0 else min(rule.cost_scale, 1.0)
    own.settled -= lent + fund
    own.borrow += lent
    own.funding += fund
    return lent, fund


@_compiled
def split(own, ratio):  # type: ignore[no-untyped-def]
    """Units times the ratio, prices over it."""
    own.units *= ratio
    own.order *= ratio
    own.done *= ratio
    own.basis /= ratio
    own.entry /= ratio
    own.extreme /= ratio


@_compiled
def receive(own, each):  # type: ignore[no-untyped-def]
    """Take a dividend, or pay it when short; return it."""
    received = own.units * each
    own.settled += received
    own.dividend += received
    return received


@_compiled
def protect(own, rule, price, high, low):  # type: ignore[no-untyped-def]
    """Whether a bar reaches the stop or the target of an open position.

    Returns:
        The reason or `NONE`, and the price: the worse of open and stop, the better of open and
        target; the stop where both are reached.
    """
    if own.units > 0.0:
        stop = own.entry * (1.0 - rule.stop_loss)
        level = max(stop, own.extreme * (1.0 - rule.trailing))
        target = own.entry * (1.0 + rule.take_profit)
        stopped, gained = low <= level, high >= target
        price = min(price, level) if stopped else max(price, target)
        own.extreme = max(own.extreme, high)
    else:
        stop = own.entry * (1.0 + rule.stop_loss)
        level = min(stop, own.extreme * (1.0 + rule.trailing))
        target = own.entry * (1.0 - rule.take_profit)
        stopped, gained = high >= level, low <= target
        price = max(price, level) if stopped else min(price, target)
        own.extreme = min(own.extreme, low)
    if stopped:
        return (STOP_LOSS if stop == level else TRAILING_STOP), price
    return (TAKE_PROFIT if gained else NONE), price


@_compiled
def fill(own, rule, rate, new, change, price, fx, slip, impact_rate):  # type: ignore[no-untyped-def]
    """Trade some units at a price: settle the profit so far, pay, and move the entry price.

    Args:
        new: units to hold.
        change: from what is held, not 0.
        price: raw mid.
        fx: account currency per quote currency.
        slip: slippage, fraction of the price.
        impact_rate: impact of one unit's root, fraction of the price; 0 for none.

    Returns:
        Spread, slippage, impact and fee, account currency.
    """
    size = abs(change) * fx
    value = size * price
    ask = rule.cost_scale
    spread = (price * rate.half_spread_rate + rate.half_spread_price) * (size * ask)
    slippage = value * slip * ask
    fee = value * rate.fee_rate * ask
    impact = 0.0
    total = own.done + abs(change)
    if impact_rate > 0.0:
        # What the order's earlier parts moved is paid for already.
        moved = total * np.sqrt(total) - own.done * np.sqrt(own.done)
        impact = moved * fx * price * impact_rate * ask
    own.done = total
    old = own.units
    own.settled += old * (price - own.basis) * fx - spread - slippage - impact - fee
    if old * new <= 0.0:
        own.entry, own.extreme = price, price
    elif abs(new) > abs(old):
        own.entry = (own.entry * old + price * change) / new
    own.units, own.basis = new, price
    own.spread += spread
    own.slippage += slippage
    own.impact += impact
    own.fee += fee
    own.traded += value
    own.fills += 1
    return spread, slippage, impact, fee


@_compiled
def close_next(own, row, reason):  # type: ignore[no-untyped-def]
    """Order everything closed; return whether there is anything."""
    own.order, own.decided, own.why = 0.0, row, reason
    own.waiting = own.units != 0.0
    own.done, own.want, own.before = 0.0, 0.0, 0.0
    return own.waiting


@_compiled
def listen(own, rule, target):  # type: ignore[no-untyped-def]
    """Take in a told target: what is wanted before limits."""
    if own.blocked != 0:
        if target * own.blocked > 0.0:
            target = 0.0
        else:
            own.blocked = 0
    own.want = target * rule.scale if abs(target) >= rule.threshold else 0.0


@_compiled
def decide(own, rule, target, base, value, row, reason):  # type: ignore[no-untyped-def]
    """Make the order for a fraction `target` of `base` at a unit's `value`; whether it waits."""
    wanted = target * base / value
    small = abs(wanted - own.units) * value < rule.band * base
    own.waiting = wanted != own.units and (wanted == 0.0 or not small)
    own.order, own.done = wanted, 0.0
    own.decided, own.why = row, reason
    return own.waiting


@_compiled
def survey(signal_TSK):  # type: ignore[no-untyped-def]
    """How many targets are finite, and whether one is infinite."""
    finite, infinite = 0, False
    for target in signal_TSK.flat:
        finite += np.isfinite(target)
        infinite |= np.isinf(target)
    return finite, infinite


@_compiled
def _grown(fills):  # type: ignore[no-untyped-def]
    longer = np.empty(2 * len(fills), fills.dtype)
    longer[: len(fills)] = fills
    return longer


@_compiled
def _cut(state_S, allowed_S, rule, base, equity):  # type: ignore[no-untyped-def]
    """Wanted fractions cut to the limits: each name, then gross, then net, then leverage."""
    total = 0.0
    for s in range(len(allowed_S)):
        allowed_S[s] = min(max(state_S[s].want, -rule.name), rule.name)
        total += abs(allowed_S[s])
    factor = min(1.0, rule.gross / total)
    long, short = 0.0, 0.0
    for s in range(len(allowed_S)):
        allowed_S[s] *= factor
        if allowed_S[s] > 0.0:
            long += allowed_S[s]
        else:
            short -= allowed_S[s]
    if abs(long - short) > rule.net:
        of_long = (short + rule.net) / long if long > short else 1.0
        of_short = (long + rule.net) / short if short > long else 1.0
        for s in range(len(allowed_S)):
            allowed_S[s] *= of_long if allowed_S[s] > 0.0 else of_short
        long, short = long * of_long, short * of_short
    if (long + short) * base > rule.leverage * equity:
        factor = rule.leverage * equity / ((long + short) * base)
        for s in range(len(allowed_S)):
            allowed_S[s] *= factor


@_compiled
def trade(tape, rates, rules, switches, signal_TSK, reason_TS, out, fills):  # type: ignore[no-untyped-def]
    """Fill `out`; return the number of fills and the array that holds them.

    Args:
        tape: the market.
        rates: (S,) of `RATE`.
        rules: (K,) of `RULE`.
        switches: what is on.
        signal_TSK: targets; one column of them stands for all.
        reason_TS: a `Reason` for each.
        out: results.
        fills: of `FILL`; what it holds is overwritten.
    """
    open_TS, close_TS, high_TS, low_TS = tape.open, tape.close, tape.high, tape.low
    tradable_TS, split_TS = tape.tradable, tape.split
    fx_open_TS, fx_close_TS = tape.fx_open, tape.fx_close
    dividend_TS, years_T, available_TS = tape.dividend, tape.years, tape.available
    slippage_TS, impact_TS = tape.slippage, tape.impact
    (
        compound, cancel_rest, wait_for_change, limits, maintenance, participation, stops, carry,
        dividends, slippage_on, impact_on, keep_books, keep_fills,
    ) = switches  # fmt: skip
    equity_TK, books, state, ruined_K = out.equity, out.books, out.state, out.ruined
    n_rows, n_symbols = open_TS.shape
    n_columns = len(rules)
    one_signal = signal_TSK.shape[2] == 1
    keep_carry = keep_books and books.shape[0] > 3
    busy = np.zeros(n_symbols, np.bool_)  # whether an order waits in any column
    allowed = np.zeros(n_symbols)
    last_close = np.zeros(n_symbols)
    last_fx = np.ones(n_symbols)
    last_split = np.full(n_symbols, np.nan)
    count = 0
    for t in range(n_rows):
        for k in range(n_columns):
            equity_TK[t, k] = rules[k].capital
        for s in range(n_symbols):
            present = np.isfinite(close_TS[t, s])
            rate = rates[s]
            if carry:
                mark = last_close[s] * last_fx[s] * years_T[t]
                for k in range(n_columns):
                    if state[s, k].units != 0.0:
                        lent, fund = hold(state[s, k], rules[k], rate, mark)
                        if keep_carry:
                            books[3, t, s, k], books[4, t, s, k] = lent, fund
            if present:
                ratio = split_TS[t, s] / last_split[s]
                last_split[s] = split_TS[t, s]
                if np.isfinite(ratio) and ratio != 1.0:
                    for k in range(n_columns):
                        split(state[s, k], ratio)
                if dividends and dividend_TS[t, s] > 0.0:
                    fx = fx_open_TS[t, s] if np.isfinite(fx_open_TS[t, s]) else last_fx[s]
                    for k in range(n_columns):
                        received = receive(state[s, k], dividend_TS[t, s] * fx)
                        if keep_carry:
                            books[5, t, s, k] = received
            if tradable_TS[t, s] and (stops or busy[s]):
                busy[s] = False
                fx = fx_open_TS[t, s]
                slip = rate.slippage_rate + (slippage_TS[t, s] if slippage_on else 0.0)
                impact_rate = impact_TS[t, s] if impact_on else 0.0
                for k in range(n_columns):
                    own = state[s, k]
                    if not own.waiting and (not stops or own.units == 0.0):
                        continue
                    room = rules[k].participation * available_TS[t, s] if participation else np.inf
                    if np.isnan(room):
                        room = np.inf  # no volume is known: no limit
                    # First the waiting order at the open, then stop and target inside the bar.
                    for inside in range(2 if stops else 1):
                        price, wanted, reason, when = open_TS[t, s], own.order, own.why, own.decided
                        if inside == 0:
                            if not own.waiting:
                                continue
                        else:
                            if own.units == 0.0:
                                continue
                            reached, price = protect(
                                own, rules[k], price, high_TS[t, s], low_TS[t, s]
                            )
                            if reached == NONE:
                                continue
                            wanted, reason, when = 0.0, reached, own.placed
                            own.done, own.want, own.before = 0.0, 0.0, 0.0
                            if wait_for_change:
                                own.blocked = 1 if own.units > 0.0 else -1
                        own.waiting = False
                        change = wanted - own.units
                        new = wanted
                        if abs(change) > room:
                            change = room if change > 0.0 else -room
                            new = own.units + change
                            # What is left of a closing order is never dropped.
                            if not cancel_rest or wanted == 0.0:
                                own.waiting, busy[s] = True, True
                                own.order, own.why, own.decided = wanted, reason, when
                        if change == 0.0:
                            continue
                        room -= abs(change)
                        spread, slippage, impact, fee = fill(
                            own, rules[k], rate, new, change, price, fx, slip, impact_rate
                        )
                        own.placed = when
                        if not keep_fills:
                            continue
                        if count == len(fills):
                            fills = _grown(fills)
                        row = fills[count]
                        count += 1
                        row.column, row.symbol, row.decided, row.filled = k, s, when, t
                        row.units, row.price, row.fx, row.reason = change, price, fx, reason
                        row.spread, row.slippage, row.impact, row.fee = (
                            spread, slippage, impact, fee
                        )  # fmt: skip
            if present:
                last_close[s] = close_TS[t, s]
                if np.isfinite(fx_close_TS[t, s]):
                    last_fx[s] = fx_close_TS[t, s]
            close, fx = last_close[s], last_fx[s]
            for k in range(n_columns):
                own = state[s, k]
                pnl = own.settled + own.units * (close - own.basis) * fx
                equity_TK[t, k] += pnl
                if keep_books:
                    books[0, t, s, k] = own.units * close * fx
                    books[1, t, s, k] = pnl
                    books[2, t, s, k] = own.units
        for k in range(n_columns):
            equity, rule = equity_TK[t, k], rules[k]
            forced, reason = False, RUIN
            if equity <= 0.0:
                forced = not ruined_K[k]
                ruined_K[k] = True
            elif maintenance:
                gross = 0.0
                for s in range(n_symbols):
                    gross += abs(state[s, k].units * last_close[s] * last_fx[s])
                forced, reason = equity < rule.maintenance * gross, MARGIN_CALL
            if forced:
                for s in range(n_symbols):
                    busy[s] |= close_next(state[s, k], t, reason)
            if forced or ruined_K[k]:
                continue
            column = 0 if one_signal else k
            decides = False
            for s in range(n_symbols):
                target = signal_TSK[t, s, column]
                if not np.isnan(target):
                    decides = True
                    listen(state[s, k], rule, target)
            if not decides:
                continue
            base = equity if compound else rule.capital
            if limits:
                _cut(state[:, k], allowed, rule, base, equity)
            for s in range(n_symbols):
                own = state[s, k]
                target = allowed[s] if limits else own.want
                silent = np.isnan(signal_TSK[t, s, column])
                if silent and target == own.before:
                    continue
                own.before = target
                value = close_TS[t, s] * fx_close_TS[t, s]
                if np.isfinite(value):
                    reason = LIMIT if silent else reason_TS[t, s]
                    busy[s] |= decide(own, rule, target, base, value, t, reason)
    return count, fills
