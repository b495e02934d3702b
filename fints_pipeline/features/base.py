"""What a feature is: a family of causal columns, computed from bars by one small class."""

from __future__ import annotations

from abc import abstractmethod
from itertools import cycle, islice
from typing import ClassVar

from fints_pipeline.base.components import Component
from fints_pipeline.base.rolling import FloatArray
from fints_pipeline.features.bars import Bars


class Feature(Component):
    """A family of columns, of which row t is known at bar t's close.

    A subclass in a file of its own turns into a config line by that file's name. Its fields are the
    line's parameters; a column that depends on a window carries the window in its name.

    Warm-up rows, and rows whose input is missing, are NaN. Where a formula degenerates on good
    input (a bar without range), the docstring names the neutral value that it takes.

    Filled bars are bars like any other to every window: one price, no range, no return; `is_filled`
    stands beside the columns for whoever wants to leave those rows out.

    Memory is declared in two numbers. Row t uses the bars from `lookback` bars before bar t on or,
    with `lookback_sessions` above 0, from `lookback` bars before the first bar of the session that
    lies `lookback_sessions` − 1 sessions before bar t's own. Sessions without a bar do not count.
    """

    UNITS: ClassVar[tuple[str, ...]]
    """Units of its columns in order, from the first again where there are more columns."""

    @property
    @abstractmethod
    def lookback(self) -> int:
        """How many bars before row t, or before its earliest session, it takes to compute row t."""

    @property
    def lookback_sessions(self) -> int:
        """How many sessions it takes as a whole, the own one among them; 0 if bars alone count."""
        return 0

    @property
    def sources(self) -> dict[str, str]:
        """Exogenous series that it reads, by name, and the frequency each is filed under."""
        return {}

    @property
    def news(self) -> tuple[str, ...]:
        """Sources of news whose counts on bars it reads."""
        return ()

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of each of `columns`, "no unit" for a pure number."""
        return tuple(islice(cycle(self.UNITS), len(self.columns)))

    @abstractmethod
    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the columns.

        Args:
            bars: one instrument's bars; not changed.

        Returns:
            for each of `columns` a float64 array of shape (T,), one value a bar.
        """
