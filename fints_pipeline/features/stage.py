"""Bars in, feature table out."""

from __future__ import annotations

import pandas as pd

from fints_pipeline.base.series import check_one_series
from fints_pipeline.features.config import CARRIED, FeaturesConfig


def run(config: FeaturesConfig, bars: pd.DataFrame) -> pd.DataFrame:
    """Compute every configured feature of one instrument.

    Causal: row t uses bars t − `config.lookback` … t and is known at bar t's close. To compute a
    month, pass that many bars of history in front of it and cut them off afterwards: the rows equal
    those of the whole history, bit for bit.

    Args:
        config: which features, in which order.
        bars: BarsSchema of one instrument, ascending `open_time`; not changed.

    Returns:
        frame with one row a bar and a fresh index: instrument, open_time, close_time, session,
        is_filled, then `config.columns` (float64, NaN in warm-up).

    Raises:
        SchemaError: several instruments, or bars out of order.
    """
    check_one_series(bars)
    table = {name: bars[name].reset_index(drop=True) for name in CARRIED}
    for feature in config.features:
        columns = feature.compute(bars)
        table.update({name: pd.Series(columns[name]) for name in feature.columns})
    return pd.DataFrame(table)
