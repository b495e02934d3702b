"""Splits: the factor that makes raw prices comparable through time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.data.calendars import Stamps


def split_factor(
    actions: pd.DataFrame, instrument: str, sessions: Stamps
) -> npt.NDArray[np.float64]:
    """Return the product of the split ratios with an ex-date up to each session.

    Causal: a split counts from its own ex-date on, so price × factor is in the units of the first
    bar and no earlier row changes when a split happens. After a 2:1 split the raw price halves and
    the factor doubles.

    Args:
        actions: Rows in the columns of corporate_actions, of any instrument and of all time, in any
            order. The last delivered value of an ex-date counts; dividends do not.
        instrument: Whose splits to take.
        sessions: (T,) trading days.

    Returns:
        (T,) float64, dimensionless, positive.

    Raises:
        SchemaError: a ratio is not a positive number.
    """
    wanted = (actions["instrument"] == instrument) & (actions["kind"] == "split")
    splits = actions[wanted].sort_values(["ex_date", "known_at"], kind="stable")
    splits = splits.drop_duplicates("ex_date", keep="last")
    ratios = splits["value"].to_numpy(dtype=np.float64)
    for ex_date, ratio in zip(splits["ex_date"], ratios, strict=True):
        if not (np.isfinite(ratio) and ratio > 0):
            raise SchemaError(
                f"a split ratio must be positive, not {ratio}",
                where=f"{instrument}, ex-date {pd.Timestamp(ex_date).date()}",
                fix="give the number of new shares for one old share",
            )
    ex_dates = pd.to_datetime(splits["ex_date"]).to_numpy().astype("datetime64[D]")
    factors = np.concatenate([[1.0], np.cumprod(ratios)])
    count = np.searchsorted(ex_dates, sessions.astype("datetime64[D]"), side="right")
    return np.asarray(factors[count], dtype=np.float64)
