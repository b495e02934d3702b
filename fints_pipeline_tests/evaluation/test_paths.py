"""A cross-validated experiment is traded path by path, and says what it is."""

from pathlib import Path

import numpy as np
import pytest

from fints_pipeline.backtest import load_backtest, run_backtest
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.evaluation.inputs import read_inputs
from fints_pipeline.evaluation.metrics import sharpe
from fints_pipeline.evaluation.paths import paths_of
from fints_pipeline.walkforward.folds import CrossValidation
from fints_pipeline_tests.evaluation.world import EXPERIMENT, World

COMBINATORIAL = CrossValidation(
    kind="combinatorial", groups=4, test_groups=2, sessions=16, validation=4
)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"), scheme=COMBINATORIAL)


def test_paths_cover_every_session_once_with_its_own_splits_predictions(world: World):
    config = load_backtest(world.locations.backtest_config(EXPERIMENT))
    inputs = read_inputs(world.lake, config, world.folds, world.symbols, world.frequency)
    paths = paths_of(inputs.predictions, inputs.folds)
    assert len(paths) == 3
    tested = set(world.days[: 4 * 16])
    for path in paths:
        rows = path.predictions[path.predictions["span"] == "test"]
        assert not rows.duplicated(["model", "instrument", "close_time"]).any()
        assert set(rows["session"].dt.date) == tested
        assert [fold.key for fold in path.folds] == [str(world.days[n * 16]) for n in range(4)]
        for fold in path.folds:
            own = path.predictions[path.predictions["fold"] == fold.key]
            assert fold.test.mask(own.loc[own["span"] == "test", "session"].to_numpy()).all()
            assert fold.validation.mask(
                own.loc[own["span"] == "validation", "session"].to_numpy()
            ).all()
    firsts = [path.predictions.query("span == 'test'")["p_up"].mean() for path in paths]
    assert len(set(firsts)) == 3


def test_the_backtest_tells_every_path_and_warns(world: World):
    config = load_backtest(world.locations.backtest_config(EXPERIMENT))
    summary = run_backtest(world.locations, config).summary
    assert "Cross-validated" in summary["verdict"]["sentence"]
    found = summary["paths"]["classifier"]
    assert len(found["paths"]) == 3
    ratios = [row["sharpe"] for row in found["paths"]]
    assert ratios[0] == summary["models"]["classifier"]["net"]["sharpe"]
    assert len(set(ratios)) == 3
    assert found["mean"] == pytest.approx(np.mean(ratios))
    assert found["deviation"] == pytest.approx(np.std(ratios, ddof=1))
    assert sharpe(np.array(ratios)) == pytest.approx(found["mean"] / found["deviation"])


def test_splits_without_predictions_are_refused(tmp_path: Path):
    world = World(tmp_path, scheme=COMBINATORIAL)
    for path in world.lake.root.rglob("predictions/**/*.parquet"):
        path.unlink()
        break
    config = load_backtest(world.locations.backtest_config(EXPERIMENT))
    with pytest.raises(ConfigError, match="splits there are"):
        run_backtest(world.locations, config)


def test_a_walk_forward_has_no_paths(tmp_path: Path):
    world = World(tmp_path)
    config = load_backtest(world.locations.backtest_config(EXPERIMENT))
    summary = run_backtest(world.locations, config).summary
    assert summary["paths"] is None
    assert "Cross-validated" not in summary["verdict"]["sentence"]
    # Two models of one run are two trials, which are too few for a probability of overfitting.
    assert summary["overfitting"]["trials"] == 2
    assert summary["overfitting"]["not_told"] is not None
    (pair,) = summary["comparison"]
    assert (pair["first"], pair["second"]) == ("classifier", "patchtst")
    assert 0 <= pair["p"] <= 1
