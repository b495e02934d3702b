"""What the P&L kernel trades on: prices of S symbols on one grid of T bars."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.base.errors import LookAheadError, SchemaError

Times = NDArray[np.datetime64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Market:
    """Bars of S symbols on T rows; NaN where a symbol has no bar.

    Attributes:
        symbols: (S,) names, for the ledger.
        open_time: (T,) UTC, ascending, when each row's bars open.
        close_time: (T,) UTC, when each row's bars are known; at or before the next open.
        open: (T, S) raw mid price at the open, quote currency.
        close: (T, S) raw mid price at the close, quote currency.
        tradable: (T, S) a real bar, at whose open an order fills; False for filled or halted.
        split_factor: (T, S) cumulative split ratio; units held are multiplied where it grows.
        fx_open: (T, S) account currency per quote currency, known at the open.
        fx_close: (T, S) the same, known at the close.
        high: (T, S) raw highest mid price; needed for stops and targets.
        low: (T, S) raw lowest mid price; needed for stops and targets.
        dividend: (T, S) quote currency for each unit held over the ex-date, on the first bar from
            the ex-date on, in units after a split of that date; 0 or NaN elsewhere.
    """

    symbols: tuple[str, ...]
    open_time: Times
    close_time: Times
    open: Floats
    close: Floats
    tradable: Bools
    split_factor: Floats
    fx_open: Floats
    fx_close: Floats
    high: Floats | None = None
    low: Floats | None = None
    dividend: Floats | None = None

    def __post_init__(self) -> None:
        shape = (len(self.open_time), len(self.symbols))
        for field in fields(self)[3:]:
            values = getattr(self, field.name)
            if values is not None and values.shape != shape:
                raise SchemaError(
                    f"{field.name} has shape {values.shape}, expected (T, S) = {shape}",
                    where="Market",
                )
        if self.close_time.shape != self.open_time.shape:
            raise SchemaError("open_time and close_time differ in length", where="Market")
        late = np.flatnonzero(self.open_time[1:] < self.close_time[:-1])
        if late.size:
            row = int(late[0])
            raise LookAheadError(
                f"bar {row + 1} opens at {self.open_time[row + 1]}, before bar {row}"
                f" is known at {self.close_time[row]}",
                where="Market",
                fix="give bars of one frequency that do not overlap",
            )
        self._require_prices_where_tradable()

    def _require_prices_where_tradable(self) -> None:
        usable = np.isfinite(self.open) & np.isfinite(self.close)
        usable &= (self.open > 0) & np.isfinite(self.fx_open) & np.isfinite(self.fx_close)
        bad = np.argwhere(self.tradable & ~usable)
        if bad.size:
            row, column = (int(i) for i in bad[0])
            raise SchemaError(
                f"{self.symbols[column]} is tradable at {self.open_time[row]} without a positive"
                " price or an exchange rate",
                where="Market",
                fix="mark the bar as not tradable or mend its prices",
            )

    def require_range(self) -> tuple[Floats, Floats]:
        """High and low, for stops and targets.

        Raises:
            SchemaError: they are absent, or do not enclose open and close on a tradable bar.
        """
        if self.high is None or self.low is None:
            raise SchemaError(
                "stops and targets need the bars' high and low", where="Market.high, Market.low"
            )
        inside = (self.high >= np.maximum(self.open, self.close)) & (
            self.low <= np.minimum(self.open, self.close)
        )
        bad = np.argwhere(self.tradable & ~inside)
        if bad.size:
            row, column = (int(i) for i in bad[0])
            raise SchemaError(
                f"{self.symbols[column]} at {self.open_time[row]}: open or close lies outside"
                " low … high",
                where="Market",
                fix="mark the bar as not tradable or mend its prices",
            )
        return self.high, self.low

    def rows_where(self, chosen: Bools) -> "Market":
        """The rows of a mask (T,)."""

        def part(values: Floats | None) -> Floats | None:
            return None if values is None else values[chosen]

        return Market(
            self.symbols, self.open_time[chosen], self.close_time[chosen],
            self.open[chosen], self.close[chosen], self.tradable[chosen],
            self.split_factor[chosen], self.fx_open[chosen], self.fx_close[chosen],
            part(self.high), part(self.low), part(self.dividend),
        )  # fmt: skip

    @property
    def rows(self) -> int:
        """T."""
        return len(self.open_time)
