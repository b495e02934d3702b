"""Times vectorbt and backtesting.py on given orders; run by the peers' environment, prints JSON."""

import json
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

CAPITAL = 100_000.0


def seconds(run: "Callable[[], object]", times: int) -> "tuple[float, float]":
    """Return the processor seconds of the first run and of the fastest one after it."""
    found = []
    for _ in range(times + 1):
        started = time.process_time()
        run()
        found.append(time.process_time() - started)
    return found[0], min(found[1:])


def vectorbt(given: "dict[str, np.ndarray]", fee: float) -> "dict[str, object]":
    """Each workload through from_orders, the held one through from_signals too."""
    import vectorbt as vbt  # type: ignore[import-not-found]

    open_, close = pd.Series(given["open"]), pd.Series(given["close"])
    shared = {"price": open_, "fees": fee, "init_cash": CAPITAL, "freq": "1min"}

    def orders(targets: "pd.DataFrame") -> Any:
        # Decided at the close before, with its price: the same orders to the last digit.
        return vbt.Portfolio.from_orders(
            close, size=targets, size_type="targetpercent", val_price=close.shift(1), **shared
        )

    def valued_orders(targets: "pd.DataFrame") -> object:
        return orders(targets).value()

    def signals() -> Any:
        return vbt.Portfolio.from_signals(
            close, entries=longs, short_entries=shorts, size=value, size_type="value", **shared
        )

    found: dict[str, object] = {}
    for name in ("held", "hourly", "every bar"):
        targets = pd.DataFrame(given[name]).shift(1)
        first, fastest = seconds(partial(orders, targets), 3)
        _, valued = seconds(partial(valued_orders, targets), 3)
        portfolio = orders(targets)
        found[name] = {
            "first": first, "orders": fastest, "with equity": valued,
            "fills": len(portfolio.orders.records),
            "equity": portfolio.value().iloc[-1].tolist(),
        }  # fmt: skip
    held = pd.DataFrame(given["held"]).shift(1)
    longs, shorts, value = held > 0, held < 0, held.abs() * CAPITAL
    first, fastest = seconds(signals, 3)
    _, valued = seconds(lambda: signals().value(), 3)
    fills = len(signals().orders.records)
    found["signals"] = {"first": first, "orders": fastest, "with equity": valued, "fills": fills}
    return found


def backtesting(given: "dict[str, np.ndarray]", fee: float, rows: int) -> "dict[str, object]":
    """One column of whole units."""
    from backtesting import Backtest, Strategy  # type: ignore[import-not-found]

    wanted = given["units"][:rows]

    class Held(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            pass

        def next(self) -> None:
            change = int(wanted[len(self.data) - 1]) - self.position.size
            if change > 0:
                self.buy(size=change)
            elif change < 0:
                self.sell(size=-change)

    frame = pd.DataFrame({"Open": given["open"][:rows], "Close": given["close"][:rows]})
    frame["High"], frame["Low"] = frame.max(axis=1), frame[["Open", "Close"]].min(axis=1)
    frame.index = pd.date_range("2023-01-02", periods=rows, freq="1min")
    test = Backtest(frame, Held, cash=CAPITAL, commission=fee, margin=0.1)
    made = []
    _, fastest = seconds(lambda: made.append(test.run()), 1)
    return {"seconds": fastest, "equity": float(made[-1]["_equity_curve"]["Equity"].iloc[-1])}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    given = dict(np.load(sys.argv[1]))
    fee = float(sys.argv[2])
    found = vectorbt(given, fee) | {"backtesting": backtesting(given, fee, int(sys.argv[3]))}
    print(json.dumps(found))
