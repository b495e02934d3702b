"""The bars that a stream still needs: arrays that grow at the end and forget at the start."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fints_pipeline.features.bars import COLUMNS

CAPACITY = 256


class History:
    """Rows of `COLUMNS`, counted from the first that was ever appended."""

    def __init__(self) -> None:
        self._arrays = {name: np.empty(CAPACITY, dtype) for name, dtype in COLUMNS.items()}
        # Rows _first … _first + stop − start − 1 of the arrays hold rows start … stop − 1.
        self._first = 0
        self.start = 0
        self.stop = 0
        self._session_starts: deque[int] = deque()

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one row; its session begins here if it is not the row before's."""
        place = self._first + self.stop - self.start
        if place == len(self._arrays["session"]):
            self._make_room()
            place = self.stop - self.start
        for name, array in self._arrays.items():
            array[place] = row[name]
        session = self._arrays["session"]
        if self.stop == self.start or session[place] != session[place - 1]:
            self._session_starts.append(self.stop)
        self.stop += 1

    def reach(self, lookback: int, sessions: int) -> int:
        """Return where the memory of the last row begins; see `Feature`."""
        if not sessions:
            return max(self.start, self.stop - 1 - lookback)
        if len(self._session_starts) < sessions:
            return self.start
        return max(self.start, self._session_starts[-sessions] - lookback)

    def drop_before(self, row: int) -> None:
        """Forget every row before `row`; the session that it falls into begins there."""
        self._first += row - self.start
        self.start = row
        starts = self._session_starts
        while len(starts) > 1 and starts[1] <= row:
            starts.popleft()
        starts[0] = max(starts[0], row)

    def since(self, row: int) -> dict[str, npt.NDArray[Any]]:
        """Return views of the rows from `row` on."""
        first = self._first + row - self.start
        last = self._first + self.stop - self.start
        return {name: array[first:last] for name, array in self._arrays.items()}

    def _make_room(self) -> None:
        """Move what is left to the front, into arrays of twice its size."""
        rows = self.since(self.start)
        capacity = max(CAPACITY, 2 * (self.stop - self.start))
        self._arrays = {name: np.empty(capacity, dtype) for name, dtype in COLUMNS.items()}
        for name, values in rows.items():
            self._arrays[name][: len(values)] = values
        self._first = 0
