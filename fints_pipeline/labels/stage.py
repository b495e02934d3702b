"""Bars in, label table out."""

from __future__ import annotations

import pandas as pd

from fints_pipeline.base.series import KEY, check_one_series
from fints_pipeline.labels.config import LabelsConfig


def run(config: LabelsConfig, bars: pd.DataFrame) -> pd.DataFrame:
    """Compute every configured label of one instrument.

    Row t uses bars t − `config.lookback` … t + `config.ahead`. To compute a month, pass that many
    bars in front of it and behind it, and cut them off afterwards; where the bars behind it do not
    exist yet, the last rows are null.

    Args:
        config: which labels, in which order.
        bars: BarsSchema of one instrument, ascending `open_time`, with each of `config.features`
            as a further column; not changed.

    Returns:
        frame with one row a bar and a fresh index: instrument, open_time, close_time, session,
        then `config.columns`: float64 values, and their ends as timestamps in UTC.

    Raises:
        SchemaError: several instruments, or bars out of order.
    """
    check_one_series(bars)
    table = {name: bars[name].reset_index(drop=True) for name in KEY}
    for label in config.labels:
        labelled = label.compute(bars)
        table[label.column] = pd.Series(labelled.value)
        table[label.end_column] = pd.Series(labelled.end).dt.tz_localize("UTC")
    return pd.DataFrame(table)
