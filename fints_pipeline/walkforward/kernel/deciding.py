"""Told targets become orders."""

import numpy as np

from fints_pipeline.base.compiled import part
from fints_pipeline.walkforward.kernel.limits import cut
from fints_pipeline.walkforward.kernel.liquidation import judge
from fints_pipeline.walkforward.ledger import Reason

LIMIT = int(Reason.LIMIT)


@part
def listen(own, rule, target):  # type: ignore[no-untyped-def]
    """Take in a told target; return what is wanted before limits."""
    if own.blocked != 0:
        if target * own.blocked > 0.0:
            target = 0.0
        else:
            own.blocked = 0
    return target * rule.scale if abs(target) >= rule.threshold else 0.0


@part
def order(own, band, target, base, value, row, reason):  # type: ignore[no-untyped-def]
    """Make the order for a fraction `target` of `base` at a unit's `value`; whether it waits."""
    wanted = target * base / value
    small = abs(wanted - own.units) * value < band * base
    own.waiting = wanted != own.units and (wanted == 0.0 or not small)
    own.order, own.done = wanted, 0.0
    own.decided, own.why = row, reason
    return own.waiting


@part
def base_of(equity, rule, compound):  # type: ignore[no-untyped-def]
    """What a column's targets are fractions of."""
    return equity if compound else rule.capital


@part
def decide_symbol(t, s, run):  # type: ignore[no-untyped-def]
    """What every column makes of a symbol's targets, where there are no limits.

    A symbol about which nothing is told has nothing to decide then.
    """
    value, reason, busy = run.notes.value[s], run.reason[t, s], run.notes.busy[s]
    stride = 0 if run.signal.shape[2] == 1 else 1
    for k in range(len(run.rules)):
        target = run.signal[t, s, k * stride]
        if np.isnan(target) or not run.notes.decides[k]:
            continue
        own, rule = run.out.state[s, k], run.rules[k]
        target = listen(own, rule, target)
        if np.isfinite(value):
            base = base_of(run.out.equity[t, k], rule, run.switches.compound)
            busy |= order(own, rule.band, target, base, value, t, reason)
    run.notes.busy[s] = busy


@part
def listen_all(t, k, column, state, rule, signal_TSK):  # type: ignore[no-untyped-def]
    """Take in what a column is told of any symbol; return whether it is told something."""
    told = False
    for s in range(len(state)):
        target = signal_TSK[t, s, column]
        if not np.isnan(target):
            told = True
            own = state[s, k]
            own.want = listen(own, rule, target)
    return told


@part
def decide_column(t, k, run):  # type: ignore[no-untyped-def]
    """What a column makes of its targets within limits: one symbol's target may move another's."""
    column = 0 if run.signal.shape[2] == 1 else k
    state, rule, notes, equity = run.out.state, run.rules[k], run.notes, run.out.equity[t, k]
    if not listen_all(t, k, column, state, rule, run.signal):
        return
    base = base_of(equity, rule, run.switches.compound)
    cut(k, state, notes.allowed, rule, base, equity)
    for s in range(len(state)):
        own, target, value = state[s, k], notes.allowed[s], notes.value[s]
        silent = np.isnan(run.signal[t, s, column])
        if silent and target == own.before:
            continue
        own.before = target
        if np.isfinite(value):
            reason = LIMIT if silent else run.reason[t, s]
            notes.busy[s] |= order(own, rule.band, target, base, value, t, reason)


@part
def decide_bar(t, run):  # type: ignore[no-untyped-def]
    """Make orders at a bar's close."""
    limits, decides_K = run.switches.limits, run.notes.decides
    for k in range(len(run.rules)):
        decides_K[k] = judge(t, k, run.rules[k], run.switches.maintenance, run.notes, run.out)
        if limits and decides_K[k]:
            decide_column(t, k, run)
    if not limits:
        for s in range(len(run.rates)):
            decide_symbol(t, s, run)
