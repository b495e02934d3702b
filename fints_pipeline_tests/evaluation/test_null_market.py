"""A fixed causal rule on markets without anything to find: how often is skill seen in luck?

Prices are martingales with clustered volatility and fat tails, and no drift: whatever a rule that
looks at the past holds, it earns nothing in the mean but its costs. The markets go through signals,
engine, session returns and inference as a user's do; nothing is trained, and seeds are fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fints_pipeline.evaluation.backtest import BacktestResult, run
from fints_pipeline.evaluation.config import BacktestConfig
from fints_pipeline.evaluation.summary import summarise, trials_of
from fints_pipeline.schemas.predictions import QUANTILES
from fints_pipeline.walkforward.folds import Fold, Span

MARKETS = 200
BARS, MINUTES = 13, 30
VALIDATION, TEST = 10, 250
LOOKBACKS = {"trend_4": 4, "trend_8": 8, "trend_16": 16, "reversal_2": -2, "reversal_6": -6}
PRIMARY = next(iter(LOOKBACKS))
HOLD = 2
MIDNIGHT_TO_OPEN = 870
FREE = {"half_spread_bps": 0.0, "fee_bps": 0.0}
COSTS = {"half_spread_bps": 1.0, "fee_bps": 1.0, "slippage_bps": 0.5}


@dataclass(frozen=True)
class Market:
    """One surrogate: its bars, and what each rule says of every bar."""

    bars: dict[str, pd.DataFrame]
    predictions: pd.DataFrame
    fold: Fold


def market(seed: int) -> Market:
    """Return a martingale: E[price | past] is the price, whatever the volatility does."""
    rng = np.random.default_rng([20_240_101, seed])
    days = pd.bdate_range("2022-01-03", periods=5 + VALIDATION + TEST)
    count = len(days) * BARS
    heat = np.empty(len(days))
    heat[0] = rng.standard_normal()
    for n in range(1, len(days)):
        heat[n] = 0.9 * heat[n - 1] + np.sqrt(1 - 0.9**2) * rng.standard_normal()
    scale = 2e-3 * np.repeat(np.exp(0.3 * heat), BARS)
    moves = np.clip(rng.standard_t(5, count) * scale, -0.2, 0.2)  # symmetric: no drift
    gaps = np.clip(rng.standard_t(5, count) * 0.2 * scale, -0.2, 0.2)
    gaps[0] = 0.0
    opened = 100 * np.cumprod(1 + gaps) * np.concatenate([[1.0], np.cumprod(1 + moves[:-1])])
    close = opened * (1 + moves)
    day = np.repeat(days.to_numpy("M8[us]"), BARS)
    opens = day + np.timedelta64(MIDNIGHT_TO_OPEN, "m")
    opens = opens + np.tile(np.arange(BARS), len(days)) * np.timedelta64(MINUTES, "m")
    ends = day + np.timedelta64(MIDNIGHT_TO_OPEN + BARS * MINUTES, "m")
    frame = pd.DataFrame(
        {
            "instrument": "null.M", "open_time": utc(opens),
            "close_time": utc(opens + np.timedelta64(MINUTES, "m")), "session": day,
            "session_open": utc(day + np.timedelta64(MIDNIGHT_TO_OPEN, "m")),
            "session_close": utc(ends), "open": opened, "high": np.maximum(opened, close),
            "low": np.minimum(opened, close), "close": close, "volume": 1000.0,
            "split_factor": 1.0,
        }
    )  # fmt: skip
    flags = ("is_filled", "is_partial", "is_halted", "is_suspect", "is_extended", "opens_filled",
             "partial_so_far")  # fmt: skip
    frame = frame.assign(**dict.fromkeys(flags, False))
    dates = [day.date() for day in days]
    cuts = [0, 5, 5 + VALIDATION, len(dates)]
    spans = [Span(dates[a], dates[b - 1]) for a, b in pairwise(cuts)]
    fold = Fold(dates[cuts[2]].isoformat(), *spans)
    rules = [said(name, frame, fold, dates[cuts[1]]) for name in LOOKBACKS]
    return Market({"null.M": frame}, pd.concat(rules, ignore_index=True), fold)


def utc(stamps: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(stamps).tz_localize("UTC")


def said(name: str, bars: pd.DataFrame, fold: Fold, first: date) -> pd.DataFrame:
    """What a rule expects: the return of the last bars to go on, or to be taken back."""
    lookback = LOOKBACKS[name]
    price, opens = np.log(bars["close"].to_numpy()), np.log(bars["open"].to_numpy())
    expected = np.zeros(len(bars))
    expected[abs(lookback) :] = price[abs(lookback) :] - price[: -abs(lookback)]
    label = np.full(len(bars), np.nan)
    label[: -HOLD - 1] = opens[HOLD + 1 :] - opens[1:-HOLD]
    test = fold.test.mask(bars["session"].to_numpy("M8[D]"))
    rows = pd.DataFrame(
        {
            "experiment": "null", "fold": fold.key, "model": name, "instrument": "null.M",
            "close_time": bars["close_time"], "session": bars["session"],
            "span": np.where(test, "test", "validation"),
            "expected_return": np.sign(lookback) * expected,
            **dict.fromkeys(("p_down", "p_flat", "p_up", *QUANTILES), np.nan), "label": label,
        }
    )  # fmt: skip
    return rows[rows["session"] >= pd.Timestamp(first)]


def traded(one: Market, costs: dict[str, float], rules: int = 1) -> BacktestResult:
    primary, *others = list(LOOKBACKS)[:rules]
    config = BacktestConfig.model_validate(
        {
            "experiment": "null", "model": primary, "compare": others, "costs": costs,
            "hold": HOLD, "threshold": {"quantile": 0.5}, "bootstrap": {"samples": 100},
        }
    ).model_copy(update={"null_shifts": 0})  # fmt: skip
    return run(config, one.bars, one.predictions, [one.fold], MINUTES)


@dataclass(frozen=True)
class Judged:
    """What the summaries of all markets say, each (MARKETS,)."""

    probabilistic: np.ndarray
    deflated: np.ndarray
    best_deflated: np.ndarray
    net: np.ndarray
    cost: np.ndarray


@pytest.fixture(scope="module")
def judged() -> Judged:
    return Judged(*np.array([judge(market(seed)) for seed in range(MARKETS)]).T)


def summary(result: BacktestResult) -> dict[str, Any]:
    """Every model's numbers; each model is a trial."""
    trials = trials_of(result, dict.fromkeys(LOOKBACKS, "rule"))
    found: dict[str, Any] = summarise(result, trials)["models"]
    return found


def judge(one: Market) -> tuple[float, ...]:
    """Free of costs: the fixed rule alone, and the best of all rules; with costs: the profit."""
    free, paid = (summary(traded(one, costs)) for costs in (FREE, COSTS))
    chosen = summary(traded(one, FREE, len(LOOKBACKS)))
    fixed, trading = free[PRIMARY]["inference"], paid[PRIMARY]["trading"]
    best = max(chosen.values(), key=lambda model: model["net"]["sharpe"])
    return (
        fixed["probabilistic"], fixed["deflated"], best["inference"]["deflated"],
        trading["net_profit"], trading["cost"],
    )  # fmt: skip


def within_bound(hits: np.ndarray, share: float = 0.05, level: float = 0.99) -> tuple[int, int]:
    """Return the numbers of hits between which a binomial falls with the probability."""
    low, high = stats.binom.interval(level, len(hits), share)
    return int(low), int(high)


@pytest.mark.slow
def test_without_costs_the_probabilities_of_a_fixed_rule_are_uniform(judged: Judged) -> None:
    p = 1 - judged.probabilistic
    found = stats.kstest(p, "uniform")
    print(f"{MARKETS} markets: KS statistic {found.statistic:.4f}, p {found.pvalue:.3f}")
    assert found.pvalue > 0.01


@pytest.mark.slow
def test_without_costs_skill_is_seen_as_often_as_it_says(judged: Judged) -> None:
    hits = judged.deflated > 0.95
    low, high = within_bound(hits)
    print(f"deflated > .95: {hits.sum()} of {MARKETS}, bound {low} to {high}")
    assert low <= hits.sum() <= high


@pytest.mark.slow
def test_the_best_of_five_rules_is_not_taken_for_skill_once_deflated(judged: Judged) -> None:
    """The rules are alike in part, so that five trials are fewer: the rate may be below 5 %."""
    hits = judged.best_deflated > 0.95
    _, high = within_bound(hits)
    print(f"best of {len(LOOKBACKS)}, deflated > .95: {hits.sum()} of {MARKETS}, at most {high}")
    assert hits.sum() <= high


@pytest.mark.slow
def test_with_costs_a_rule_loses_its_costs(judged: Judged) -> None:
    error = float(np.std(judged.net + judged.cost, ddof=1) / np.sqrt(MARKETS))
    net, cost = judged.net.mean(), judged.cost.mean()
    print(f"mean net {net:.1f}, mean cost {cost:.1f}, standard error {error:.1f}")
    assert cost > 0
    assert net < -3 * error
    assert abs(net + cost) < 3 * error


def test_the_rule_is_causal() -> None:
    one = market(0)
    cut = len(one.bars["null.M"]) // 2
    noisy = one.bars["null.M"].copy()
    rng = np.random.default_rng(0)
    for column in ("open", "close"):
        noisy.loc[cut:, column] *= rng.uniform(0.8, 1.2, len(noisy) - cut)
    first = one.fold.validation.first
    before, after = (said("trend_8", bars, one.fold, first) for bars in (one.bars["null.M"], noisy))
    early = before.index < cut
    pd.testing.assert_series_equal(
        before.loc[early, "expected_return"], after.loc[early, "expected_return"]
    )
    assert not before["expected_return"].equals(after["expected_return"])
