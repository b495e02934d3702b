from __future__ import annotations

import numpy as np
import pandas as pd

from fints_pipeline import labels
from fints_pipeline.labels import LabelsConfig
from fints_pipeline.labels.uniqueness import sample_uniqueness
from fints_pipeline_tests.strategies import random_bars


def table(horizon: int, rows: int = 80, **market: object) -> pd.DataFrame:
    config = LabelsConfig(labels=[{"name": "triple_barrier", "horizon": horizon, "window": 5}])
    return labels.run(config, random_bars(rows, 1, **market))


def slow(rows: pd.DataFrame, label: str) -> list[float]:
    """The obvious twin: for each label its bars, for each bar the labels that hold it."""
    end = rows[f"{label}_end"]

    def bars(t: int) -> list[int]:
        opens = rows["open_time"]
        return [s for s in range(len(rows)) if rows["close_time"][t] <= opens[s] < end[t]]

    held = {t: bars(t) for t in range(len(rows)) if pd.notna(end[t])}
    share = {s: sum(s in own for own in held.values()) for s in range(len(rows))}
    return [
        np.mean([1 / share[s] for s in held[t]]) if t in held else np.nan for t in range(len(rows))
    ]


def test_equal_to_the_slow_twin() -> None:
    for horizon in (1, 4, 12):
        rows = table(horizon)
        label = f"triple_barrier_{horizon}"
        np.testing.assert_allclose(sample_uniqueness(rows, label), slow(rows, label))


def test_labels_of_one_bar_are_unique_and_of_h_bars_share() -> None:
    quiet = {"filled": 0.0, "missing": 0.0, "stale_opens": 0.0, "continuous": True}
    config = LabelsConfig(labels=[{"name": "forward_return", "horizon": h} for h in (1, 10)])
    rows = labels.run(config, random_bars(200, 1, **quiet))
    assert (sample_uniqueness(rows, "forward_return_1")[:-2] == 1).all()
    np.testing.assert_allclose(sample_uniqueness(rows, "forward_return_10")[10:-21], 0.1)


def test_only_the_rows_that_are_passed_count() -> None:
    rows = table(12)
    thinned = rows.assign(
        triple_barrier_12_end=rows["triple_barrier_12_end"].where(rows.index % 13 == 0)
    )
    weight = sample_uniqueness(thinned, "triple_barrier_12")
    assert (weight[~np.isnan(weight)] == 1).all()
