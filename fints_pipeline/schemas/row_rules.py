"""Checks that compare the columns of a row, or rows with their neighbours, stated once on arrays.

Pandera calls such a rule on a frame and learns which rows break it; `screening` calls the same rule
on the table's own columns, without a frame in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa

Columns: TypeAlias = Mapping[str, npt.NDArray[Any]]
Rule: TypeAlias = Callable[[Columns], npt.NDArray[np.bool_]]


class RowRule:
    """A rule as Pandera calls it.

    Attributes:
        judge: Takes columns by name, stamps as naive UTC ``datetime64[us]`` and text left out, and
            returns of shape (T,) which rows pass.
    """

    def __init__(self, judge: Rule) -> None:
        self.judge = judge

    def __call__(self, frame: pd.DataFrame) -> pd.Series:
        """Return which rows of a frame pass."""
        return pd.Series(self.judge(_columns(frame)), index=frame.index, dtype=bool)


def row_check(judge: Rule, name: str) -> pa.Check:
    """Return a Pandera check of whole frames that `screening` can call on columns."""
    return pa.Check(RowRule(judge), name=name)


def _columns(frame: pd.DataFrame) -> dict[str, npt.NDArray[Any]]:
    plain = (frame[name] for name in frame.columns if frame[name].dtype != object)
    return {str(column.name): _values(column) for column in plain}


def _values(column: pd.Series) -> npt.NDArray[Any]:
    return column.to_numpy(dtype="datetime64[us]" if column.dtype.kind == "M" else None)
