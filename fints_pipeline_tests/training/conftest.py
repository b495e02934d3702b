"""A toy lake with one fold trained once for the tests that only look at results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fints_pipeline import train
from fints_pipeline.base.lake import Lake
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.results import Predicted, Trained
from fints_pipeline.training.tracking import NullTracker
from fints_pipeline.walkforward.folds import Fold
from fints_pipeline_tests.training import toy


@dataclass(frozen=True)
class TrainedToy:
    lake: Lake
    experiment: ExperimentConfig
    fold: Fold
    results: dict[str, Trained | Predicted]


@pytest.fixture
def toy_lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "toy_lake")
    toy.fill(lake)
    return lake


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedToy:
    lake = Lake(tmp_path_factory.mktemp("trained"))
    toy.fill(lake)
    experiment = toy.experiment()
    fold = train.experiment_folds(lake, experiment)[0]
    results = train.train_fold(lake, experiment, fold, experiment.names, NullTracker())
    return TrainedToy(lake, experiment, fold, results)


@pytest.fixture
def mlflow(tmp_path: Path) -> Any:
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    yield mlflow
    mlflow.set_tracking_uri(before)
