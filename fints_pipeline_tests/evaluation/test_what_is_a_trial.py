"""Folds and resumed fits are not trials; runs that were deleted from MLflow still are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fints_pipeline import train
from fints_pipeline.backtest import load_backtest, run_backtest
from fints_pipeline.base.lake import Lake
from fints_pipeline.evaluation import trials
from fints_pipeline.training.config import load_experiment
from fints_pipeline.training.tracking import MlflowTracker
from fints_pipeline_tests.evaluation.world import EXPERIMENT, World
from fints_pipeline_tests.training import toy


@pytest.fixture
def mlflow(tmp_path: Path) -> Iterator[Any]:
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    yield mlflow
    mlflow.set_tracking_uri(before)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")


def backtested(world: World, **changes: object) -> dict[str, Any]:
    config = load_backtest(world.locations.backtest_config(EXPERIMENT))
    return run_backtest(
        world.locations, config.model_copy(update={"null_shifts": 0, **changes})
    ).summary


def delete_every_run(mlflow: Any, name: str) -> int:
    client = mlflow.MlflowClient()
    home = client.get_experiment_by_name(name).experiment_id
    runs = client.search_runs([home])
    for run in runs:
        client.delete_run(run.info.run_id)
    assert not client.search_runs([home])
    return len(runs)


def test_training_folds_and_training_them_again_records_no_trial(tmp_path: Path) -> None:
    """A fit looks at no test span: only what was traded was tried."""
    lake = Lake(tmp_path / "toy")
    toy.fill(lake)
    last = {"network": {"name": "repeat_last", "lookback": 4, "horizon": 4}}
    experiment = toy.experiment(models={"last": last})
    folds = train.experiment_folds(lake, experiment)[:2]
    assert len(folds) == 2
    for fold in (*folds, folds[0]):
        train.train_model(lake, experiment, fold, "last")
        train.write_predictions(lake, experiment, fold)
    assert trials.read(lake) == []


def test_a_backtest_of_many_folds_is_one_trial_a_model(world: World) -> None:
    assert len(world.folds) == 3
    first = backtested(world)
    assert {trial.model for trial in trials.read(world.lake)} == {"classifier", "patchtst"}
    assert first["trials"] == 2
    assert backtested(world)["trials"] == 2  # running on is not trying again
    assert len(trials.read(world.lake)) == 2


@pytest.mark.filterwarnings("default")  # mlflow 3.17 warns of its own libraries
def test_deleted_mlflow_runs_are_still_trials(world: World, mlflow: Any) -> None:
    experiment = load_experiment(world.locations.train_config(EXPERIMENT))
    tracker = MlflowTracker(mlflow)
    for fold in world.folds:
        with tracker.run(experiment, fold.key, "patchtst") as log:
            log.metrics({"loss": 1.0}, 0)
    backtested(world, hold=3)
    before = backtested(world)
    assert before["trials"] == 4
    assert delete_every_run(mlflow, EXPERIMENT) == 1 + len(world.folds)
    after = backtested(world)
    assert after["trials"] == 4
    for name, model in before["models"].items():
        assert after["models"][name]["inference"]["deflated"] == model["inference"]["deflated"]


def test_a_deleted_bundle_of_a_backtest_is_still_a_trial(world: World) -> None:
    backtested(world, hold=3)
    for path in sorted((world.lake.root / "bundles" / "backtests").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert backtested(world)["trials"] == 4


def test_the_count_lowers_the_deflated_ratio(world: World) -> None:
    first = backtested(world)
    known = trials.read(world.lake)
    more = [replace(known[0], strategy_fingerprint=f"other {n}") for n in range(5)]
    trials.record(world.lake, more)
    again = backtested(world)
    assert again["trials"] == 7
    for name, model in first["models"].items():
        found = again["models"][name]["inference"]
        assert found["probabilistic"] == model["inference"]["probabilistic"]
        assert found["deflated"] < model["inference"]["deflated"]
