"""The same orders through vectorbt and backtesting.py give the same equity to 1e-9.

Three differences between the books of the libraries had to be taken out, and none is one of result:

- vectorbt and backtesting.py know one proportional fee. Half-spread, slippage and fee are all
  proportional to the mid price here, so their sum is handed over as that fee. (vectorbt's own
  slippage moves the price that the fee is taken from, a product of two small rates more.)
- backtesting.py trades whole units alone. The engine is told targets that come out as whole units.
- backtesting.py takes no order at the first bar, and none fills after the last.
"""

from pathlib import Path

import numpy as np
import pytest

from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.engine import simulate
from fints_pipeline.walkforward.ledger import Account, Ledger, Targets
from fints_pipeline.walkforward.market import Market
from fints_pipeline_tests.peers import run_peer
from fints_pipeline_tests.walkforward.worlds import market_of

pytestmark = pytest.mark.slow

CAPITAL = 1e6
COSTS = CostModel(half_spread_bps=2, fee_bps=5, slippage_bps=1)
FEE = 8e-4
VECTORBT = """
import pandas as pd
import vectorbt as vbt
frame = lambda name: pd.DataFrame(given[name])
portfolio = vbt.Portfolio.from_orders(
    frame("close"), size=frame("size"), price=frame("open"), fees=float(given["fee"]),
    init_cash=float(given["capital"]), cash_sharing=True, group_by=True, freq="1min",
)
made["equity"] = portfolio.value().to_numpy()
made["cash"] = portfolio.cash().to_numpy()
made["orders"] = np.array(len(portfolio.orders.records))
"""
BACKTESTING = """
import warnings
import pandas as pd
from backtesting import Backtest, Strategy
warnings.simplefilter("ignore")
wanted = given["wanted"]
class Held(Strategy):
    def init(self):
        pass
    def next(self):
        t = len(self.data) - 1
        change = int(wanted[t]) - self.position.size
        if change > 0:
            self.buy(size=change)
        elif change < 0:
            self.sell(size=-change)
index = pd.date_range("2023-01-02", periods=len(wanted), freq="5min")
data = pd.DataFrame(
    {name: given[name.lower()] for name in ("Open", "High", "Low", "Close")}, index=index
)
stats = Backtest(
    data, Held, cash=float(given["capital"]), commission=float(given["fee"]), margin=0.1
).run()
made["equity"] = stats["_equity_curve"]["Equity"].to_numpy()
made["trades"] = np.array(len(stats["_trades"]))
"""


def prices(rows: int, symbols: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (rows, symbols)), axis=0))
    return close * np.exp(rng.normal(0, 0.003, close.shape)), close


def trade(market: Market, fraction: np.ndarray, *, compound: bool = True) -> Ledger:
    rates = COSTS.rates(len(market.symbols))
    return simulate(market, Targets.of(fraction), rates, Account(CAPITAL, compound=compound))


def test_vectorbt_agrees(tmp_path: Path):
    """Three symbols, long and short, one purse; filled bars that an order waits through."""
    rng = np.random.default_rng(1)
    open_, close = prices(2_000, 3, rng)
    market = market_of(open_, close, tradable=rng.random(close.shape) < 0.9)
    fraction = rng.uniform(-0.3, 0.3, close.shape)
    fraction[rng.random(close.shape) < 0.7] = np.nan
    ledger = trade(market, fraction)
    size = np.full(close.shape, np.nan)
    size[ledger.fills.filled, ledger.fills.symbol] = ledger.fills.units
    made = run_peer(
        VECTORBT, tmp_path, open=open_, close=close, size=size, fee=np.array(FEE),
        capital=np.array(CAPITAL),
    )  # fmt: skip
    assert made["orders"] == len(ledger.fills) > 1_000
    np.testing.assert_allclose(ledger.equity, made["equity"], rtol=1e-9)
    np.testing.assert_allclose(ledger.cash, made["cash"], rtol=0, atol=1e-9 * CAPITAL)
    assert abs(ledger.equity[-1] / CAPITAL - 1) > 0.01


def test_backtesting_py_agrees(tmp_path: Path):
    rng = np.random.default_rng(2)
    open_, close = prices(1_000, 1, rng)
    market = market_of(open_, close)
    wanted = np.repeat(rng.integers(-4_000, 4_001, 200), 5)
    wanted[0] = 0
    ledger = trade(market, wanted[:, None] * close / CAPITAL, compound=False)
    made = run_peer(
        BACKTESTING, tmp_path, wanted=wanted, fee=np.array(FEE), capital=np.array(CAPITAL),
        open=open_[:, 0], close=close[:, 0], high=np.maximum(open_, close)[:, 0],
        low=np.minimum(open_, close)[:, 0],
    )  # fmt: skip
    assert made["trades"] > 100
    np.testing.assert_allclose(ledger.units[:, 0], np.append(0, wanted[:-1]), atol=1e-9)
    np.testing.assert_allclose(ledger.equity, made["equity"], rtol=1e-9)
    assert abs(ledger.equity[-1] / CAPITAL - 1) > 0.01
