"""The size of one tick: inferred from prices, or checked against them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.base.errors import FormatError

TOLERANCE = 1e-6
SMALLEST_DECIMALS = 10


def infer_tick(prices: NDArray[np.float64]) -> float:
    """Return the largest power of ten, at most 1, of which every finite price is a multiple.

    A true tick that is a multiple of it (0.25, say) gives the same tokens, because the grammar
    does not see a common factor; so a longer history does not change what a shorter one showed.

    Args:
        prices: Any shape; entries that are not finite are passed over.

    Raises:
        FormatError: no power of ten down to 1e-10 fits, or there is no finite price.
    """
    finite = prices[np.isfinite(prices)]
    if finite.size == 0:
        raise FormatError("no finite price to infer the tick from", fix="give the tick")
    smallest = np.abs(finite[finite != 0]).min(initial=1.0)
    for decimals in range(SMALLEST_DECIMALS + 1):
        tick = 10.0**-decimals
        # A price far below the tick would pass as a multiple of it, namely as zero.
        if tick <= smallest * (1 + TOLERANCE) and not off_grid(finite, tick).any():
            return tick
    raise FormatError(
        f"no tick fits every price, down to 1e-{SMALLEST_DECIMALS}",
        fix="give the tick; prices are then rounded to it",
    )


def off_grid(prices: NDArray[np.float64], tick: float) -> NDArray[np.bool_]:
    """Return where a finite price is further than 1e-6 ticks from a multiple of ``tick``."""
    ticks = prices / tick
    with np.errstate(invalid="ignore"):
        return np.isfinite(ticks) & (np.abs(ticks - np.rint(ticks)) > TOLERANCE)


def check_grid(prices: NDArray[np.float64], tick: float, columns: tuple[str, ...]) -> None:
    """Refuse prices that are no multiples of ``tick``.

    Args:
        prices: (T, C), one column a name in ``columns``.

    Raises:
        FormatError: naming the first row and column off the grid.
    """
    wrong = off_grid(prices, tick)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        price = float(prices[row, column])
        raise FormatError(
            f"{columns[column]} = {price!r} is not a multiple of the tick {tick!r}",
            where=f"row {row}; {int(wrong.any(axis=1).sum())} of {len(prices)} rows are off",
            fix="give the true tick, or let prices be rounded to this one",
        )
