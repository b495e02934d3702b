"""Trailing means over complete sessions: what is known of a market before today's session."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.evaluation.grid import Grid

Floats = NDArray[np.float64]


class Sessions:
    """The sessions of one symbol's bars on a grid.

    Attributes:
        rows: (n,) rows of the grid at which the symbol has a bar.
    """

    def __init__(self, grid: Grid, symbol: int) -> None:
        sessions, row_session = np.unique(grid.session, return_inverse=True)
        self._height = len(grid.session)
        self._count = len(sessions)
        self.rows = np.flatnonzero(grid.present[:, symbol])
        self._session = row_session[self.rows]
        self._traded = np.flatnonzero(np.bincount(self._session, minlength=self._count))

    def trailing_mean(self, values: Floats, window: int, least: int) -> Floats:
        """Mean over the last complete sessions of a session's sum.

        Causal: the session that a row belongs to is not in its mean.

        Args:
            values: (n,) summed up within each session; NaN counts as 0.
            window: sessions in the mean, fewer while there are fewer.
            least: sessions that must be complete.

        Returns:
            (T,) constant within a session; NaN before and where the symbol has no bar.
        """
        sums = np.bincount(self._session, np.nan_to_num(values), self._count)[self._traded]
        total = np.concatenate([[0.0], np.cumsum(sums)])
        done = np.arange(len(self._traded))
        first = np.maximum(done - window, 0)
        known = np.full(self._count, np.nan)
        enough = done >= max(least, 1)
        known[self._traded[enough]] = (
            ((total[done] - total[first])[enough]) / (done - first)[enough]
        )
        found = np.full(self._height, np.nan)
        found[self.rows] = known[self._session]
        return found
