"""Every forecaster and estimator goes through the trainer on the toy market."""

from typing import Any

import numpy as np
import pytest

from fints_pipeline import train
from fints_pipeline.base.lake import Lake
from fints_pipeline.schemas.predictions import PREDICTIONS
from fints_pipeline.training.bundles import load_model
from fints_pipeline.training.predict import predict_model
from fints_pipeline.training.prediction_table import joined
from fints_pipeline_tests.training import toy

FIT = {"epochs": 1, "batch_size": 64, "learning_rate": 0.01, "stride": 4}
WINDOW = {"lookback": 16, "horizon": 4}
PATCHES = {"lookback": 16, "patch": 4, "stride": 4, "width": 8, "heads": 2, "feed_forward": 16,
           "layers": 1}  # fmt: skip
DRAWN = {"lookback": 16, "horizon": 4, "width": 8, "feed_forward": 8, "layers": 1}
TREES = {"name": "lightgbm", "trees": 5, "leaf_samples": 20}
NORMAL, QUANTILE = {"kind": "normal"}, {"kind": "quantile"}
MODELS: dict[str, dict[str, Any]] = {
    "dlinear": {"network": {"name": "dlinear", **WINDOW, "kernel": 5}},
    "dlinear quantiles": {
        "network": {"name": "dlinear", **WINDOW, "kernel": 5, "head": QUANTILE}, "cumulative": True,
    },
    "patchtst Student-t": {
        "network": {"name": "patchtst", **PATCHES, "horizon": 4, "instance_norm": "scale",
                    "head": {"kind": "student_t"}},
        "cumulative": True,
    },
    "itransformer": {
        "network": {"name": "itransformer", **WINDOW, "width": 8, "heads": 2, "feed_forward": 16},
    },
    "drawn paths": {
        "network": {"name": "time_series_transformer", **DRAWN, "paths": 20,
                    "head": {"kind": "student_t"}},
    },
    "direct quantiles": {
        "network": {"name": "time_series_transformer_quantiles", **DRAWN, "head": QUANTILE},
        "cumulative": True,
    },
    "tft": {
        "network": {"name": "tft", **WINDOW, "width": 8, "heads": 2, "head": QUANTILE},
        "cumulative": True,
    },
    "drift": {"network": {"name": "drift", **WINDOW, "channel": "change"}},
    "repeat_last": {"network": {"name": "repeat_last", "horizon": 4, "channel": "change"}},
    "seasonal_naive": {"network": {"name": "seasonal_naive", **WINDOW, "season": 8}},
    "huber": {
        "network": {"name": "dlinear", **WINDOW, "kernel": 5}, "loss": {"name": "huber"},
        "auxiliary_weight": 0.5,
    },
    "mase": {"network": {"name": "dlinear", **WINDOW, "kernel": 5}, "loss": {"name": "mase"}},
    "regression trees": {"network": TREES, "lookback": 4},
    "class trees": {"network": {**TREES, "objective": "classification"}, "lookback": 4},
    "quantile trees": {
        "network": {**TREES, "objective": "quantile", "quantiles": [0.1, 0.5, 0.9]}, "lookback": 4,
    },
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_model_is_trained_published_and_predicts(toy_lake: Lake, model: dict[str, Any]) -> None:
    experiment = toy.experiment(models={"one": {"fit": FIT, **model}})
    fold = train.experiment_folds(toy_lake, experiment)[0]
    result = train.train_model(toy_lake, experiment, fold, "one")
    assert result.metrics
    assert np.isfinite(list(result.metrics.values())).all()
    part = predict_model(toy_lake, experiment, fold, "one", None)
    assert part is not None
    table = joined(part.tables)
    PREDICTIONS.validate(table)
    frame = table.to_pandas()
    assert set(frame["span"]) == {"validation", "test"}
    record = load_model(toy_lake, "toy", fold.key, "one").record
    if record.output == "classes":
        assert frame["p_up"].notna().all()
    else:
        assert frame["expected_return"].notna().all()
    head = model["network"].get("head", {}).get("kind", "point")
    if head != "point" or "quantiles" in model["network"]:
        assert frame["q50"].notna().all()
        assert (frame["q10"] <= frame["q90"]).all()


def test_hidden_patches_come_first_and_the_forecaster_starts_from_them(toy_lake: Lake) -> None:
    models = {
        "hidden": {"network": {"name": "patchtst_pretraining", **PATCHES}, "fit": FIT},
        "patchtst": {
            "network": {"name": "patchtst", **PATCHES, "horizon": 4},
            "starts_from": "hidden",
            "fit": {**FIT, "epochs": 0},
        },
    }
    experiment = toy.experiment(models=models)
    assert experiment.pretrained == ("hidden",)
    fold = train.experiment_folds(toy_lake, experiment)[0]
    for name in experiment.names:
        train.train_model(toy_lake, experiment, fold, name)
    hidden, forecaster = (
        load_model(toy_lake, "toy", fold.key, name).network.state_dict() for name in models
    )
    shared = {name for name in set(hidden) & set(forecaster) if not name.startswith("head.")}
    assert shared
    for name in shared:
        np.testing.assert_array_equal(hidden[name].numpy(), forecaster[name].numpy())


def test_a_frozen_part_keeps_its_weights(toy_lake: Lake) -> None:
    experiment = toy.changed("patchtst", frozen=["encoder"])
    fold = train.experiment_folds(toy_lake, experiment)[0]
    train.train_model(toy_lake, experiment, fold, "patchtst")
    untouched = toy.changed("patchtst", fit={"epochs": 0})
    weights = load_model(toy_lake, "toy", fold.key, "patchtst").network.state_dict()
    train.train_model(toy_lake, untouched, fold, "patchtst")
    drawn = load_model(toy_lake, "toy", fold.key, "patchtst").network.state_dict()
    kept = [name for name in weights if name.startswith("encoder") and "running" not in name]
    assert kept
    assert all(
        np.array_equal(weights[n].numpy(), drawn[n].numpy()) for n in kept if "num_" not in n
    )
    assert any(not np.array_equal(weights[n].numpy(), drawn[n].numpy()) for n in weights)
