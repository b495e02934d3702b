"""What a position meets before its market opens: the cost of holding, splits and dividends."""

import numpy as np

from fints_pipeline.base.compiled import part


@part
def hold(own, cost_scale, rate, mark):  # type: ignore[no-untyped-def]
    """Charge borrow and funding for a time; `mark` is a unit's value times that time in years.

    Returns:
        What was paid for each.
    """
    value = abs(own.units) * mark
    lent, fund = 0.0, value * rate.funding_long
    if own.units < 0.0:
        lent = value * rate.borrow_rate * cost_scale
        fund = -value * rate.funding_short
    # Receipts do not grow with the stress.
    fund *= cost_scale if fund > 0.0 else min(cost_scale, 1.0)
    own.settled -= lent + fund
    own.borrow += lent
    own.funding += fund
    return lent, fund


@part
def hold_all(t, s, rules, rate, mark, out, keep):  # type: ignore[no-untyped-def]
    """Charge every column for holding a symbol since the last row's open."""
    for k in range(len(rules)):
        own = out.state[s, k]
        if own.units == 0.0:
            continue
        lent, fund = hold(own, rules[k].cost_scale, rate, mark)
        if keep:
            out.books[3, t, s, k], out.books[4, t, s, k] = lent, fund


@part
def split_all(s, state, ratio):  # type: ignore[no-untyped-def]
    """Units times the ratio, prices over it."""
    for k in range(state.shape[1]):
        own = state[s, k]
        own.units *= ratio
        own.order *= ratio
        own.done *= ratio
        own.basis /= ratio
        own.entry /= ratio
        own.extreme /= ratio


@part
def receive_all(t, s, each, out, keep):  # type: ignore[no-untyped-def]
    """Take a dividend on every unit, or pay it when short; `each` in account currency."""
    for k in range(out.state.shape[1]):
        own = out.state[s, k]
        received = own.units * each
        own.settled += received
        own.dividend += received
        if keep:
            out.books[5, t, s, k] = received


@part
def open_symbol(t, s, run):  # type: ignore[no-untyped-def]
    """Bring what is held of a symbol to the open of a bar."""
    tape, notes, switches = run.tape, run.notes, run.switches
    if switches.carry:
        mark = notes.close[s] * notes.fx[s] * tape.years[t]
        hold_all(t, s, run.rules, run.rates[s], mark, run.out, switches.keep_books)
    if not np.isfinite(tape.close[t, s]):
        return
    ratio = tape.split[t, s] / notes.split[s]
    notes.split[s] = tape.split[t, s]
    if np.isfinite(ratio) and ratio != 1.0:
        split_all(s, run.out.state, ratio)
    if switches.dividends and tape.dividend[t, s] > 0.0:
        fx = tape.fx_open[t, s] if np.isfinite(tape.fx_open[t, s]) else notes.fx[s]
        receive_all(t, s, tape.dividend[t, s] * fx, run.out, switches.keep_books)
