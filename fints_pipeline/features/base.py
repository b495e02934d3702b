"""What a feature is: a family of causal columns, computed from bars by one small class."""

from __future__ import annotations

from abc import abstractmethod

import pandas as pd

from fints_pipeline.base.components import Component
from fints_pipeline.base.rolling import FloatArray


class Feature(Component):
    """A family of columns, of which row t is known at bar t's close.

    A subclass in a file of its own turns into a config line by that file's name. Its fields are the
    line's parameters; a column that depends on a window carries the window in its name.

    Warm-up rows, and rows whose input is missing, are NaN. Where a formula degenerates on good
    input (a bar without range), the docstring names the neutral value that it takes.

    Filled bars are bars like any other to every window: one price, no range, no return; `is_filled`
    stands beside the columns for whoever wants to leave those rows out.
    """

    @property
    @abstractmethod
    def lookback(self) -> int:
        """How many bars before row t it takes to compute row t."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""

    @abstractmethod
    def compute(self, bars: pd.DataFrame) -> dict[str, FloatArray]:
        """Compute the columns.

        Args:
            bars: BarsSchema of one instrument, ascending `open_time`; not changed.

        Returns:
            for each of `columns` a float64 array of shape (T,), one value a bar.
        """
