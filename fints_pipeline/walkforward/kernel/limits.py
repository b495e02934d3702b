"""Wanted fractions cut to the limits."""

from fints_pipeline.base.compiled import part


@part
def cut_gross(k, state, allowed_S, rule):  # type: ignore[no-untyped-def]
    """Each name, then their sum; return what is long and short then."""
    total = 0.0
    for s in range(len(allowed_S)):
        allowed_S[s] = min(max(state[s, k].want, -rule.name), rule.name)
        total += abs(allowed_S[s])
    factor = min(1.0, rule.gross / total)
    long, short = 0.0, 0.0
    for s in range(len(allowed_S)):
        allowed_S[s] *= factor
        if allowed_S[s] > 0.0:
            long += allowed_S[s]
        else:
            short -= allowed_S[s]
    return long, short


@part
def cut_net(long, short, allowed_S, rule):  # type: ignore[no-untyped-def]
    """The longer side; return what is long and short then."""
    if not abs(long - short) > rule.net:
        return long, short
    of_long = (short + rule.net) / long if long > short else 1.0
    of_short = (long + rule.net) / short if short > long else 1.0
    for s in range(len(allowed_S)):
        allowed_S[s] *= of_long if allowed_S[s] > 0.0 else of_short
    return long * of_long, short * of_short


@part
def cut(k, state, allowed_S, rule, base, equity):  # type: ignore[no-untyped-def]
    """Fill `allowed_S` with what a column wants, cut to names, gross, net and leverage."""
    long, short = cut_gross(k, state, allowed_S, rule)
    long, short = cut_net(long, short, allowed_S, rule)
    if (long + short) * base > rule.leverage * equity:
        factor = rule.leverage * equity / ((long + short) * base)
        for s in range(len(allowed_S)):
            allowed_S[s] *= factor
