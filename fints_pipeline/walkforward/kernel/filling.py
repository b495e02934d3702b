"""Orders that wait are filled at the open; stops and targets inside the bar."""

import numpy as np

from fints_pipeline.base.compiled import part
from fints_pipeline.walkforward.kernel.costs import exchange
from fints_pipeline.walkforward.kernel.log import write
from fints_pipeline.walkforward.kernel.stops import NONE, enter, guard, stop_out


@part
def fill_whole(k, own, rule, terms, fills, count, keep):  # type: ignore[no-untyped-def]
    """Fill a waiting order where there are neither stops nor participation.

    No order is filled in parts then, and nobody asks for the price at which a position was entered.
    """
    waited, own.waiting = own.waiting, False
    change = own.order - own.units
    if not waited or change == 0.0:
        return count
    paid = exchange(own, rule.cost_scale, terms, terms.open, own.order, change, 0.0)
    if keep:
        write(fills[count], k, own, terms, terms.open, change, paid)
        count += 1
    return count


@part
def ration(own, room, cancel_rest):  # type: ignore[no-untyped-def]
    """How many units of the waiting order fill, and what is held then; the rest may wait on."""
    change = own.order - own.units
    own.waiting = False
    if not abs(change) > room:
        return change, own.order
    # What is left of a closing order is never dropped.
    own.waiting = not cancel_rest or own.order == 0.0
    change = room if change > 0.0 else -room
    return change, own.units + change


@part
def execute(k, own, rule, terms, price, room, switches, fills, count):  # type: ignore[no-untyped-def]
    """Fill the waiting order as far as there is room.

    Returns:
        Units filled, without sign, and the number of fills so far.
    """
    change, new = ration(own, room, switches.cancel_rest)
    if change == 0.0:
        return 0.0, count
    enter(own, new, change, price)
    paid = exchange(own, rule.cost_scale, terms, price, new, change, own.done)
    own.done += abs(change)
    own.placed = own.decided
    if switches.keep_fills:
        write(fills[count], k, own, terms, price, change, paid)
        count += 1
    return abs(change), count


@part
def fill_in_parts(k, own, rule, terms, switches, fills, count):  # type: ignore[no-untyped-def]
    """First the waiting order at the open, then stop and target inside the bar."""
    room = rule.participation * terms.available if switches.participation else np.inf
    if np.isnan(room):
        room = np.inf  # no volume is known: no limit
    if own.waiting:
        units, count = execute(k, own, rule, terms, terms.open, room, switches, fills, count)
        room -= units
    if switches.stops and own.units != 0.0:
        reason, price = guard(own, rule, terms.open, terms.high, terms.low)
        if reason != NONE:
            stop_out(own, reason, switches.wait_for_change)
            _, count = execute(k, own, rule, terms, price, room, switches, fills, count)
    return count


@part
def fill(k, own, rule, terms, switches, fills, count):  # type: ignore[no-untyped-def]
    """Fill what a column may of a symbol in a real bar; return the number of fills so far."""
    if switches.stops or switches.participation:
        return fill_in_parts(k, own, rule, terms, switches, fills, count)
    return fill_whole(k, own, rule, terms, fills, count, switches.keep_fills)
