"""Bars in, feature table out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from fints_pipeline.base.rolling import FloatArray
from fints_pipeline.base.series import check_one_series
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature
from fints_pipeline.features.config import CARRIED, FeaturesConfig

BLOCK = 32_768
"""Rows that are computed together, family by family."""


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
        exogenous: a frame for each of `config.sources`: `known_at` (UTC) and value columns; where
            `config.news` names any, the rows of the table `news_bars` under that name.

    Returns:
        frame with one row a bar and a fresh index: instrument, open_time, close_time, session,
        is_filled, then `config.columns` (float64, NaN in warm-up).

    Raises:
        SchemaError: several instruments, or bars out of order.
        KeyNotFoundError: the frame of an exogenous source is missing.
    """
    check_one_series(bars)
    table = {name: bars[name].reset_index(drop=True) for name in CARRIED}
    # One allocation for all columns: large ones are backed by large pages, which are cheap to get.
    columns = dict(zip(config.columns, np.empty((len(config.columns), len(bars))), strict=True))
    _compute(config.features, Bars(bars, exogenous), columns)
    table.update({name: pd.Series(values) for name, values in columns.items()})
    # The columns belong to nobody else: copying them would take as long as computing them.
    return pd.DataFrame(table, copy=False)


def _compute(features: Sequence[Feature], bars: Bars, columns: Mapping[str, FloatArray]) -> None:
    """Fill `columns`, where memory is counted in bars a block of rows at a time.

    A block and its lookback stay in the processor's cache from one family to the next. That it
    equals the whole, bit for bit, is law 3 of the features.
    """
    in_bars = [feature for feature in features if not feature.lookback_sessions]
    lookback = max((feature.lookback for feature in in_bars), default=0)
    # A lookback is computed anew for every block: keep it small beside the block.
    rows = max(BLOCK, 16 * lookback)
    for first in range(0, len(bars), rows):
        start, stop = max(0, first - lookback), min(len(bars), first + rows)
        block = bars.rows(start, stop)
        for feature in in_bars:
            for name, values in feature.compute(block).items():
                columns[name][first:stop] = values[first - start :]
    for feature in features:
        if feature.lookback_sessions:
            for name, values in feature.compute(bars).items():
                columns[name][:] = values
