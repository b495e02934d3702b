"""Real bars: dividends and splits of a share over 20 years, impact and capacity of a coin."""

import shutil
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.config import load_config
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.partition import build
from fints_pipeline.data.staging import stage_inbox
from fints_pipeline.evaluation.capacity import capacity_curve, capital_at
from fints_pipeline.evaluation.grid import Grid, build_grid
from fints_pipeline.evaluation.liquidity import with_liquidity
from fints_pipeline.walkforward.columns import Columns
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.engine import simulate
from fints_pipeline.walkforward.ledger import Account, Targets
from fints_pipeline.walkforward.limits import Limits, Stops
from fints_pipeline_tests.evaluation.world import utc
from fints_pipeline_tests.walkforward.twin import Twin

pytestmark = [pytest.mark.slow, pytest.mark.shared_data]

CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs"
DAY = 1440


@pytest.fixture(scope="module")
def apple(shared_data: Path, tmp_path_factory) -> tuple[Grid, pd.DataFrame]:
    """AAPL's raw daily bars and its factor file, on the way that every archive goes."""
    root = tmp_path_factory.mktemp("apple")
    source = shared_data / "corporate_actions" / "lean"
    for folder, name in (("daily", "aapl.zip"), ("factor_files", "aapl.csv")):
        target = root / "inbox" / "lean" / folder
        target.mkdir(parents=True)
        shutil.copy(source / folder / name, target / name)
    config = load_config(CONFIGS / "data" / "lean.yaml", DatasetConfig, section="dataset")
    lake = Lake(root / "lake")
    stage_inbox(root / "inbox", lake, [config])
    (name,) = lake.instruments("raw_bars", "1D")
    months = lake.months("raw_bars", "1D", name)
    for month in months:
        build(lake, config, name, month)
    bars = to_pandas(lake.read_range("bars", "1D", name, months[0], months[-1]))
    actions = to_pandas(lake.read(series_key("corporate_actions", "event", name, "all")))
    paid = actions[actions["kind"] == "dividend"]
    grid = build_grid({name: bars}, DAY, lambda _: CostModel(), dividends={name: paid})
    factors = pd.read_csv(
        source / "factor_files" / "aapl.csv", header=None, names=["day", "price", "split", "close"]
    )
    return grid, factors.assign(day=pd.to_datetime(factors["day"], format="%Y%m%d"))


def test_dividends_put_back_give_the_total_return(apple):
    """Fully invested every day, the account grows as the price adjusted for everything does.

    LEAN's price factor reinvests a dividend at the close before its ex-date, the engine at the open
    after: a hundredth of the price over 20 years of rebalancing is what may lie between.
    """
    grid, factors = apple
    market = grid.market
    days = grid.session.astype("M8[ns]")
    at = np.searchsorted(factors["day"].to_numpy("M8[ns]"), days)
    at = np.minimum(at, len(factors) - 1)
    total = market.close[:, 0] * factors["price"].to_numpy()[at] * factors["split"].to_numpy()[at]
    full = Targets.of(np.ones((market.rows, 1)))
    ledger = simulate(market, full, CostModel().rates(1), Account(1e4))
    assert market.dividend.astype(bool).sum() >= 20
    grown = ledger.equity[-1] / ledger.equity[1]
    assert grown == pytest.approx(total[-1] / total[1], rel=0.01)
    without = grid.adjusted_close[-1, 0] / grid.adjusted_close[1, 0]
    assert grown / without - 1 > 0.05


def test_a_short_pays_the_dividends(apple):
    grid, _ = apple
    market = grid.market
    short = np.full((market.rows, 1), np.nan)
    row = int(np.flatnonzero(market.dividend[:, 0])[-4])
    short[row - 2] = -0.1
    ledger = simulate(market, Targets.of(short), CostModel().rates(1), Account(1e6))
    paid = -(ledger.units[:, 0] * market.dividend[:, 0])[row:].sum()
    assert ledger.parts()["dividend"][0] == pytest.approx(-paid)
    assert paid > 0


@pytest.fixture(scope="module")
def bitcoin(shared_data: Path) -> Grid:
    """BTCUSDT in five-minute bars, sessions by UTC day."""
    frames = []
    for path in sorted((shared_data / "binance").glob("BTCUSDT-1m-*.zip")):
        with ZipFile(path) as archive, archive.open(archive.namelist()[0]) as stream:
            frames.append(pd.read_csv(stream, header=None, usecols=range(6)))
    if not frames:
        pytest.skip(f"no BTCUSDT bars under {shared_data / 'binance'}")
    raw = pd.concat(frames).set_axis(["time", "open", "high", "low", "close", "volume"], axis=1)
    raw = raw.set_index(pd.to_datetime(raw.pop("time"), unit="ms"))
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    bars = raw.resample("5min").agg(how).dropna()
    opens = bars.index.to_numpy("M8[us]")
    day = opens.astype("M8[D]").astype("M8[us]")
    frame = bars.reset_index(drop=True).assign(
        open_time=utc(opens), close_time=utc(opens + np.timedelta64(5, "m")), session=day,
        session_open=utc(day), session_close=utc(day + np.timedelta64(DAY, "m")),
        split_factor=1.0, opens_filled=(bars["volume"] == 0).to_numpy(),
    )  # fmt: skip
    return build_grid({"binance.BTCUSDT": frame}, 5, lambda _: CostModel())


def momentum(grid: Grid) -> np.ndarray:
    close = pd.Series(grid.market.close[:, 0])
    side = np.sign(close.rolling(12).mean() - close.rolling(144).mean()).to_numpy()
    return np.where(np.arange(len(side)) % 12 == 0, side, np.nan)[:, None]


def test_capacity_of_a_rule_on_real_volume(bitcoin: Grid):
    costs = CostModel(asset_class="crypto_perp")
    grid, liquidity = with_liquidity(bitcoin, [costs], Limits())
    capitals = np.geomspace(1e4, 1e10, 7)
    # A hundredth of the capital, so that no capital is ruined and sizes stay in proportion.
    targets, account = Targets.of(0.01 * momentum(grid)), Account(1.0, compound=False)
    found = capacity_curve(grid, targets, costs.rates(1), account, liquidity, capitals, 365)
    impact = found["impact_bps"].to_numpy()
    assert impact[1:] / impact[:-1] == pytest.approx(np.full(6, np.sqrt(10)))
    assert not found["ruined"].any()
    # Orders of twenty million in the most liquid coin: basis points, no pennies and no percents.
    assert 1 < impact[5] < 100
    assert (np.diff(found["annual_return"]) <= 0).all()
    assert np.isnan(capital_at(found, 0.5)) == (found["sharpe"][0] <= 0)


def test_every_rule_equals_the_twin_on_real_bars(bitcoin: Grid):
    costs = CostModel(asset_class="crypto_perp", borrow_rate=0.1)
    limits = Limits(
        gross=2, leverage=3, initial_margin=0.4, maintenance_margin=0.3, participation=0.001
    )
    stops = Stops(stop_loss=0.01, take_profit=0.02, trailing=0.015, reentry="new_signal")
    whole, depth = with_liquidity(bitcoin, [costs], limits)
    last = whole.session[3_000]
    rows = whole.session <= last
    market = whole.market.rows_where(rows)
    liquidity = type(depth)(**{name: part[rows] for name, part in vars(depth).items()})
    targets = Targets.of(1.5 * momentum(whole)[rows])
    account = Account(1e7, 0.01, limits=limits, stops=stops)
    ledger = simulate(market, targets, costs.rates(1), account, liquidity)
    twin = Twin(
        market, targets.fraction, targets.reason, costs.rates(1), account, Columns.of(account),
        liquidity,
    )  # fmt: skip
    equity, fills, _ = twin.run()
    np.testing.assert_array_equal(ledger.equity, equity)
    assert len(ledger.fills) == len(fills) > 100
    assert len(np.unique(ledger.fills.reason)) >= 3
