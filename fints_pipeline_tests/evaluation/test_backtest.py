"""The stage on a made-up lake: causality, honesty of the verdict, refusals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.backtest import load_backtest
from fints_pipeline.base.errors import ConfigError, KeyNotFoundError, LakeError, LookAheadError
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import fold_key, series_key
from fints_pipeline.evaluation import backtest as stage
from fints_pipeline.evaluation.backtest import BacktestResult, run
from fints_pipeline.evaluation.inputs import Inputs, read_inputs
from fints_pipeline.evaluation.summary import summarise, trials_of
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS
from fints_pipeline.walkforward.engine import simulate_columns
from fints_pipeline.walkforward.folds import Span
from fints_pipeline.walkforward.ledger import Reason
from fints_pipeline_tests.evaluation.world import EXPERIMENT, LINEAGE, World


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def inputs(world: World) -> Inputs:
    return read(world)


def config(world: World, **changes):
    basis = load_backtest(world.locations.backtest_config(EXPERIMENT))
    return type(basis).model_validate({**basis.model_dump(), **changes})


def read(world: World, **changes) -> Inputs:
    settings = config(world, **changes)
    return read_inputs(world.lake, settings, world.folds, world.symbols, world.frequency)


def trade(world: World, inputs: Inputs, **changes) -> BacktestResult:
    return run(
        config(world, **changes), inputs.bars, inputs.predictions, inputs.folds, world.minutes
    )


def summary(result: BacktestResult):
    return summarise(result, trials_of(result, dict.fromkeys(result.config.models, "experiment")))


def test_inputs_are_what_the_models_were_trained_for(world: World, inputs: Inputs):
    assert inputs.folds == world.folds
    assert len(inputs.folds) == 3
    assert set(inputs.bars) == set(world.symbols)
    assert all(name.split("/")[0] in {"predictions", "bars"} for name in inputs.digests)


def test_it_repeats_exactly(world: World, inputs: Inputs):
    assert summary(trade(world, inputs)) == summary(trade(world, inputs))


def test_only_test_spans_are_traded(world: World, inputs: Inputs):
    result = trade(world, inputs)
    assert result.grid.session[0] == np.datetime64(world.folds[0].test.first)
    assert result.grid.session[-1] == np.datetime64(world.folds[-1].test.last)
    rows = result.runs[0].signals
    for fold in world.folds:
        sessions = rows.loc[rows["fold"] == fold.key, "session"]
        assert fold.test.mask(sessions.to_numpy()).all()


def test_the_future_changes_no_earlier_equity(world: World, inputs: Inputs):
    """Noise into every bar and prediction after a cut; validation spans reach past it too."""
    sizing = {"kind": "volatility_target", "window": 5}
    before = trade(world, inputs, sizing=sizing)
    cut = before.grid.market.close_time[before.grid.market.rows // 2]
    rng = np.random.default_rng(5)
    bars = {}
    for symbol, frame in inputs.bars.items():
        late = frame["open_time"].dt.tz_localize(None).to_numpy() >= cut
        factor = np.where(late, rng.uniform(0.8, 1.25, len(frame)), 1.0)
        bars[symbol] = frame.assign(open=frame["open"] * factor, close=frame["close"] * factor)
    predictions = inputs.predictions.copy()
    late = predictions["close_time"].dt.tz_localize(None).to_numpy() > cut
    for column in ("p_up", "p_down", "expected_return", "label"):
        predictions.loc[late, column] *= rng.uniform(0.2, 1.0, late.sum())
    shocked = Inputs(predictions, inputs.folds, bars)
    after = trade(world, shocked, sizing=sizing)
    early = before.grid.market.close_time <= cut
    assert early.sum() > 100
    for one, other in zip(before.runs, after.runs, strict=True):
        np.testing.assert_array_equal(one.net.equity[early], other.net.equity[early])
        assert (one.net.equity[~early] != other.net.equity[~early]).any()


def test_an_engine_that_fills_in_the_deciding_bar_is_caught(
    world: World, inputs: Inputs, monkeypatch
):
    """The leak is planted in the engine; the run itself refuses to report it."""

    def leaky(*arguments, **options):
        passes = simulate_columns(*arguments, **options)
        if passes.fills is not None:
            passes.fills["filled"] = passes.fills["decided"]
        return passes

    monkeypatch.setattr(stage, "simulate_columns", leaky)
    with pytest.raises(LookAheadError, match="not later than their decision"):
        trade(world, inputs)


def test_labels_earn_nothing(world: World, inputs: Inputs):
    """The realised returns are there for scoring; orders must not depend on them."""
    predictions = inputs.predictions.assign(label=-inputs.predictions["label"])
    other = Inputs(predictions, inputs.folds, inputs.bars)
    before, after = trade(world, inputs), trade(world, other)
    np.testing.assert_array_equal(before.runs[0].net.equity, after.runs[0].net.equity)


def test_noise_finds_no_evidence_and_skill_does(tmp_path: Path, world: World, inputs: Inputs):
    noise = summary(trade(world, inputs))
    assert not noise["verdict"]["passed"]
    assert noise["models"]["classifier"]["inference"]["null_p"] > 0.01
    clever = World(tmp_path, skill=0.5)
    found = summary(trade(clever, read(clever)))
    assert found["verdict"]["passed"], found["verdict"]["sentence"]
    # The other model of the run has no skill, and the verdict is not about it.
    assert found["models"]["patchtst"]["inference"]["deflated"] < 0.95


def test_costs_are_between_gross_and_net(world: World, inputs: Inputs):
    result = trade(world, inputs, sizing={"compound": False})
    for ran in result.runs:
        paid = ran.net.fills.cost.sum()
        assert paid > 0
        assert ran.gross.equity[-1] - ran.net.equity[-1] == pytest.approx(paid)
        assert ran.net.equity[-1] - ran.doubled.equity[-1] == pytest.approx(paid)


def test_flattening_leaves_nothing_overnight(world: World, inputs: Inputs):
    result = trade(world, inputs, flatten_at_session_end=True)
    last_bar = result.grid.bar_of_session[:, 0] == world.bars_a_session - 1
    tradable = result.grid.market.tradable
    held = result.runs[0].net.units[last_bar & tradable.all(axis=1)]
    assert (held == 0).all()
    assert (result.runs[0].net.units != 0).any()


EVERYTHING = {
    "costs": {"asset_class": "equity", "slippage_bps": 0.1},
    "limits": {
        "net": 0.8, "name": 0.6, "leverage": 1.5, "initial_margin": 0.5,
        "maintenance_margin": 0.25, "participation": 0.2,
    },
    "stops": {"stop_loss": 0.01, "take_profit": 0.02, "trailing": 0.015, "reentry": "new_signal"},
    "sizing": {"kind": "kelly", "kelly_fraction": 0.3, "max_leverage": 2, "band": 0.01},
    "flatten_at_session_end": True,
    "capacity": {"smallest": 1e4, "largest": 1e7, "points": 4},
}  # fmt: skip


def test_every_rule_at_once(world: World, inputs: Inputs):
    """The parts add up, the stress costs more, and every part of the costs is there."""
    result = trade(world, inputs, **EVERYTHING)
    ran = result.runs[0]
    parts = {name: part.sum() for name, part in ran.net.parts().items()}
    assert all(parts[name] > 0 for name in ("spread", "slippage", "impact", "fee"))
    reasons = {Reason(code) for code in ran.net.fills.reason}
    assert {Reason.SIGNAL, Reason.STOP_LOSS, Reason.SESSION_END} <= reasons
    spent = ran.net.fills.cost.sum()
    told = summary(result)["models"]["classifier"]
    assert told["costs"] == pytest.approx(parts)
    assert told["trading"]["cost"] == pytest.approx(spent + parts["borrow"])
    curve = told["capacity"]["curve"]
    assert [row["capital"] for row in curve] == pytest.approx([1e4, 1e5, 1e6, 1e7])
    impact = [row["impact_bps"] for row in curve]
    assert impact == sorted(impact)
    assert ran.gross.fills.cost.sum() == 0
    assert summary(trade(world, inputs))["models"]["classifier"]["capacity"]["not_told"]


def test_net_gross_and_doubled_are_runs_of_their_own(world: World, inputs: Inputs):
    """The one pass of three cost scales gives what three configs would."""
    both = trade(world, inputs, **{**EVERYTHING, "capacity": {}})
    costs = config(world, **EVERYTHING).costs
    for factor, ledger in ((0, both.runs[0].gross), (2, both.runs[0].doubled)):
        alone = trade(world, inputs, **{**EVERYTHING, "costs": costs.scaled(factor).model_dump()})
        np.testing.assert_allclose(alone.runs[0].net.equity, ledger.equity, rtol=1e-12)


def test_costs_of_one_instrument(world: World, inputs: Inputs):
    own = {"made.UP": {"fee_bps": 50}}
    result = trade(world, inputs, instrument_costs=own)
    fills, symbols = result.runs[0].net.fills, result.grid.market.symbols
    rate = fills.fee / fills.notional
    assert rate[fills.symbol == symbols.index("made.UP")] == pytest.approx(50e-4)
    assert rate[fills.symbol == symbols.index("made.TOO")] == pytest.approx(0.5e-4)
    with pytest.raises(ConfigError, match=r"made\.OTHER, which is not traded"):
        trade(world, inputs, instrument_costs={"made.OTHER": {}})


def test_dividends_are_read_as_first_delivered(tmp_path: Path):
    world = World(tmp_path)
    name = "made.UP"
    day = pd.Timestamp(world.folds[0].test.first) + pd.Timedelta(days=3)
    early, late = pd.Timestamp("2023-06-01", tz="UTC"), pd.Timestamp("2023-07-01", tz="UTC")
    frame = pd.DataFrame(
        {
            "instrument": name, "ex_date": [day, day, day, day],
            "kind": ["dividend", "dividend", "dividend", "split"],
            "value": [0.5, 0.75, 0.9, 1.0], "known_at": [early, early, late, early],
        }
    )  # fmt: skip
    key = series_key("corporate_actions", "event", name, "all")
    table = to_arrow(frame, CORPORATE_ACTIONS.arrow_schema)
    world.lake.write(key, table, CORPORATE_ACTIONS, LINEAGE)
    known = read(world)
    assert known.dividends[name]["value"].tolist() == [0.75]
    assert str(key) in known.digests
    settings = config(world, threshold={"fixed": 0})
    result = run(
        settings, known.bars, known.predictions, known.folds, world.minutes,
        dividends=known.dividends,
    )  # fmt: skip
    ledger = result.runs[0].net
    row = int(np.flatnonzero(result.grid.session == np.datetime64(day, "D"))[0])
    s = result.grid.market.symbols.index(name)
    assert ledger.units[row - 1, s] != 0
    assert ledger.carry.dividend[row, s] == pytest.approx(0.75 * ledger.units[row - 1, s])
    assert result.buy_and_hold.carry.dividend.sum() > 0


def test_a_foreign_quote_currency_needs_a_conversion(world: World, inputs: Inputs):
    with pytest.raises(ConfigError, match=r"made\.UP is quoted in JPY"):
        trade(world, inputs, quote_currency={"made.UP": "JPY"})


def test_a_conversion_is_used(world: World):
    """Quoted in a currency that is worth one over made.TOO's price, about a hundredth."""
    settings = config(
        world,
        quote_currency={"made.UP": "XYZ"},
        conversion={"XYZ": {"instrument": "made.TOO", "invert": True}},
    )
    known = read_inputs(world.lake, settings, world.folds, ["made.UP"], world.frequency)
    rate = known.rates["made.UP"]
    assert rate.value == pytest.approx(1 / known.bars["made.UP"]["close"].to_numpy()[0], rel=0.5)
    own = known.predictions[known.predictions["instrument"] == "made.UP"]
    result = run(settings, known.bars, own, known.folds, world.minutes, known.rates)
    fills = result.runs[0].net.fills
    # A full position is worth the capital in account currency, so its units are 100 times more.
    assert np.abs(fills.units).max() > 10 * settings.capital / 100


def test_a_missing_fold_in_between_is_refused(world: World, inputs: Inputs):
    gap = Inputs(inputs.predictions, (inputs.folds[0], inputs.folds[2]), inputs.bars)
    with pytest.raises(KeyNotFoundError, match="12 sessions between folds"):
        trade(world, gap)


def test_predictions_outside_their_fold_are_refused(tmp_path: Path):
    """A planted leak: a row of the training span passed off as a test prediction."""
    world = World(tmp_path)
    fold = world.folds[0]
    key = fold_key("predictions", EXPERIMENT, fold.key)
    frame = to_pandas(world.lake.read(key))
    leaked = frame.index[frame["span"] == "test"][0]
    day = np.datetime64(fold.train.last, "us")
    shift = frame.loc[leaked, "session"] - day
    frame.loc[leaked, "session"] = day
    frame.loc[leaked, "close_time"] -= shift
    world.write_predictions(fold, frame)
    with pytest.raises(LookAheadError, match="1 test predictions lie outside the span"):
        read(world)


def test_predictions_of_a_model_that_was_trained_again_are_refused(tmp_path: Path):
    world = World(tmp_path)
    world.write_record(world.folds[1], "patchtst", experiment="second")
    with pytest.raises(LakeError, match="not made by the patchtst that is in the lake now"):
        read(world)


def test_models_trained_on_other_spans_are_refused(world: World):
    """The scheme changed, the test's start did not: the record beside the weights tells."""
    fold = world.folds[0]
    longer = Span(fold.train.first, fold.validation.last)
    changed = [replace(fold, train=longer), *world.folds[1:]]
    with pytest.raises(LakeError, match="classifier was trained on other spans"):
        read_inputs(world.lake, config(world), changed, world.symbols, world.frequency)


def test_folds_of_an_earlier_scheme_are_left_out(world: World):
    found = read_inputs(world.lake, config(world), world.folds[1:], world.symbols, world.frequency)
    assert found.folds == world.folds[1:]
    assert set(found.predictions["fold"]) == {fold.key for fold in world.folds[1:]}


def test_a_trial_names_what_was_trained_not_what_the_config_says_now(world: World, inputs: Inputs):
    assert inputs.trained == {"classifier": "first", "patchtst": "first"}


def test_nothing_predicted_yet(world: World):
    with pytest.raises(KeyNotFoundError, match="has no predictions in the lake"):
        read(world, experiment="other")
