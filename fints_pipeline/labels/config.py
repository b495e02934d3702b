"""The `labels:` section of a dataset's config."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from fints_pipeline.base.components import Components
from fints_pipeline.base.config import Config
from fints_pipeline.base.series import KEY, refuse_duplicates
from fints_pipeline.labels.base import Label


class LabelsConfig(Config):
    """Which labels to compute, in the order of their columns.

    In YAML the section is the list itself::

        labels:
          - {name: forward_return, horizon: 12}
          - {name: direction, horizon: 12, dead_band: 5, unit: bps}
    """

    labels: Components("fints_pipeline.labels", Label)  # type: ignore[valid-type]

    @model_validator(mode="before")
    @classmethod
    def _accept_plain_list(cls, section: Any) -> Any:
        return {"labels": section} if isinstance(section, list | tuple) else section

    @model_validator(mode="after")
    def _refuse_duplicate_columns(self) -> LabelsConfig:
        refuse_duplicates((*KEY, *self.columns))
        return self

    @property
    def lookback(self) -> int:
        """How many bars before row t it takes to compute every label of row t."""
        return max((label.lookback for label in self.labels), default=0)

    @property
    def horizon(self) -> int:
        """The longest horizon in bars."""
        return max((label.horizon for label in self.labels), default=0)

    @property
    def ahead(self) -> int:
        """How many bars after row t it takes to compute every label of row t."""
        return max((label.ahead for label in self.labels), default=0)

    @property
    def features(self) -> tuple[str, ...]:
        """Columns of the features table that the labels read, sorted."""
        return tuple(sorted({name for label in self.labels for name in label.features}))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the label columns, in order, each followed by the name of its end."""
        return tuple(name for label in self.labels for name in label.columns)

    @property
    def classes(self) -> dict[str, dict[int, str]]:
        """Names of the codes of each categorical label, by its column."""
        return {label.column: dict(label.classes) for label in self.labels if label.classes}

    @property
    def described(self) -> dict[str, tuple[str, str]]:
        """What each label is, in a line, and its unit."""
        return {label.column: (label.summary, label.UNIT) for label in self.labels}
