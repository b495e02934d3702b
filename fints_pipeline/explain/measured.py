"""Importances with their intervals, of one fold and of all folds together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.training.dataset import FloatArray

COLUMNS = (
    "model", "fold", "method", "group", "name", "value", "low", "high", "unit", "windows",
    "diagnostic",
)  # fmt: skip
ALL_FOLDS = "all"


@dataclass(frozen=True)
class Measured:
    """How much each of a group's inputs matters by one method, on one fold.

    Attributes:
        method: "integrated_gradients", "tree_shap", "permutation" or "attention".
        group: "feature", "lag", "family", "field", "position" or "patch".
        unit: of the values.
        names: (G,) of the inputs.
        value: (G,) mean over the windows.
        draws: (D, G) the same on resampled sessions.
        windows: N.
    """

    method: str
    group: str
    unit: str
    names: tuple[str, ...]
    value: FloatArray
    draws: FloatArray
    windows: int


def resampled(session: NDArray[np.datetime64], draws: int, seed: int) -> list[NDArray[np.int64]]:
    """Return positions of windows, once for each draw of whole sessions with replacement.

    Windows of one session are alike: drawing them one by one would make intervals too narrow.
    """
    _, of = np.unique(session, return_inverse=True)
    members = [np.flatnonzero(of == number) for number in range(of.max() + 1)]
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(members), (draws, len(members)))
    return [np.concatenate([members[number] for number in pick]) for pick in picks]


def mean_magnitudes(
    method: str,
    group: str,
    unit: str,
    names: Sequence[str],
    values_NG: FloatArray,
    draws: Sequence[NDArray[np.int64]],
) -> Measured:
    """Return the mean absolute value of each group's sum of attributions.

    Args:
        method: see `Measured`.
        group: see `Measured`.
        unit: of the values.
        names: (G,).
        values_NG: sum of the attributions of each group's inputs, by window.
        draws: positions of windows, from `resampled`.
    """
    size = np.abs(values_NG)
    again = np.stack([size[rows].mean(axis=0) for rows in draws])
    return Measured(method, group, unit, tuple(names), size.mean(axis=0), again, len(size))


def rows_of(model: str, folds: dict[str, Sequence[Measured]], level: float) -> pd.DataFrame:
    """Return a row for each fold, method, group and name, and one over all folds.

    A value over all folds is the mean of the folds' by their number of windows, and so are its
    draws; folds are drawn from on their own.

    Args:
        model: name of the model.
        folds: what was measured, by the fold's key.
        level: probability of the intervals.
    """
    tables = [
        _table(model, key, measured, level) for key, found in folds.items() for measured in found
    ]
    kinds: dict[tuple[str, str, str], list[Measured]] = {}
    for found in folds.values():
        for one in found:
            kinds.setdefault((one.method, one.group, one.unit), []).append(one)
    tables += [_table(model, ALL_FOLDS, _joined(same), level) for same in kinds.values()]
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(tables, ignore_index=True)


def _joined(same: Sequence[Measured]) -> Measured:
    names = tuple(dict.fromkeys(name for one in same for name in one.names))
    share = np.array([one.windows for one in same], float)
    value, weight = np.zeros(len(names)), np.zeros(len(names))
    draws = np.zeros((len(same[0].draws), len(names)))
    for one, windows in zip(same, share, strict=True):
        place = [names.index(name) for name in one.names]
        value[place] += windows * one.value
        draws[:, place] += windows * one.draws
        weight[place] += windows
    first = same[0]
    return Measured(
        first.method, first.group, first.unit, names, value / weight, draws / weight,
        int(share.sum()),
    )  # fmt: skip


def _table(model: str, fold: str, one: Measured, level: float) -> pd.DataFrame:
    tails = (1 - level) / 2
    low, high = np.quantile(one.draws, [tails, 1 - tails], axis=0)
    return pd.DataFrame(
        {
            "model": model,
            "fold": fold,
            "method": one.method,
            "group": one.group,
            "name": list(one.names),
            "value": one.value,
            "low": low,
            "high": high,
            "unit": one.unit,
            "windows": one.windows,
            "diagnostic": one.method == "attention",
        }
    )
