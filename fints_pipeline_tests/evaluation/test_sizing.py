"""Sizing: hold, volatility target, leverage cap, session end; all from the past."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.evaluation.config import BacktestConfig
from fints_pipeline.evaluation.grid import Grid, Rate, build_grid
from fints_pipeline.evaluation.sizing import full_size, kelly_signal, session_volatility, targets
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.ledger import Reason
from fints_pipeline_tests.evaluation.world import utc

BARS = 4
FLATTEN = {"flatten_at_session_end": True}


def config(**changes) -> BacktestConfig:
    basis = {"experiment": "e", "model": "m", "costs": {}, "threshold": {"fixed": 0}}
    return BacktestConfig.model_validate({**basis, **changes})


def bars(closes, symbol: str = "made.UP", drop: tuple[int, ...] = ()) -> pd.DataFrame:
    """Sessions of four 5-minute bars from 14:30."""
    closes = np.asarray(closes, float)
    number = np.arange(len(closes))
    day = np.datetime64("2023-01-02", "us") + number // BARS * np.timedelta64(1, "D")
    start = day + np.timedelta64(870, "m")
    open_time = start + number % BARS * np.timedelta64(5, "m")
    frame = pd.DataFrame(
        {
            "instrument": symbol, "open_time": utc(open_time),
            "close_time": utc(open_time + np.timedelta64(5, "m")), "session": day,
            "session_open": utc(start), "session_close": utc(start + np.timedelta64(20, "m")),
            "open": closes, "high": closes, "low": closes, "close": closes, "volume": 1000.0,
            "split_factor": 1.0, "opens_filled": False,
        }
    )  # fmt: skip
    return frame.drop(index=list(drop))


def grid_of(*frames: pd.DataFrame) -> Grid:
    return build_grid(
        {frame["instrument"].iloc[0]: frame for frame in frames}, 5, lambda _: CostModel()
    )


def test_grid_aligns_symbols_and_knows_the_session():
    grid = grid_of(bars(np.full(8, 10.0)), bars(np.full(8, 20.0), "made.TOO", drop=(0, 5)))
    assert grid.market.symbols == ("made.TOO", "made.UP")
    assert grid.market.open.shape == (8, 2)
    assert grid.present[:, 0].tolist() == [False, True, True, True, True, False, True, True]
    assert grid.market.tradable[:, 0].tolist() == grid.present[:, 0].tolist()
    assert grid.bar_of_session[:, 1].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    # The bar before the session's last one, and the last one itself.
    assert grid.before_last_bar[:, 1].tolist() == [False, False, True, True] * 2
    assert grid.between(grid.session[-1], grid.session[-1]).market.rows == 4


def test_a_bar_that_closes_before_others_of_its_row_keeps_its_signal():
    """The second market closes two minutes early: its last bar is short, and opens with others."""
    short = bars(np.full(8, 20.0), "made.TOO", drop=(1,))
    short.loc[[3, 7], "close_time"] -= pd.Timedelta(minutes=2)
    short["session_close"] -= pd.Timedelta(minutes=2)
    frames = (bars(np.full(8, 10.0)), short)
    rows = pd.concat([f[["instrument", "close_time"]] for f in frames], ignore_index=True)
    rows["signal"] = np.arange(1.0, len(rows) + 1)
    grid = grid_of(*frames)
    found = grid.matrix(rows, "signal")
    assert found[:, 1].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    np.testing.assert_array_equal(found[:, 0], [9, np.nan, 10, 11, 12, 13, 14, 15])
    # The row is decided when all of it is known; elsewhere there is no such bar.
    assert grid.market.close_time[3] == frames[0]["close_time"][3].to_datetime64()
    rows["close_time"] += pd.Timedelta(minutes=1)
    assert np.isnan(grid.matrix(rows, "signal")).all()
    last = grid.between(grid.session[-1], grid.session[-1])
    assert last.own_close_time.shape == (4, 2)


def test_a_missing_first_bar_does_not_shift_the_decisions():
    grid = grid_of(bars(np.full(8, 10.0), drop=(4,)))
    signal = np.ones((7, 1))
    found = targets(signal, np.ones((7, 1)), grid, config(hold=2))
    decided = np.flatnonzero(np.isfinite(found.fraction[:, 0]))
    assert grid.bar_of_session[decided, 0].tolist() == [0, 2, 2]


def test_flattening_is_decided_one_bar_before_the_last():
    grid = grid_of(bars(np.full(8, 10.0)))
    found = targets(np.ones((8, 1)), np.ones((8, 1)), grid, config(flatten_at_session_end=True))
    assert found.fraction[:, 0].tolist() == [1, 1, 0, 0] * 2
    expected = [Reason.SIGNAL, Reason.SIGNAL, Reason.SESSION_END, Reason.SESSION_END] * 2
    assert found.reason[:, 0].tolist() == expected


def test_flattening_knows_a_half_day():
    """Session 2 closes two bars early: the order is given at its first close, not at its third."""
    frame = bars(np.full(12, 10.0), drop=(6, 7))
    half = frame["session"] == frame["session"].iloc[4]
    frame.loc[half, "session_close"] -= pd.Timedelta(minutes=10)
    found = targets(np.ones((10, 1)), np.ones((10, 1)), grid_of(frame), config(**FLATTEN))
    assert found.fraction[:, 0].tolist() == [1, 1, 0, 0, 0, 0, 1, 1, 0, 0]


def test_kelly_is_fractional_capped_and_never_turns_the_signal():
    sizing = config(sizing={"kind": "kelly", "kelly_fraction": 0.25, "max_leverage": 2}).sizing
    signal = np.array([[1.0, -1.0, 1.0, -1.0, 0.0, 1.0, np.nan]]).T
    kelly = np.array([[4.0, -2.0, 100.0, 3.0, 5.0, np.nan, 1.0]]).T
    found = kelly_signal(signal, kelly, sizing)[:, 0]
    np.testing.assert_array_equal(found, [1, -0.5, 2, 0, 0, 0, np.nan])


def test_a_dividend_falls_on_the_first_bar_of_its_ex_date():
    """The second ex-date is a day without a session: the next session pays; the last is later."""
    day = np.datetime64("2023-01-02")
    table = pd.DataFrame(
        {"ex_date": pd.to_datetime([day, day + 1, day + 2, day + 9]), "value": [9, 0.5, 0.25, 7]}
    )
    frame = bars(np.full(12, 10.0), drop=(4, 5, 6, 7))
    name = "made.UP"
    grid = build_grid({name: frame}, 5, lambda _: CostModel(), dividends={name: table})
    assert grid.market.dividend[:, 0].tolist() == [0, 0, 0, 0, 0.75, 0, 0, 0]
    assert grid.between(grid.session[-1], grid.session[-1]).market.dividend.shape == (4, 1)


def test_volatility_by_hand():
    # Session 1 moves by ±1 %, session 2 by ±2 %; the first return of all is unknown.
    moves = np.array([0, 1, -1, 1, -1, 2, -2, 2, -2, 3, -3, 3]) / 100
    grid = grid_of(bars(100 * np.exp(np.cumsum(moves))))
    found = session_volatility(grid, 2)[:, 0]
    assert np.isnan(found[:8]).all()
    expected = np.sqrt((3 * 0.01**2 + 0.01**2 + 3 * 0.02**2) / 2)
    assert found[8:] == pytest.approx(np.full(4, expected))


def test_volatility_target_sizes_inversely_and_is_capped():
    moves = np.tile([1, -1], 8) / 100
    grid = grid_of(bars(100 * np.exp(np.cumsum(moves))))
    sizing = {"kind": "volatility_target", "annual_volatility": 0.02, "window": 2}
    found = full_size(grid, config(sizing=sizing).sizing, 1.0)
    assert found[-1, 0] == pytest.approx(0.02 / 0.02)
    sizing["annual_volatility"] = 0.5
    found = full_size(grid, config(sizing={**sizing, "max_leverage": 3}).sizing, 1.0)
    assert found[-1, 0] == 3.0


def test_unknown_volatility_means_no_position():
    grid = grid_of(bars(np.full(8, 10.0)))
    size = np.full((8, 1), np.nan)
    assert (targets(np.ones((8, 1)), size, grid, config()).fraction == 0).all()


@given(st.integers(5, 11), st.integers(0, 2**32 - 1))
def test_sizing_never_looks_ahead(cut, seed):
    rng = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 12)))
    shocked = np.where(np.arange(12) < cut, closes, closes * rng.uniform(0.5, 2, 12))
    sizing = {"kind": "volatility_target", "window": 2}
    settings = config(sizing=sizing, hold=2, flatten_at_session_end=True)
    found = []
    for prices in (closes, shocked):
        grid = grid_of(bars(prices))
        size = full_size(grid, settings.sizing, 252)
        found.append(targets(np.ones((12, 1)), size, grid, settings).fraction[:cut])
    np.testing.assert_array_equal(*found)


def test_a_rate_is_the_last_known_one():
    times = np.array(["2023-01-02T00:00", "2023-01-02T00:05"], "M8[us]")
    rate = Rate(times, np.array([0.5, 0.6]))
    asked = np.array(["2023-01-01T23:59", "2023-01-02T00:04", "2023-01-02T00:05"], "M8[us]")
    np.testing.assert_array_equal(rate.known_at(asked), [np.nan, 0.5, 0.6])
