"""Whether one model forecasts better than another: the Diebold-Mariano test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.evaluation.statistics import newey_west_lags

Floats = NDArray[np.float64]
MIN_TIMES = 20


@dataclass(frozen=True)
class DieboldMariano:
    """The test of equal accuracy.

    Attributes:
        statistic: with Harvey's correction; negative where the first loses less.
        p: two-sided, from Student's t with n - 1 degrees of freedom.
        times: n, moments at which both forecast.
        lags: of the variance.
    """

    statistic: float
    p: float
    times: int
    lags: int


def diebold_mariano(difference: Floats, horizon: int) -> DieboldMariano:
    """Test that a difference of losses has mean zero.

    The variance of the mean is Newey and West's, with Bartlett weights over at least horizon - 1
    lags: labels of h bars overlap, and so do their errors. Bartlett weights keep it positive, which
    the rectangular ones of the original do not. The statistic is then corrected for small samples.

    Args:
        difference: (n,) loss of the first less loss of the second, in time order.
        horizon: h, steps that a forecast reaches ahead.

    Returns:
        NaN for fewer than `MIN_TIMES` values or more steps than values, or where nothing differs.

    Source: Diebold and Mariano (1995); Newey and West (1987); Harvey, Leybourne and Newbold (1997).
    """
    n = len(difference)
    lags = max(horizon - 1, newey_west_lags(n))
    if n < MIN_TIMES or lags >= n:
        return DieboldMariano(math.nan, math.nan, n, lags)
    variance = long_run_variance(difference, lags) / n
    # 1 + h (h - 1) / n² - (2 h - 1) / n in the paper's words.
    correction = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    if variance <= 0 or correction <= 0:
        return DieboldMariano(math.nan, math.nan, n, lags)
    statistic = float(difference.mean()) / math.sqrt(variance) * math.sqrt(correction)
    from scipy import stats

    return DieboldMariano(statistic, float(2 * stats.t.sf(abs(statistic), n - 1)), n, lags)


def long_run_variance(values: Floats, lags: int) -> float:
    """gamma_0 + 2 sum_k (1 - k / (lags + 1)) gamma_k of a series."""
    centred = values - values.mean()
    total = float(centred @ centred)
    for k in range(1, lags + 1):
        total += 2 * (1 - k / (lags + 1)) * float(centred[k:] @ centred[:-k])
    return total / len(values)


def compare_models(signals: dict[str, pd.DataFrame], horizon: int) -> list[dict[str, Any]]:
    """Test every pair of models on the rows that both forecast.

    Two models that give a return are compared by their squared error; two that give probabilities
    by the Brier score of a rise; of a mixed pair only what both have can be compared: the share of
    wrong directions. Instruments are averaged at each moment, so that n counts moments.

    Args:
        signals: rows of `evaluation.signals.signals` by model.
        horizon: bars that a label runs over.

    Returns:
        One row a pair: `first`, `second`, `loss`, `difference` (mean), and the test's fields.
    """
    rows = []
    for first, second in combinations(signals, 2):
        both = signals[first].merge(
            signals[second], on=["instrument", "close_time"], suffixes=("_a", "_b")
        )
        loss, each = _losses(both)
        both = both.assign(difference=each)
        at = both.dropna(subset=["difference"]).groupby("close_time")["difference"].mean()
        test = diebold_mariano(at.to_numpy(float), horizon)
        rows.append(
            {
                "first": first,
                "second": second,
                "loss": loss,
                "difference": float(at.mean()) if len(at) else math.nan,
                **vars(test),
            }
        )
    return rows


def _losses(both: pd.DataFrame) -> tuple[str, Floats]:
    label = both["label_a"].to_numpy(float)
    columns = {name: (both[f"{name}_a"], both[f"{name}_b"]) for name in ("expected_return", "p_up")}
    given = {name: all(one.notna().any() for one in pair) for name, pair in columns.items()}
    if given["expected_return"]:
        name, actual, (a, b) = "squared error", label, columns["expected_return"]
    elif given["p_up"]:
        name, (a, b) = "Brier score", columns["p_up"]
        actual = np.where(np.isnan(label), np.nan, label > 0)
    else:
        edge = (both["edge_a"], both["edge_b"])
        wrong = [np.where(one.isna(), np.nan, np.sign(one) != np.sign(label)) for one in edge]
        moved = np.isfinite(label) & (label != 0)
        return "wrong direction", np.where(moved, wrong[0] - wrong[1], np.nan)
    return name, (a.to_numpy(float) - actual) ** 2 - (b.to_numpy(float) - actual) ** 2
