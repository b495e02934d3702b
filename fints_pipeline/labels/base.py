"""What a label is: a target that looks ahead, with the moment when it becomes known."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from fints_pipeline.base.components import Component

FloatArray = npt.NDArray[np.float64]
TimeArray = npt.NDArray[np.datetime64]


class Labelled(NamedTuple):
    """A label's two columns, each of shape (T,)."""

    value: FloatArray
    """The label, NaN where it is not known or not defined."""
    end: TimeArray
    """t1, the UTC time at which the value becomes known, datetime64[us]; NaT where it is NaN."""


class Label(Component):
    """A target for the bar that has just closed.

    A subclass in a file of its own turns into a config line by that file's name. The label of row t
    is decided in the interval (close_time of t, t1]; whatever is trained on it has to be purged of
    rows whose interval meets the test span.
    """

    UNIT: ClassVar[str]
    """Unit of its column; "class" where the values are codes of `classes`."""

    horizon: int = Field(default=12, ge=1)

    @property
    @abstractmethod
    def column(self) -> str:
        """Name of the label's column."""

    @property
    def end_column(self) -> str:
        """Name of the column that holds t1."""
        return f"{self.column}_end"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the label's columns: its value and its end."""
        return (self.column, self.end_column)

    @property
    def lookback(self) -> int:
        """How many bars before row t it takes to compute row t."""
        return 0

    @property
    def ahead(self) -> int:
        """How many bars after row t it takes to compute row t.

        One more than `horizon`: what is decided at bar t's close is entered at the next bar's open.
        """
        return self.horizon + 1

    @property
    def features(self) -> tuple[str, ...]:
        """Columns of the features table that it reads, in row t alone."""
        return ()

    @property
    def classes(self) -> Mapping[int, str]:
        """Names of a categorical label's codes, ascending; empty where the label is a quantity."""
        return {}

    @abstractmethod
    def compute(self, bars: pd.DataFrame) -> Labelled:
        """Compute the label.

        Args:
            bars: BarsSchema of one instrument, ascending `open_time`, with each of `features` as a
                further column; not changed.
        """
