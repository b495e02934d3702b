"""Splits: the factor that makes raw prices comparable through time."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.data.calendars import Stamps
from fints_pipeline.data.versions import Versions


def actions_as_of(
    actions: pd.DataFrame,
    instrument: str,
    as_of: datetime | None = None,
    versions: Versions = "first_known",
) -> pd.DataFrame:
    """Return one version of each of an instrument's actions.

    Within one delivery for an ex-date the later row counts. Of several deliveries the first one,
    the latest one or, given ``as_of``, the latest that was there by then, as `versions.winners` has
    it for bars. An action is public from its ex-date on, so where the first delivery came after
    ``as_of``, that one counts: a file bought years later is history all the same, and only its
    later corrections are not.

    Args:
        actions: Rows in the columns of corporate_actions, of any instrument and of all time, in any
            order; left unchanged.
        instrument: Whose actions to take.
        as_of: Aware. Ex-dates are left to the caller.
        versions: Which delivery; ``as_of`` overrules it.

    Returns:
        The same columns, ascending ``ex_date``, one row an ex-date and kind.
    """
    if actions.empty:
        return actions.reset_index(drop=True)
    rows = actions[actions["instrument"] == instrument].sort_values(
        ["ex_date", "kind", "known_at"], kind="stable"
    )
    key = ["ex_date", "kind"]
    there = rows["known_at"] == rows.groupby(key)["known_at"].transform("min")
    if as_of is not None:
        there |= rows["known_at"] <= as_of
    elif versions == "latest":
        there |= True
    return rows[there].drop_duplicates(key, keep="last").reset_index(drop=True)


def splits_by_date(
    actions: pd.DataFrame,
    instrument: str,
    as_of: datetime | None = None,
    versions: Versions = "first_known",
) -> dict[date, float]:
    """Return the ratio of each split by ex-date, ascending: new shares for each old one.

    Which version of a restated split counts, `actions_as_of` says.

    Raises:
        SchemaError: a ratio is not a positive number.
    """
    if actions.empty:
        return {}
    rows = actions_as_of(actions, instrument, as_of, versions)
    splits = rows[rows["kind"] == "split"]
    ratios = splits["value"].to_numpy(dtype=np.float64)
    for ex_date, ratio in zip(splits["ex_date"], ratios, strict=True):
        if not (np.isfinite(ratio) and ratio > 0):
            raise SchemaError(
                f"a split ratio must be positive, not {ratio}",
                where=f"{instrument}, ex-date {pd.Timestamp(ex_date).date()}",
                fix="give the number of new shares for one old share",
            )
    dates = (pd.Timestamp(ex_date).date() for ex_date in splits["ex_date"])
    return dict(zip(dates, ratios.tolist(), strict=True))


def split_factor(
    actions: pd.DataFrame,
    instrument: str,
    sessions: Stamps,
    as_of: datetime | None = None,
    versions: Versions = "first_known",
) -> npt.NDArray[np.float64]:
    """Return the product of the split ratios with an ex-date up to each session.

    Causal: a split counts from its own ex-date on, so price × factor is in the units of the first
    bar and no earlier row changes when a split happens. After a 2:1 split the raw price halves and
    the factor doubles.

    Args:
        actions: Rows in the columns of corporate_actions, of any instrument and of all time, in any
            order; dividends do not count.
        instrument: Whose splits to take.
        sessions: (T,) trading days.
        as_of: Which version of a restated split counts; see `actions_as_of`.
        versions: The same where ``as_of`` is not given.

    Returns:
        (T,) float64, dimensionless, positive.

    Raises:
        SchemaError: a ratio is not a positive number.
    """
    splits = splits_by_date(actions, instrument, as_of, versions)
    if not splits:
        return np.ones(len(sessions))
    ex_dates = np.array(list(splits), dtype="datetime64[D]")
    factors = np.cumprod([1.0, *splits.values()])
    count = np.searchsorted(ex_dates, sessions.astype("datetime64[D]"), side="right")
    return np.asarray(factors[count], dtype=np.float64)
