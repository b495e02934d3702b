"""Feature tables of a universe in, cross-sectional tables out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.base.errors import KeyNotFoundError, nearest
from fints_pipeline.base.rolling import FloatArray
from fints_pipeline.features.config import CARRIED
from fints_pipeline.features.cross_section.config import CrossSectionConfig
from fints_pipeline.features.cross_section.statistics import STATISTICS


def run(config: CrossSectionConfig, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Compare the universe at each bar.

    For each of `config.features`, over the N members' values x at one close_time:

    - `<feature>_cross_rank` = (number of smaller values + half that of other equal ones) / (N − 1),
      in [0, 1], 1 for the largest;
    - `<feature>_cross_zscore` = (x − mean) / sample standard deviation; 0 where all are equal.

    Neither has a unit. Null unless every member of the universe has a bar, filled or not, that
    closes at that very time and a value in it: what is not known of one is not known of its rank.

    Causal: a row uses rows of the same close_time alone. Warm-up: that of the features.

    Args:
        config: universe and columns.
        tables: feature table of every member, ascending `close_time`; not changed. A member whose
            table has no rows makes every value null.

    Returns:
        by instrument a frame with the rows of its own table: key columns, is_filled, then
        `config.columns`.

    Raises:
        KeyNotFoundError: a member's table, or a column of it, is missing.
    """
    members = [_member(tables, name, config) for name in config.universe]
    times = [np.asarray(table["close_time"], dtype="datetime64[us]") for table in members]
    shared = reduce(np.intersect1d, times)
    places = [np.searchsorted(own, shared) for own in times]
    made = [table[list(CARRIED)].reset_index(drop=True) for table in members]
    for feature in config.features:
        values_NT = np.array(
            [table[feature].to_numpy()[rows] for table, rows in zip(members, places, strict=True)],
            dtype=np.float64,
        )
        for statistic in config.statistics:
            compared_NT = STATISTICS[statistic](values_NT)
            for table, rows, compared in zip(made, places, compared_NT, strict=True):
                table[f"{feature}_cross_{statistic}"] = _spread(compared, rows, len(table))
    return dict(zip(config.universe, made, strict=True))


def _member(
    tables: Mapping[str, pd.DataFrame], name: str, config: CrossSectionConfig
) -> pd.DataFrame:
    if name not in tables:
        raise KeyNotFoundError(f"no feature table of {name!r}", fix=nearest(name, tables))
    for feature in config.features:
        if feature not in tables[name]:
            hint = nearest(feature, tables[name].columns.difference(list(CARRIED)))
            raise KeyNotFoundError(f"no feature {feature!r}", where=name, fix=hint)
    return tables[name]


def _spread(values: FloatArray, rows: npt.NDArray[np.intp], count: int) -> FloatArray:
    """Return `count` values, NaN but for `rows`."""
    out = np.full(count, np.nan)
    out[rows] = values
    return out
