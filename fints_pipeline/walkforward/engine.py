"""The P&L engine: targets decided at a bar's close, filled at the next real open.

Order of events in bar t, for every symbol and column:

1. open: what holding the position since the last row's open has cost is charged on its last value
   (borrow, funding). A split since the last bar multiplies the units held and ordered. A dividend
   is paid to who held over the ex-date and charged to who was short. A waiting order fills at the
   open if the bar is real, as far as participation allows; the rest waits or is cancelled.
2. inside: a real bar that reaches a position's stop closes it at the worse of open and stop; one
   that reaches its target closes it there; both in one bar is a stop.
3. close: equity = cash + value of the positions at the close (or the last one known). Without
   equity the account is ruined: everything is closed at the next real open and it stays out. Below
   the maintenance margin everything is closed too.
4. close: a finite target replaces any waiting order. The order is a number of units, sized with the
   equity and price of this close and cut to the limits; nothing later touches it but a split.

A position in a foreign quote currency is settled at each of its fills: the profit since the last
one is converted at the rate of that moment.

Causal: row t of every result depends on rows ≤ t of every input.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.walkforward.columns import Columns
from fints_pipeline.walkforward.costs import CostRates, Liquidity
from fints_pipeline.walkforward.kernel import survey, trade
from fints_pipeline.walkforward.layout import (
    BOOKS,
    FILL,
    HOLDING,
    PARTS,
    RATE,
    RULE,
    Out,
    Switches,
    Tape,
)
from fints_pipeline.walkforward.ledger import Account, Carry, Fills, Ledger, Targets
from fints_pipeline.walkforward.market import Floats, Market

YEAR = np.timedelta64(365, "D")
"""Rates a year are charged by actual days over 365."""
MOST_FIRST = 1 << 22
"""Fills that room is made for at first; memory that is not written to is not taken."""
NO_LIQUIDITY = Liquidity()


@dataclass(frozen=True)
class Passes:
    """What came of the columns of one pass, in account currency.

    Attributes:
        equity: (T, K) at each close.
        paid: (7, S, K) totals of `layout.PARTS`; dividends are receipts.
        traded: (S, K) absolute value traded.
        count: (S, K) fills.
        ruined: (K,) whether the equity was gone at some close.
        books: (3 or 6, T, S, K) of `layout.BOOKS`; None unless they were kept.
        fills: records of `layout.FILL` in time order; None unless they were kept.
    """

    equity: Floats
    paid: Floats
    traded: Floats
    count: NDArray[np.int64]
    ruined: NDArray[np.bool_]
    books: Floats | None
    fills: NDArray[np.void] | None

    def ledger(self, k: int) -> Ledger:
        """The ledger of column k.

        Raises:
            SchemaError: books and fills were not kept.
        """
        if self.books is None or self.fills is None:
            raise SchemaError(
                "a ledger needs books and fills", where="Passes.ledger", fix="pass keep=True"
            )
        fills = self.fills[self.fills["column"] == k] if len(self.ruined) > 1 else self.fills
        columns = [np.ascontiguousarray(fills[name]) for name in FILL.names[1:]]  # type: ignore[index]
        own = [np.ascontiguousarray(book[..., k]) for book in self.books]
        return Ledger(
            np.ascontiguousarray(self.equity[:, k]), own[0], own[1], own[2], Fills(*columns),
            Carry(*own[3:]) if len(own) == len(BOOKS) else None, bool(self.ruined[k]),
        )  # fmt: skip


def simulate(
    market: Market,
    targets: Targets,
    costs: CostRates,
    account: Account,
    liquidity: Liquidity = NO_LIQUIDITY,
) -> Ledger:
    """Trade `targets` on `market` and keep the books.

    Args:
        market: prices, (T, S).
        targets: what to hold, (T, S), decided at each close.
        costs: by symbol, (S,).
        account: capital, sizing rules, limits and stops.
        liquidity: slippage and impact rates and the volume that limits fills, (T, S).

    Returns:
        The ledger; cash + position value = equity at every bar, to rounding.

    Raises:
        SchemaError: shapes differ, a target is infinite, or the market lacks what a rule needs.
    """
    columns = Columns.of(account)
    return simulate_columns(market, targets, costs, account, columns, liquidity, keep=True).ledger(
        0
    )


def simulate_columns(
    market: Market,
    targets: Targets,
    costs: CostRates,
    account: Account,
    columns: Columns,
    liquidity: Liquidity = NO_LIQUIDITY,
    keep: bool = False,
) -> Passes:
    """Trade K columns of parameters on one market in one pass.

    Each column gives what `simulate` would give it alone, bit for bit.

    Args:
        market: prices, (T, S).
        targets: (T, S), which every column trades by its own parameters, or (T, S, K).
        costs: by symbol, (S,).
        account: what is not a matter of columns: compounding, remainders, reentry.
        columns: parameters, (K,) each.
        liquidity: slippage and impact rates and the volume that limits fills, (T, S).
        keep: keep books and fills; without them memory is T x K.

    Raises:
        SchemaError: as `simulate`.
    """
    rows, symbols, count = market.rows, len(market.symbols), len(columns)
    signal = targets.fraction if targets.fraction.ndim == 3 else targets.fraction[:, :, None]
    signal = _usable(signal)
    decisions = _check(market, signal, targets.reason, costs, count)
    switches = _switches(market, account, columns, costs, liquidity, keep)
    books = np.empty(((6 if switches.carry or switches.dividends else 3), rows, symbols, count))
    books = books if keep else np.empty((0, 0, 0, 0))
    books[3:] = 0.0
    state = np.zeros((symbols, count), HOLDING)
    equity = np.empty((rows, count)) if symbols else np.tile(columns.capital, (rows, 1))
    out = Out(equity, books, state, np.zeros(count, bool))
    # As many as decisions, and room for a bar's: an order and a stop of each position.
    most = decisions * (count // signal.shape[2]) + 2 * state.size
    n, fills = trade(
        _tape(market, liquidity, switches),
        _records(costs, RATE),
        _records(columns, RULE),
        switches,
        signal,
        _usable(targets.reason, np.int8),
        out,
        np.empty(min(most, MOST_FIRST) if keep else 1, FILL),
    )
    return Passes(
        out.equity, np.stack([state[name] for name in PARTS]), state["traded"], state["fills"],
        out.ruined,
        out.books if keep else None, fills[:n] if keep else None,
    )  # fmt: skip


def _check(
    market: Market, signal: Floats, reason: NDArray[np.int8], costs: CostRates, columns: int
) -> int:
    """Return how many decisions there are."""
    shape = market.open.shape
    if signal.shape[:2] != shape or reason.shape != shape:
        raise SchemaError(
            f"targets have shape {signal.shape[:2]}, the market (T, S) = {shape}",
            where="simulate",
        )
    if signal.shape[2] not in (1, columns):
        raise SchemaError(
            f"targets are for {signal.shape[2]} columns, the parameters for {columns}",
            where="simulate",
        )
    if costs.fee_rate.shape != shape[1:]:
        raise SchemaError(
            f"costs are for {costs.fee_rate.shape[0]} symbols, the market has {shape[1]}",
            where="simulate",
        )
    decisions, infinite = survey(signal)
    if infinite:
        raise SchemaError("a target is infinite", where="simulate", fix="cap the leverage")
    return int(decisions)


def _switches(
    market: Market, account: Account, columns: Columns, costs: CostRates, liquidity: Liquidity,
    keep: bool,
) -> Switches:  # fmt: skip
    def on(*names: str) -> bool:
        return any(bool(np.isfinite(getattr(columns, name)).any()) for name in names)

    rates = (costs.borrow_rate, costs.funding_long, costs.funding_short)
    return Switches(
        compound=account.compound,
        cancel_rest=account.limits.remainder == "cancel",
        wait_for_change=account.stops.reentry == "new_signal",
        limits=on("gross", "net", "name", "leverage"),
        maintenance=bool((columns.maintenance > 0).any()),
        participation=liquidity.available is not None and on("participation"),
        stops=on("stop_loss", "take_profit", "trailing"),
        carry=any(bool(rate.any()) for rate in rates),
        dividends=market.dividend is not None and bool((market.dividend > 0).any()),
        slippage=liquidity.slippage is not None,
        impact=liquidity.impact is not None,
        keep_books=keep,
        keep_fills=keep,
    )


def _tape(market: Market, liquidity: Liquidity, switches: Switches) -> Tape:
    high, low = market.require_range() if switches.stops else (None, None)
    for name in ("slippage", "impact", "available"):
        values = getattr(liquidity, name)
        if values is None:
            continue
        if values.shape != market.open.shape:
            raise SchemaError(
                f"{name} has shape {values.shape}, the market (T, S) = {market.open.shape}",
                where="Liquidity",
            )
        if name == "available":
            continue
        bad = np.argwhere(market.tradable & ~(values >= 0))
        if bad.size:
            row, column = (int(i) for i in bad[0])
            raise SchemaError(
                f"no {name} rate of {market.symbols[column]} at {market.open_time[row]}",
                where="Liquidity",
                fix="mark the bar as not tradable, or give earlier bars to estimate it from",
            )
    steps = np.diff(market.open_time, prepend=market.open_time[:1])
    return Tape(
        _usable(market.open), _usable(market.close), _optional(high), _optional(low),
        _usable(market.tradable, np.bool_), _usable(market.split_factor),
        _usable(market.fx_open), _usable(market.fx_close),
        _optional(market.dividend), _usable(steps / YEAR),
        _optional(liquidity.available), _optional(liquidity.slippage), _optional(liquidity.impact),
    )  # fmt: skip


def _usable(values: Any, kind: Any = np.float64) -> Any:
    """Contiguous and writable, so that the kernel is compiled once."""
    return np.require(values, kind, ["C", "W"])


def _records(values: object, kind: np.dtype[np.void]) -> NDArray[np.void]:
    """One record for each element of a dataclass of arrays."""
    names = kind.names or ()
    records = np.empty(len(getattr(values, names[0])), kind)
    for name in names:
        records[name] = getattr(values, name)
    return records


def _optional(values: Floats | None) -> Any:
    return np.empty((0, 0)) if values is None else _usable(values)
