"""What a fill costs, and the trade itself."""

import numpy as np

from fints_pipeline.base.compiled import part
from fints_pipeline.walkforward.layout import Terms


@part
def terms_of(t, s, tape, rate, switches):  # type: ignore[no-untyped-def]
    """What all fills of a symbol in one bar have in common."""
    return Terms(
        t,
        s,
        tape.open[t, s],
        tape.high[t, s] if switches.stops else np.inf,
        tape.low[t, s] if switches.stops else -np.inf,
        tape.available[t, s] if switches.participation else np.inf,
        tape.fx_open[t, s],
        rate.half_spread_rate,
        rate.half_spread_price,
        rate.slippage_rate + (tape.slippage[t, s] if switches.slippage else 0.0),
        tape.impact[t, s] if switches.impact else 0.0,
        rate.fee_rate,
    )


@part
def impact_of(terms, price, units, done, cost_scale):  # type: ignore[no-untyped-def]
    """Impact of some units more of an order of which `done` are filled, account currency."""
    if not terms.impact > 0.0:
        return 0.0
    # What the order's earlier parts moved is paid for already.
    total = done + units
    moved = total * np.sqrt(total) - done * np.sqrt(done)
    return moved * terms.fx * price * terms.impact * cost_scale


@part
def exchange(own, cost_scale, terms, price, new, change, done):  # type: ignore[no-untyped-def]
    """Trade some units at a price: settle the profit so far, and pay.

    Args:
        new: units to hold.
        change: from what is held, not 0.
        price: raw mid.
        done: units of the same order that are filled already.

    Returns:
        Spread, slippage, impact and fee, account currency.
    """
    size = abs(change) * terms.fx
    value = size * price
    spread = (price * terms.half_spread_rate + terms.half_spread_price) * (size * cost_scale)
    slippage = value * terms.slippage * cost_scale
    fee = value * terms.fee_rate * cost_scale
    impact = impact_of(terms, price, abs(change), done, cost_scale)
    gain = own.units * (price - own.basis) * terms.fx
    own.settled += gain - spread - slippage - impact - fee
    own.units, own.basis = new, price
    own.spread += spread
    own.slippage += slippage
    own.impact += impact
    own.fee += fee
    own.traded += value
    own.fills += 1
    return spread, slippage, impact, fee
