"""Ruin and margin calls: everything is closed."""

from fints_pipeline.base.compiled import part
from fints_pipeline.walkforward.ledger import Reason

NONE = -1
MARGIN_CALL, RUIN = int(Reason.MARGIN_CALL), int(Reason.RUIN)


@part
def gross_of(k, state, notes):  # type: ignore[no-untyped-def]
    """Absolute value of all positions of a column, account currency."""
    gross = 0.0
    for s in range(len(state)):
        gross += abs(state[s, k].units * notes.close[s] * notes.fx[s])
    return gross


@part
def verdict(k, equity, rule, maintenance, notes, state, ruined_K):  # type: ignore[no-untyped-def]
    """Why everything must be closed, or `NONE`; ruin is told once."""
    if equity <= 0.0:
        told = ruined_K[k]
        ruined_K[k] = True
        return NONE if told else RUIN
    if not maintenance:
        return NONE
    short = equity < rule.maintenance * gross_of(k, state, notes)
    return MARGIN_CALL if short else NONE


@part
def close_all(t, k, reason, state, busy_S):  # type: ignore[no-untyped-def]
    """Order everything closed at the next open."""
    for s in range(len(state)):
        own = state[s, k]
        own.order, own.decided, own.why = 0.0, t, reason
        own.waiting = own.units != 0.0
        own.done, own.want, own.before = 0.0, 0.0, 0.0
        busy_S[s] |= own.waiting


@part
def judge(t, k, rule, maintenance, notes, out):  # type: ignore[no-untyped-def]
    """Close a column that must be closed; return whether it may decide something now."""
    reason = verdict(k, out.equity[t, k], rule, maintenance, notes, out.state, out.ruined)
    if reason != NONE:
        close_all(t, k, reason, out.state, notes.busy)
        return False
    return not out.ruined[k]
