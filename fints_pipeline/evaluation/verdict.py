"""A plain verdict from a rule that was fixed beforehand.

The primary model's evidence survives when all of these hold on its joined test spans:

1. `trades`: it traded at all, on at least `MIN_SESSIONS` sessions;
2. `deflated`: the probability that its net Sharpe ratio exceeds what the best of all recorded
   trials would show by luck is above `CONFIDENCE` (deflated Sharpe ratio);
3. `costs`: with all costs doubled it still earns money;
4. `null`: fewer than `SIGNIFICANCE` of circular shifts of the same signal do as well;
5. `overfitting`, once there are trials enough to tell: the best of them in one half of the sessions
   is below their median in the other less often than `MOST_OVERFIT` of the time.

Otherwise the verdict names the legs that failed. Other models of the run are never considered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fints_pipeline.base.page.words import percent

MIN_SESSIONS = 20
CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
MOST_OVERFIT = 0.5


@dataclass(frozen=True)
class Leg:
    """One condition: its name, whether it holds, and what was found."""

    name: str
    passed: bool
    found: str


@dataclass(frozen=True)
class Verdict:
    """Whether the evidence survives, in words.

    Attributes:
        passed: whether every leg holds.
        headline: the answer.
        legs: the conditions that it stands on.
        warnings: what limits the answer, whichever it is.
    """

    passed: bool
    headline: str
    legs: tuple[Leg, ...]
    warnings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Headline, what decided it (the failed legs, or all), and the warnings."""
        telling = [leg.found for leg in self.legs if self.passed or not leg.passed]
        return " ".join([f"{self.headline}: {'; '.join(telling)}.", *self.warnings])


def verdict(
    *,
    model: str,
    fills: int,
    sessions: int,
    deflated: float,
    trials: int,
    doubled_return: float,
    null_p: float,
    overfitting: float = math.nan,
    cross_validated: bool = False,
    universe_note: str | None = None,
    synthetic: bool = False,
) -> Verdict:
    """Apply the rule of this module to what was measured.

    Args:
        model: primary model's name.
        fills: fills over all test spans.
        sessions: test sessions.
        deflated: deflated Sharpe probability; NaN counts as failed.
        trials: number of competing trials that it is deflated by.
        doubled_return: total net return with costs doubled.
        null_p: p-value against circular shifts.
        overfitting: probability of backtest overfitting; NaN adds no leg.
        cross_validated: the models saw days after those that they traded.
        universe_note: repeated as a survivorship warning.
        synthetic: whether the data are made up.
    """
    shifted = f"{percent(null_p, 1, sign=False)} of shifted signals do as well"
    legs: tuple[Leg, ...] = (
        Leg("trades", fills > 0 and sessions >= MIN_SESSIONS, _traded(fills, sessions)),
        Leg("deflated", deflated > CONFIDENCE, _deflated(deflated, trials)),
        Leg(
            "costs", doubled_return > 0, f"with costs doubled it returns {percent(doubled_return)}"
        ),
        Leg(
            "null",
            null_p < SIGNIFICANCE,
            f"{shifted} (under {percent(SIGNIFICANCE, 0, sign=False)} may)",
        ),
    )
    if not math.isnan(overfitting):
        found = f"the best trial is overfit with probability {percent(overfitting, 0, sign=False)}"
        bound = f"(under {percent(MOST_OVERFIT, 0, sign=False)} may)"
        legs = (*legs, Leg("overfitting", overfitting < MOST_OVERFIT, f"{found} {bound}"))
    passed = all(leg.passed for leg in legs)
    warnings = []
    if synthetic:
        warnings.append("Synthetic data: this says nothing about any real market.")
    if cross_validated:
        warnings.append(
            "Cross-validated: the models learned from days after those they traded, so this is a"
            " test of stability and not of what trading them would have earned."
        )
    if universe_note:
        warnings.append(f"Survivorship warning: {universe_note.rstrip('.')}.")
    headline = (
        f"The evidence for {model} survives" if passed else f"No evidence of skill in {model}"
    )
    return Verdict(passed, headline, legs, tuple(warnings))


def _traded(fills: int, sessions: int) -> str:
    if not fills:
        return "it never traded"
    return f"it traded {fills:,} times in {sessions} sessions (at least {MIN_SESSIONS} are needed)"


def _deflated(probability: float, trials: int) -> str:
    counted = f"{trials} trial" + ("s" if trials != 1 else "")
    if math.isnan(probability):
        return f"its Sharpe ratio cannot be told from luck ({counted} counted)"
    beats = f"its Sharpe ratio beats luck with probability {percent(probability, 1, sign=False)}"
    return f"{beats} ({counted}; above {percent(CONFIDENCE, 0, sign=False)} is needed)"
