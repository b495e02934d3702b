"""Stops and targets: the prices that close a position inside a bar."""

from fints_pipeline.base.compiled import part
from fints_pipeline.walkforward.ledger import Reason

NONE = -1
STOP_LOSS, TAKE_PROFIT = int(Reason.STOP_LOSS), int(Reason.TAKE_PROFIT)
TRAILING_STOP = int(Reason.TRAILING_STOP)


@part
def enter(own, new, change, price):  # type: ignore[no-untyped-def]
    """Move the entry price by a trade of `change` units to `new` ones, which is yet to be made."""
    if own.units * new <= 0.0:
        own.entry, own.extreme = price, price
    elif abs(new) > abs(own.units):
        own.entry = (own.entry * own.units + price * change) / new


@part
def guard_long(own, rule, open_, high, low):  # type: ignore[no-untyped-def]
    """As `guard`, of a long position."""
    stop = own.entry * (1.0 - rule.stop_loss)
    level = max(stop, own.extreme * (1.0 - rule.trailing))
    target = own.entry * (1.0 + rule.take_profit)
    own.extreme = max(own.extreme, high)
    if low <= level:
        return (STOP_LOSS if stop == level else TRAILING_STOP), min(open_, level)
    return (TAKE_PROFIT if high >= target else NONE), max(open_, target)


@part
def guard_short(own, rule, open_, high, low):  # type: ignore[no-untyped-def]
    """As `guard`, of a short position."""
    stop = own.entry * (1.0 + rule.stop_loss)
    level = min(stop, own.extreme * (1.0 + rule.trailing))
    target = own.entry * (1.0 - rule.take_profit)
    own.extreme = min(own.extreme, low)
    if high >= level:
        return (STOP_LOSS if stop == level else TRAILING_STOP), max(open_, level)
    return (TAKE_PROFIT if low <= target else NONE), min(open_, target)


@part
def guard(own, rule, open_, high, low):  # type: ignore[no-untyped-def]
    """Whether a bar reaches the stop or the target of an open position.

    Returns:
        The reason or `NONE`, and the price: the worse of open and stop, the better of open and
        target; the stop where both are reached.
    """
    if own.units > 0.0:
        return guard_long(own, rule, open_, high, low)
    return guard_short(own, rule, open_, high, low)


@part
def stop_out(own, reason, wait_for_change):  # type: ignore[no-untyped-def]
    """Replace what waits by an order that closes the position now."""
    own.order, own.done = 0.0, 0.0
    own.why, own.decided = reason, own.placed
    own.want, own.before = 0.0, 0.0
    if wait_for_change:
        own.blocked = 1 if own.units > 0.0 else -1
