"""Epoch numbers into microseconds, their unit told by their size, row by row.

Vendors change units within one series (Binance spot went from ms to µs on 2025-01-01). Between
1973 and 2286 the four units fill ranges of values that do not meet, so the value decides.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fints_pipeline.data.csv_table import bad_cell

UNITS = ("s", "ms", "µs", "ns")
# Unit u covers [_FIRST * 1000**u, _LAST * 1000**u): 1973-03-03 to 2286-11-20.
_FIRST, _LAST = 10**8, 10**10
_MOST_RUNS = 6

Ints = npt.NDArray[np.int64]


def units_of(epochs: Ints) -> npt.NDArray[np.int8]:
    """Return each value's unit as an index into `UNITS`, -1 where it fits none. Shape (n,)."""
    units = np.full(epochs.shape, -1, dtype=np.int8)
    for index in range(len(UNITS)):
        scale = 1000**index
        units[(epochs >= _FIRST * scale) & (epochs < _LAST * scale)] = index
    return units


def to_microseconds(
    epochs: Ints, where: str, column: str, first_row: int = 1
) -> tuple[Ints, tuple[str, ...]]:
    """Return epochs in µs, and a note for each run of rows when the unit changes.

    Args:
        epochs: Shape (n,), in s, ms, µs or ns, mixed as they come.
        where: How errors name the file.
        column: How errors name the column.
        first_row: Row number of the first value.

    Raises:
        ArchiveError: a value is no epoch between 1973 and 2286 in any unit.
    """
    units = units_of(epochs)
    if (units < 0).any():
        at = int(np.argmax(units < 0))
        raise bad_cell(
            where, first_row + at, column, int(epochs[at]), "an epoch in s, ms, µs or ns"
        )
    micros = epochs.copy()
    for index, (times, over) in enumerate(((10**6, 1), (1000, 1), (1, 1), (1, 1000))):
        chosen = units == index
        micros[chosen] = epochs[chosen] * times // over
    return micros, _notes(units, first_row)


def _notes(units: npt.NDArray[np.int8], first_row: int) -> tuple[str, ...]:
    starts = (
        np.flatnonzero(np.r_[True, units[1:] != units[:-1]]) if units.size else np.empty(0, int)
    )
    if starts.size < 2:
        return ()
    ends = np.r_[starts[1:], units.size]
    runs = [
        f"rows {first_row + start} to {first_row + end - 1}: epochs in {UNITS[units[start]]}"
        for start, end in zip(starts[:_MOST_RUNS], ends[:_MOST_RUNS], strict=True)
    ]
    left = starts.size - len(runs)
    return (*runs, f"… and {left} more changes of unit") if left else tuple(runs)
