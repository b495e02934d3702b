"""The bars, one after the other."""

from typing import Any

import numpy as np

from fints_pipeline.base.compiled import entry_point, maker, part, sources_digest
from fints_pipeline.walkforward import layout, ledger
from fints_pipeline.walkforward.kernel.costs import terms_of
from fints_pipeline.walkforward.kernel.deciding import decide_bar
from fints_pipeline.walkforward.kernel.filling import fill
from fints_pipeline.walkforward.kernel.marking import look, mark
from fints_pipeline.walkforward.kernel.opening import open_symbol
from fints_pipeline.walkforward.layout import Notes, Run


@part
def trade_symbol(t, s, run, fills, count):  # type: ignore[no-untyped-def]
    """Bring what every column holds of a symbol from the last close to that of bar t.

    Returns:
        The number of fills so far.
    """
    tape, switches, notes, out = run.tape, run.switches, run.notes, run.out
    open_symbol(t, s, run)
    look(t, s, tape, notes)
    terms = terms_of(t, s, tape, run.rates[s], switches)
    fills_now = tape.tradable[t, s] and (switches.stops or notes.busy[s])
    close, fx, busy = notes.close[s], notes.fx[s], notes.busy[s] and not fills_now
    for k in range(len(run.rules)):
        own, rule = out.state[s, k], run.rules[k]
        if fills_now:
            count = fill(k, own, rule, terms, switches, fills, count)
            busy |= own.waiting
        mark(t, s, k, own, rule.capital, close, fx, out, switches.keep_books)
    notes.busy[s] = busy
    return count


@maker
def longer(fills, more):  # type: ignore[no-untyped-def]
    """An array of what this one holds, with room for as much again and `more` beside."""
    result = np.empty(2 * len(fills) + more, fills.dtype)
    result[: len(fills)] = fills
    return result


@maker
def blank_notes(symbols, columns):  # type: ignore[no-untyped-def]
    """What is known before the first bar."""
    close, fx, split = np.zeros(symbols), np.ones(symbols), np.full(symbols, np.nan)
    value, allowed = np.zeros(symbols), np.zeros(symbols)
    busy, decides = np.zeros(symbols, np.bool_), np.zeros(columns, np.bool_)
    return Notes(close, fx, value, split, busy, allowed, decides)


def _entry(sources: int) -> Any:
    """The function that Python calls.

    It closes over the digest of the sources, so that Numba's cache on disk is renewed when one of
    them changes.
    """

    @entry_point
    def trade(tape, rates, rules, switches, signal_TSK, reason_TS, out, fills):  # type: ignore[no-untyped-def]
        """Fill `out`; return the number of fills and the array that holds them.

        Args:
            tape, rates, rules, switches, signal_TSK, reason_TS, out: as in `Run`.
            fills: of `FILL`; what it holds is overwritten.
        """
        _ = sources
        notes = blank_notes(len(rates), len(rules))
        run = Run(tape, rates, rules, switches, signal_TSK, reason_TS, out, notes)
        count, most = 0, 2 * out.state.size  # fills of a bar: an order and a stop a position
        for t in range(len(tape.open)):
            if switches.keep_fills and count + most > len(fills):
                fills = longer(fills, most)
            for s in range(len(rates)):
                count = trade_symbol(t, s, run, fills, count)
            decide_bar(t, run)
        return count, fills

    return trade


trade = _entry(sources_digest(__file__, layout.__file__, ledger.__file__))
