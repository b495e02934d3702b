"""What the positions are worth at a close."""

import numpy as np

from fints_pipeline.base.compiled import part


@part
def look(t, s, tape, notes):  # type: ignore[no-untyped-def]
    """Note a symbol's price and rate at a close, where there are some."""
    close, fx = tape.close[t, s], tape.fx_close[t, s]
    notes.value[s] = close * fx
    if np.isfinite(close):
        notes.close[s] = close
        if np.isfinite(fx):
            notes.fx[s] = fx


@part
def mark(t, s, k, own, capital, close, fx, out, keep):  # type: ignore[no-untyped-def]
    """Add a column's profit of a symbol to its equity, at the close or the last one known.

    The first symbol's is added to the capital: to set it in a loop before takes longer.
    """
    units = own.units
    pnl = own.settled + units * (close - own.basis) * fx
    out.equity[t, k] = (capital if s == 0 else out.equity[t, k]) + pnl
    if keep:
        out.books[0, t, s, k] = units * close * fx
        out.books[1, t, s, k] = pnl
        out.books[2, t, s, k] = units
