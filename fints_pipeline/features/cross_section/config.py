"""The `cross_section:` section of a dataset's config."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from fints_pipeline.base.config import Config
from fints_pipeline.base.series import refuse_duplicates

Statistic = Literal["rank", "zscore"]


class CrossSectionConfig(Config):
    """Which feature columns to compare over which instruments.

    In YAML::

        cross_section:
          universe: [synthetic.EDGE, synthetic.WALKA, synthetic.WALKB]
          features: [log_return, volume_zscore_100]

    Attributes:
        universe: instruments as the lake names them. A universe picked with hindsight, such as the
            shares that are traded today, brings survivorship into every column.
        features: columns of the features table.
        statistics: what to compute of each.
    """

    universe: tuple[str, ...] = Field(min_length=2)
    features: tuple[str, ...] = Field(min_length=1)
    statistics: tuple[Statistic, ...] = Field(default=("rank", "zscore"), min_length=1)

    @model_validator(mode="after")
    def _refuse_duplicates(self) -> Self:
        refuse_duplicates(self.universe)
        refuse_duplicates(self.columns)
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns: every statistic of the first feature, of the second, …."""
        return tuple(
            f"{feature}_cross_{statistic}"
            for feature in self.features
            for statistic in self.statistics
        )
