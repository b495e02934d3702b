"""What a series' deliveries say of each period, and from when on each version was known."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from fints_pipeline.base.errors import FormatError
from fints_pipeline.data.exogenous.config import ExogenousConfig
from fints_pipeline.schemas.exogenous import EXOGENOUS_KEY

_NATURAL = "natural"
_DELIVERED = "delivered"
_VINTAGE = ["period_end", _NATURAL]
_FILE_ORDER = [*_VINTAGE, _DELIVERED, "archive", "source_row"]


def resolve(raw: pd.DataFrame, config: ExogenousConfig) -> pd.DataFrame:
    """Return the rows of the table ``exogenous`` that deliveries amount to, in its columns.

    The first delivery of a period counts from when it was published (the file says when, or
    ``publication_lag_minutes`` after the period's end): history that was bought later is history
    all the same. A later delivery that says something else stands beside it, known from its own
    delivery on; one that repeats what was said last adds nothing. The order in which files were
    staged plays no part.

    Args:
        raw: Rows of the table ``raw_exogenous``, in any order.
        config: The series.

    Raises:
        FormatError: two deliveries contradict each other, and neither is the later one.
    """
    values = list(config.values)
    rows = raw.rename(columns={"known_at": _DELIVERED})
    rows[_NATURAL] = natural(raw, config)
    rows = rows.sort_values(_FILE_ORDER, kind="stable", ignore_index=True)
    rows = rows[~_repeats(rows, _VINTAGE, values)]
    first = ~rows.duplicated(_VINTAGE)
    later = rows[[_NATURAL, _DELIVERED]].max(axis=1)
    rows["known_at"] = rows[_NATURAL].where(first, later)
    _refuse_ties(rows)
    rows = rows.sort_values(["period_end", "known_at"], kind="stable", ignore_index=True)
    rows = rows[~_repeats(rows, ["period_end"], values)]
    rows = rows.drop_duplicates(["period_end", "known_at"], keep="last")
    rows = rows.sort_values(["known_at", "period_end"], kind="stable", ignore_index=True)
    return rows[[*EXOGENOUS_KEY, *values]]


def natural(raw: pd.DataFrame, config: ExogenousConfig) -> pd.Series:
    """Return when each raw row's value was published first, by the file or by the config's lag."""
    lag = timedelta(minutes=config.publication_lag_minutes)
    known: pd.Series = raw["published_at"].fillna(raw["period_end"] + lag)
    return known


def _repeats(rows: pd.DataFrame, group: list[str], values: list[str]) -> np.ndarray:
    """Return which rows have the values of the row before them, of the same group."""
    now, before = rows[values], rows[values].shift()
    same = (now.eq(before) | (now.isna() & before.isna())).all(axis=1)
    of_one = rows[group].eq(rows[group].shift()).all(axis=1)
    repeats: np.ndarray = (same & of_one).to_numpy()
    return repeats


def _refuse_ties(rows: pd.DataFrame) -> None:
    twice = rows.duplicated([*_VINTAGE, "known_at"]) | rows.duplicated([*_VINTAGE, _DELIVERED])
    if twice.any():
        period = rows.loc[twice.idxmax(), "period_end"]
        raise FormatError(
            f"two files differ on the period that ended {period}, and neither is the later one",
            fix="set the corrected file's modification time to when it was published",
        )
