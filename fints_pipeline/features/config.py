"""The `features:` section of a dataset's config."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from fints_pipeline.base.components import Components
from fints_pipeline.base.config import Config
from fints_pipeline.base.series import KEY, refuse_duplicates
from fints_pipeline.features.base import Feature

CARRIED = (*KEY, "is_filled")
"""Columns that a feature table takes over from the bars."""


class FeaturesConfig(Config):
    """Which features to compute, in the order of their columns.

    In YAML the section is the list itself::

        features:
          - {name: log_return}
          - {name: atr, window: 14}
    """

    features: Components("fints_pipeline.features", Feature)  # type: ignore[valid-type]

    @model_validator(mode="before")
    @classmethod
    def _accept_plain_list(cls, section: Any) -> Any:
        return {"features": section} if isinstance(section, list | tuple) else section

    @model_validator(mode="after")
    def _refuse_duplicate_columns(self) -> FeaturesConfig:
        refuse_duplicates((*CARRIED, *self.columns))
        return self

    @model_validator(mode="after")
    def _one_frequency_a_source(self) -> FeaturesConfig:
        for feature in self.features:
            for name, frequency in feature.sources.items():
                if frequency != self.sources[name]:
                    raise ValueError(
                        f"exogenous series {name!r} at two frequencies: {frequency} and "
                        f"{self.sources[name]}"
                    )
        return self

    @property
    def lookback(self) -> int:
        """The largest `Feature.lookback`."""
        return max((feature.lookback for feature in self.features), default=0)

    @property
    def lookback_sessions(self) -> int:
        """The largest `Feature.lookback_sessions`.

        Together with `lookback` it covers every feature: what is counted from the start of a
        session reaches at least as far back as what is counted from a bar of that session.
        """
        return max((feature.lookback_sessions for feature in self.features), default=0)

    @property
    def sources(self) -> dict[str, str]:
        """Exogenous series that the features read, by name, and their frequencies."""
        return {
            name: frequency
            for feature in self.features
            for name, frequency in feature.sources.items()
        }

    @property
    def news(self) -> tuple[str, ...]:
        """Sources of news that the features read, each once."""
        return tuple(dict.fromkeys(name for feature in self.features for name in feature.news))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the feature columns, in order."""
        return tuple(name for feature in self.features for name in feature.columns)

    @property
    def described(self) -> dict[str, tuple[str, str]]:
        """What each column is, in a line, and its unit."""
        return {
            name: (feature.summary, unit)
            for feature in self.features
            for name, unit in zip(feature.columns, feature.units, strict=True)
        }
