"""What the models of a fold said of its validation and test bars: `PREDICTIONS`."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

from fints_pipeline.schemas.contract import TableContract, day, number, stamp, text


def _probability(of: str) -> pa.Column:
    return number(f"probability of {of}", nullable=True, checks=[pa.Check.in_range(0, 1)])


QUANTILES = ("q05", "q10", "q25", "q50", "q75", "q90", "q95")


def _quantile(name: str) -> pa.Column:
    level = int(name[1:])
    return number(f"forecast {level} % quantile of the label's log return", nullable=True)


def _rise(frame: pd.DataFrame) -> pd.Series:
    """Neighbouring quantiles are in order; a level that the model lacks is left out."""
    steps = frame[list(QUANTILES)].T.ffill().diff().T
    return ~(steps < 0).any(axis=1)


def _sums_to_one(frame: pd.DataFrame) -> pd.Series:
    total = frame[["p_down", "p_flat", "p_up"]].sum(axis=1, min_count=3)
    return total.isna() | ((total - 1).abs() < 1e-3)


PREDICTIONS = TableContract(
    "predictions",
    pa.DataFrameSchema(
        {
            "experiment": text("experiment's name"),
            "fold": text("fold's key: its first test session"),
            "model": text("model's name in the experiment"),
            "instrument": text("dataset.SYMBOL"),
            "close_time": stamp("close of the bar at which the prediction was made"),
            "session": day("exchange trading day"),
            "span": text(
                "part of the model's fold that the bar lies in",
                isin=["train", "validation", "test", "outside"],
            ),
            "expected_return": number(
                "forecast log return over the label's interval", nullable=True
            ),
            "p_down": _probability("a fall"),
            "p_flat": _probability("neither"),
            "p_up": _probability("a rise"),
            **{name: _quantile(name) for name in QUANTILES},
            "label": number("realised log return, for scoring only", nullable=True),
        },
        checks=[
            pa.Check(_sums_to_one, name="probabilities_sum_to_one"),
            pa.Check(_rise, name="quantiles_rise"),
        ],
        unique=["model", "instrument", "close_time"],
        strict=True,
        ordered=True,
    ),
)
