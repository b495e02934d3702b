"""News counted on bars, as columns for a model."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from fints_pipeline.base.errors import KeyNotFoundError, nearest
from fints_pipeline.base.rolling import FloatArray
from fints_pipeline.features.bars import NEWS, STAMP, Bars
from fints_pipeline.features.base import Feature

_UNITS = {"count": "items", "positive": "words", "negative": "words", "leaning": "no unit"}


class News(Feature):
    """`<source>_<value>` for each of `values`: what came out after the bar before, by the close.

    A value is `count` (items), `positive` or `negative` (words that lean so) or `leaning` =
    (positive − negative) / (positive + negative), 0 without either. The counts are those of the
    table `news_bars`, which the dataset's `news:` section asks for; how late an item may be used
    (`lag_minutes`) and when a silent source counts as stopped (`max_age_days`) stand there.

    Causal: row t takes the counts of bar t, which hold what was known at its close. Warm-up: none;
    NaN before the source's first item, where it has stopped, and where the table has no row.
    Source: the counts of positive and negative words of Tetlock, Giving Content to Investor
    Sentiment (2007), with a lexicon of this project.
    """

    source: str = Field(default="reference", pattern=r"^[a-z][a-z0-9_]*$")
    values: tuple[Annotated[str, Field(pattern="^(count|positive|negative|leaning)$")], ...] = (
        "count",
        "leaning",
    )

    @property
    def lookback(self) -> int:
        """No bars."""
        return 0

    @property
    def news(self) -> tuple[str, ...]:
        """The one source."""
        return (self.source,)

    @property
    def columns(self) -> tuple[str, ...]:
        """Each of `values`, named after the source."""
        return tuple(f"{self.source}_{value}" for value in self.values)

    @property
    def units(self) -> tuple[str, ...]:
        """Items, words, or a balance of words without unit."""
        return tuple(_UNITS[value] for value in self.values)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Take the rows of the bars.

        Raises:
            KeyNotFoundError: no counts were passed, or not of that source.
        """
        frame = bars.exogenous(NEWS)
        for column in self.columns:
            if column not in frame:
                raise KeyNotFoundError(
                    f"no news of {self.source!r} is counted on these bars",
                    fix=nearest(column, frame.columns)
                    or f"add `- {{source: {self.source}}}` to the dataset's `news:` section",
                )
        counted = np.asarray(frame["close_time"], dtype=STAMP)
        place = np.searchsorted(counted, bars.close_time)
        inside = np.minimum(place, max(0, counted.size - 1))
        found = np.zeros(len(bars), dtype=np.bool_)
        if counted.size:
            found = counted[inside] == bars.close_time
        columns: dict[str, FloatArray] = {}
        for column in self.columns:
            out = np.full(len(bars), np.nan)
            out[found] = frame[column].to_numpy(dtype=np.float64)[inside[found]]
            columns[column] = out
        return columns
