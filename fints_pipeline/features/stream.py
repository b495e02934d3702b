"""The configured features one bar at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.errors import ConfigError, SchemaError
from fints_pipeline.features._history import History
from fints_pipeline.features.bars import COLUMNS, STAMP, Bars
from fints_pipeline.features.base import Feature
from fints_pipeline.features.config import FeaturesConfig


class FeatureStream:
    """Turns each new bar into its feature row, equal to the batch's bit for bit.

    The stream keeps as many bars as the features declare to need, and runs every family's own
    kernel on just these: law 3 of the features (a part with its declared history equals the whole)
    is what makes the last row right. No family is written twice, at the price of O(history) a bar
    in place of O(1).

    Args:
        config: which features; those that read exogenous frames or news cannot be streamed.

    Raises:
        ConfigError: a feature reads an exogenous frame or news.
    """

    def __init__(self, config: FeaturesConfig) -> None:
        if others := (*config.sources, *config.news):
            raise ConfigError(
                f"exogenous series and news cannot be streamed: {', '.join(others)}",
                fix="leave them out and join them with features.run",
            )
        self._config = config
        self._history = History()
        self._instrument: str | None = None
        self._last_open: np.datetime64 | None = None
        # Families with the same memory share their arrays, and what is derived from them.
        groups: dict[tuple[int, int], list[Feature]] = defaultdict(list)
        for feature in config.features:
            groups[feature.lookback, feature.lookback_sessions].append(feature)
        self._groups = dict(groups)

    def update(self, bar: Mapping[str, Any]) -> dict[str, float]:
        """Take a closed bar and return its row, NaN in warm-up.

        Args:
            bar: BarsSchema's columns; times with a zone, or naive in UTC.

        Returns:
            value by column name, in the order of `FeaturesConfig.columns`.

        Raises:
            SchemaError: another instrument's bar, or one that does not open after the last.
        """
        self._append(bar)
        history = self._history
        row: dict[str, float] = {}
        for (lookback, sessions), features in self._groups.items():
            bars = Bars(history.since(history.reach(lookback, sessions)))
            for feature in features:
                computed = feature.compute(bars)
                row.update((name, float(computed[name][-1])) for name in feature.columns)
        return {name: row[name] for name in self._config.columns}

    def warm_up(self, bars: pd.DataFrame) -> None:
        """Take earlier bars without computing their rows."""
        for bar in bars.to_dict("records"):
            self._append({str(name): value for name, value in bar.items()})

    @property
    def state(self) -> pa.Table:
        """What the stream remembers, to be written wherever tables go, and given to `restore`."""
        rows = self._history.since(self._history.start)
        about = {"config": fingerprint(self._config), "instrument": self._instrument or ""}
        return pa.table({n: v.copy() for n, v in rows.items()}).replace_schema_metadata(about)

    @classmethod
    def restore(cls, config: FeaturesConfig, state: pa.Table) -> Self:
        """Return a stream that goes on where the one of `state` stood.

        Raises:
            ConfigError: the state is that of other features.
        """
        about = {key.decode(): value.decode() for key, value in state.schema.metadata.items()}
        if about["config"] != fingerprint(config):
            raise ConfigError(
                "the state was saved with other features",
                fix="restore it with the same `features:` section, or warm up anew",
            )
        stream = cls(config)
        for bar in state.to_pylist():
            stream._append({**bar, "instrument": about["instrument"]})
        return stream

    def _append(self, bar: Mapping[str, Any]) -> None:
        row = {name: _value(bar[name], dtype) for name, dtype in COLUMNS.items()}
        if self._instrument not in (None, bar["instrument"]):
            raise SchemaError(
                f"a bar of {bar['instrument']!r} in the stream of {self._instrument!r}",
                fix="keep one stream an instrument",
            )
        if self._last_open is not None and not row["open_time"] > self._last_open:
            raise SchemaError(
                f"the bar that opens at {row['open_time']} does not follow {self._last_open}",
                fix="send every bar once, in order",
            )
        self._instrument, self._last_open = bar["instrument"], row["open_time"]
        history = self._history
        history.append(row)
        needed = [history.reach(*memory) for memory in self._groups]
        history.drop_before(min(needed, default=history.stop))


def _value(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a bar's value as its array takes it."""
    if dtype != STAMP:
        return np.nan if value is None else value
    stamp = pd.Timestamp(value)
    utc = stamp if stamp.tzinfo is None else stamp.tz_convert(None)
    return utc.to_datetime64()
