"""Bars in, feature table out."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from fints_pipeline.base.series import check_one_series
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.config import CARRIED, FeaturesConfig


def run(
    config: FeaturesConfig,
    bars: pd.DataFrame,
    exogenous: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Compute every configured feature of one instrument.

    Causal: row t uses the bars that `config.lookback` and `config.lookback_sessions` declare, up to
    t, and is known at bar t's close. To compute a month, pass that history in front of it and cut
    it off afterwards: the rows equal those of the whole history, bit for bit.

    Args:
        config: which features, in which order.
        bars: BarsSchema of one instrument, ascending `open_time`; not changed.
        exogenous: a frame for each of `config.sources`: `known_at` (UTC) and value columns.

    Returns:
        frame with one row a bar and a fresh index: instrument, open_time, close_time, session,
        is_filled, then `config.columns` (float64, NaN in warm-up).

    Raises:
        SchemaError: several instruments, or bars out of order.
        KeyNotFoundError: the frame of an exogenous source is missing.
    """
    check_one_series(bars)
    table = {name: bars[name].reset_index(drop=True) for name in CARRIED}
    arrays = Bars(bars, exogenous)
    for feature in config.features:
        columns = feature.compute(arrays)
        table.update({name: pd.Series(columns[name]) for name in feature.columns})
    return pd.DataFrame(table)
