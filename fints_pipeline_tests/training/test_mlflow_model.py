"""Runs keep config, environment, pictures and a model that MLflow loads by its signature."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from fints_pipeline import train
from fints_pipeline.base.lake import Lake
from fints_pipeline.training import mlflow_model
from fints_pipeline.training.bundles import load_model, model_key
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.tracking import MlflowTracker
from fints_pipeline_tests.training import toy
from fints_pipeline_tests.training.conftest import TrainedToy
from fints_pipeline_tests.training.test_tasks import FIT, MODELS

pytestmark = pytest.mark.filterwarnings("default")  # mlflow 3.17 warns of its own libraries


def test_a_tracked_fit_keeps_all_that_tells_how_it_came_about(
    mlflow: Any,
    toy_lake: Lake,
    tmp_path: Path,
) -> None:
    experiment = toy.changed("patchtst")
    fold = train.experiment_folds(toy_lake, experiment)[0]
    result = train.train_model(toy_lake, experiment, fold, "patchtst", MlflowTracker(mlflow))
    client = mlflow.MlflowClient()
    run = client.get_run(result.run_id)
    assert run.info.run_name == f"{fold.key}/patchtst"
    history = client.get_metric_history(result.run_id, "train_loss")
    assert [one.step for one in history] == sorted({one.step for one in history})
    assert len(history) == 3, "a value an epoch, at its step"
    assert run.data.params["fit.epochs"] == "3"
    assert {"torch_version", "seed", "data_manifest"} <= set(run.data.tags)
    folder = Path(client.download_artifacts(result.run_id, "", str(tmp_path)))
    kept = ExperimentConfig.model_validate(yaml.safe_load((folder / "config.yaml").read_text()))
    assert kept == experiment
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__
    picture = (folder / "plots" / "fit.svg").read_text()
    assert picture.startswith("<svg")
    assert "train loss" in picture
    weights = toy_lake.open_bundle(model_key("toy", fold.key, "patchtst")) / "model.safetensors"
    assert (folder / "bundle" / "model.safetensors").read_bytes() == weights.read_bytes()
    loaded = mlflow.pyfunc.load_model(f"runs:/{result.run_id}/model")
    assert [spec.name for spec in loaded.metadata.signature.inputs.inputs] == ["past"]
    past = np.random.default_rng(0).normal(size=(5, 16, 1)).astype(np.float32)
    network = load_model(toy_lake, "toy", fold.key, "patchtst").network
    with torch.no_grad():
        expected = network(torch.from_numpy(past)).numpy()
    np.testing.assert_array_equal(loaded.predict({"past": past}), expected)
    with pytest.raises(mlflow.MlflowException, match="does not match expected shape"):
        loaded.predict({"past": past[:, :7]})


def saved(lake: Lake, experiment: ExperimentConfig, fold: str, name: str, folder: Path) -> Any:
    import mlflow

    mlflow_model.save(lake.open_bundle(model_key(experiment.experiment, fold, name)), folder)
    return mlflow.pyfunc.load_model(str(folder))


@pytest.mark.parametrize("kind", ["tft", "drawn paths", "quantile trees", "drift"])
def test_every_kind_of_forecaster_has_a_signature(
    toy_lake: Lake, kind: str, tmp_path: Path
) -> None:
    experiment = toy.experiment(models={"one": {"fit": FIT, **MODELS[kind]}})
    fold = train.experiment_folds(toy_lake, experiment)[0]
    train.train_model(toy_lake, experiment, fold, "one")
    loaded = saved(toy_lake, experiment, fold.key, "one", tmp_path / "model")
    inputs = mlflow_model.example(loaded._model_impl)
    assert {spec.name for spec in loaded.metadata.signature.inputs.inputs} == set(inputs)
    many = {name: np.repeat(value, 3, axis=0) for name, value in inputs.items()}
    assert len(loaded.predict(many)) == 3


@pytest.mark.parametrize("name", ["mlm", "classifier"])
def test_token_models_have_one_too(trained: TrainedToy, name: str, tmp_path: Path) -> None:
    loaded = saved(trained.lake, trained.experiment, trained.fold.key, name, tmp_path / "model")
    assert [spec.name for spec in loaded.metadata.signature.inputs.inputs] == ["input_ids"]
    assert len(loaded.predict(mlflow_model.example(loaded._model_impl))) == 1
