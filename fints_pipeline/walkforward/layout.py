"""How the kernel's inputs, state and results lie in memory.

They stand apart from the kernel because the engine makes and reads them too. Machine code on disk
is renewed when this file changes, like when one of the kernel's own does.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.walkforward.market import Bools, Floats

_F, _I, _B = np.float64, np.int32, np.int8
HOLDING = np.dtype(
    [
        ("units", _F),
        ("basis", _F),  # price at the last settlement
        ("settled", _F),  # profit booked, costs taken off
        ("order", _F),  # units wanted
        ("done", _F),  # units of the order that are filled
        ("entry", _F),  # average price of the open position
        ("extreme", _F),  # best price since the entry, this bar left out
        ("want", _F),  # fraction told last, carried forward
        ("before", _F),  # fraction decided last, cut to the limits
        ("spread", _F), ("slippage", _F), ("impact", _F), ("fee", _F),  # paid so far
        ("borrow", _F), ("funding", _F), ("dividend", _F),
        ("traded", _F),  # absolute value, account currency
        ("fills", np.int64),
        ("decided", _I),
        ("placed", _I),  # row whose decision made the position
        ("why", _B),
        ("blocked", _B),  # side that was stopped
        ("waiting", np.bool_),
    ],
    align=True,
)  # fmt: skip
RULE = np.dtype(
    [
        (name, _F)
        for name in (
            "capital", "threshold", "scale", "cost_scale", "band", "gross", "net", "name",
            "leverage", "maintenance", "participation", "stop_loss", "take_profit", "trailing",
        )
    ]
)  # fmt: skip
RATE = np.dtype(
    [
        (name, _F)
        for name in (
            "half_spread_rate", "half_spread_price", "fee_rate", "slippage_rate", "borrow_rate",
            "funding_long", "funding_short",
        )
    ]
)  # fmt: skip

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


class Notes(NamedTuple):
    """What the kernel keeps in mind beside the positions, (S,) but where it is said.

    Attributes:
        close: quote currency; 0 before the first bar.
        fx: account currency per quote currency; 1 before the first rate.
        value: of one unit at the close at hand, account currency; not finite where it is unknown.
        split: factor of the last bar; NaN before the first.
        busy: whether an order waits in any column; at times without one.
        allowed: wanted fractions of the column at hand, cut to its limits.
        decides: (K,) whether a column may decide something at the close at hand.
    """

    close: Floats
    fx: Floats
    value: Floats
    split: Floats
    busy: Bools
    allowed: Floats
    decides: Bools


class Terms(NamedTuple):
    """What all fills of a symbol in one bar have in common.

    Attributes:
        row: of the bar.
        symbol: number of the symbol.
        open, high, low: raw mids, quote currency; infinite range where nothing looks at it.
        available: reference volume, units; NaN where it is not known.
        fx: account currency per quote currency.
        half_spread_rate, slippage, fee_rate: fractions of the price.
        half_spread_price: quote currency.
        impact: impact of one unit's root, fraction of the price; 0 for none.
    """

    row: int
    symbol: int
    open: float
    high: float
    low: float
    available: float
    fx: float
    half_spread_rate: float
    half_spread_price: float
    slippage: float
    impact: float
    fee_rate: float


class Out(NamedTuple):
    """What the kernel fills.

    `equity` (T, K), the capital at the start where there are no symbols; `books` (3 or 6, T, S, K)
    named `BOOKS`; `state` (S, K) of `HOLDING`, zeros at the start; `ruined` (K,).
    """

    equity: Floats
    books: Floats
    state: NDArray[np.void]
    ruined: Bools


class Run(NamedTuple):
    """Everything that a bar is traded with.

    Attributes:
        tape: the market.
        rates: (S,) of `RATE`.
        rules: (K,) of `RULE`.
        switches: what is on.
        signal: (T, S, K) targets, or (T, S, 1) where one column of them stands for all.
        reason: (T, S), a `Reason` for each.
        out: results.
        notes: of the bars so far.
    """

    tape: Tape
    rates: NDArray[np.void]
    rules: NDArray[np.void]
    switches: Switches
    signal: Floats
    reason: NDArray[np.int8]
    out: Out
    notes: Notes
