"""The fits on the toy market: they learn, see their span alone, and repeat to the bit."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fints_pipeline import train
from fints_pipeline.base.errors import ConfigError, LookAheadError
from fints_pipeline.base.lake import ArrowContract, BundleKey, Lake, fold_key
from fints_pipeline.tokenizers.config import NOTE, TokenizeConfig
from fints_pipeline.tokenizers.vocabulary import Vocabulary
from fints_pipeline.training.bundles import load_model, model_key
from fints_pipeline.training.predict import predict_model
from fints_pipeline.training.results import Trained
from fints_pipeline.walkforward.folds import Fold, Span
from fints_pipeline_tests.training import toy
from fints_pipeline_tests.training.conftest import TrainedToy

MODELS = ("mlm", "classifier", "patchtst")


def test_losses_fall(trained: TrainedToy) -> None:
    for name in MODELS:
        record = load_model(trained.lake, "toy", trained.fold.key, name).record
        history = record.fit.history
        assert history[-1]["train_loss"] < history[0]["train_loss"]
        assert record.fit.best_epoch >= 1


def test_models_beat_no_skill_where_there_is_something_to_learn(trained: TrainedToy) -> None:
    metrics = {name: trained.results[name].metrics for name in MODELS}
    assert metrics["patchtst"]["mse"] < 0.9 * metrics["patchtst"]["no_change_mse"]
    assert metrics["patchtst"]["return_correlation"] > 0.3
    assert metrics["classifier"]["log_loss"] < metrics["classifier"]["prior_log_loss"]
    assert metrics["mlm"]["validation_perplexity"] < metrics["mlm"]["unigram_perplexity"]


def test_bundles_hold_what_using_them_takes(trained: TrainedToy) -> None:
    for name in MODELS:
        folder = trained.lake.open_bundle(model_key("toy", trained.fold.key, name))
        files = {path.name for path in folder.iterdir()}
        assert {"config.json", "model.safetensors", "training.json"} <= files
        record = json.loads((folder / "training.json").read_text())
        assert Fold.from_json(record["fold"]) == trained.fold
        assert record["seed"] == 0
        assert record["torch_version"]
    inputs = load_model(trained.lake, "toy", trained.fold.key, "classifier").record.inputs
    assert "tokens/5m/toy.A/2024-01" in inputs
    assert "labels/5m/toy.B/2024-02" in inputs
    assert f"models/toy/{trained.fold.key}/mlm" in inputs
    assert f"vocabularies/toy/{trained.fold.key}" in inputs


def test_the_same_seed_gives_the_same_weights(trained: TrainedToy, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "again")
    toy.fill(lake)
    train.fit_vocabulary(lake, trained.experiment, trained.fold)
    for name in MODELS:
        train.train_model(lake, trained.experiment, trained.fold, name)
        key = model_key("toy", trained.fold.key, name)
        assert lake.bundle_manifest(key).digest == trained.lake.bundle_manifest(key).digest


def test_a_table_beyond_the_memorys_share_is_mapped_and_gives_the_same_weights(
    trained: TrainedToy, toy_lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    hardware = {**trained.experiment.hardware.model_dump(), "memory_share": 1e-12}
    experiment = toy.changed("patchtst").model_copy(
        update={"hardware": type(trained.experiment.hardware)(**hardware)}
    )
    with caplog.at_level("INFO", "fints_pipeline.training"):
        mapped = train.train_model(toy_lake, experiment, trained.fold, "patchtst")
    assert "mapped from a file" in caplog.text
    resident = trained.results["patchtst"]
    assert isinstance(resident, Trained)
    weights = "model.safetensors"
    assert mapped.manifest.files[weights] == resident.manifest.files[weights]


def test_another_seed_gives_other_weights(trained: TrainedToy, toy_lake: Lake) -> None:
    train.train_model(toy_lake, toy.experiment(seed=1), trained.fold, "patchtst")
    key = model_key("toy", trained.fold.key, "patchtst")
    before, after = (store.bundle_manifest(key).files for store in (trained.lake, toy_lake))
    assert after["model.safetensors"] != before["model.safetensors"]


def shocked_lake(path: Path, fold: Fold, from_session: object) -> Lake:
    """Return the toy lake with every value from a session on replaced."""
    lake = Lake(path)
    for number, instrument in enumerate(toy.INSTRUMENTS):
        frame = toy.bars(instrument, np.random.default_rng([0, number]))
        other = toy.bars(instrument, np.random.default_rng([9, number]))
        # A label that reaches over the cut has changed too, as it would have in the market.
        ends = frame[f"forward_return_{toy.HORIZON}_end"]
        cut = frame.loc[frame["session"] >= pd.Timestamp(str(from_session)), "open_time"].min()
        after = frame["session"] >= pd.Timestamp(str(from_session))
        labels = [name for name in frame if "return_" in name or "direction" in name]
        frame.loc[after] = other.loc[after]
        frame.loc[ends > cut, labels] = other.loc[ends > cut, labels]
        toy.write_tables(lake, frame)
    return lake


def test_law_5_pretraining_and_vocabulary_see_the_training_span_alone(
    trained: TrainedToy, tmp_path: Path
) -> None:
    lake = shocked_lake(tmp_path / "shocked", trained.fold, trained.fold.validation.first)
    train.fit_vocabulary(lake, trained.experiment, trained.fold)
    train.train_model(lake, trained.experiment, trained.fold, "mlm")
    key = model_key("toy", trained.fold.key, "mlm")
    before, after = (store.bundle_manifest(key).files for store in (trained.lake, lake))
    assert after["model.safetensors"] == before["model.safetensors"]
    key = BundleKey.of("vocabularies", experiment="toy", fold=trained.fold.key)
    before, after = (store.bundle_manifest(key).files for store in (trained.lake, lake))
    assert after == before


def test_law_5_no_model_sees_the_test_span(trained: TrainedToy, tmp_path: Path) -> None:
    lake = shocked_lake(tmp_path / "shocked", trained.fold, trained.fold.test.first)
    train.fit_vocabulary(lake, trained.experiment, trained.fold)
    for name in MODELS:
        train.train_model(lake, trained.experiment, trained.fold, name)
        key = model_key("toy", trained.fold.key, name)
        before, after = (store.bundle_manifest(key).files for store in (trained.lake, lake))
        assert after["model.safetensors"] == before["model.safetensors"], name


def test_a_changed_training_value_changes_the_models(trained: TrainedToy, tmp_path: Path) -> None:
    lake = shocked_lake(tmp_path / "shocked", trained.fold, trained.fold.train.last)
    train.train_model(lake, trained.experiment, trained.fold, "patchtst")
    key = model_key("toy", trained.fold.key, "patchtst")
    before, after = (store.bundle_manifest(key).files for store in (trained.lake, lake))
    assert after["model.safetensors"] != before["model.safetensors"]


def test_predictions_cover_validation_and_test_and_nothing_else(trained: TrainedToy) -> None:
    from fints_pipeline.schemas.predictions import PREDICTIONS

    table = trained.lake.read(fold_key("predictions", "toy", trained.fold.key))
    PREDICTIONS.validate(table)
    frame = table.to_pandas()
    assert set(frame["model"]) == {"classifier", "patchtst"}
    assert set(frame["instrument"]) == set(toy.INSTRUMENTS)
    for name, rows in frame.groupby("span"):
        span: Span = trained.fold.spans[str(name)]
        assert rows["session"].min() == span.first
        assert rows["session"].max() == span.last
    forecasts = frame[frame["model"] == "patchtst"]
    assert forecasts["expected_return"].notna().all()
    assert forecasts["p_up"].isna().all()
    assert forecasts["expected_return"].std() < 0.01, "forecasts are in returns, not scaled units"
    test = forecasts[forecasts["span"] == "test"].dropna(subset="label")
    assert np.corrcoef(test["expected_return"], test["label"])[0, 1] > 0.3


def test_filled_bars_are_not_predicted(trained: TrainedToy) -> None:
    frame = trained.lake.read(fold_key("predictions", "toy", trained.fold.key)).to_pandas()
    bars = trained.lake.read_range("features", "5m", "toy.A", "2024-01", "2024-02").to_pandas()
    filled = set(bars.loc[bars["is_filled"], "close_time"])
    assert filled
    assert not filled & set(frame.loc[frame["instrument"] == "toy.A", "close_time"])


def test_validation_labels_that_reach_into_the_test_span_are_withheld(trained: TrainedToy) -> None:
    experiment = trained.experiment.model_copy(
        update={"folds": trained.experiment.folds.model_copy(update={"embargo": 0})}
    )
    fold = train.experiment_folds(trained.lake, experiment)[0]
    train.train_model(trained.lake, experiment, fold, "patchtst")
    part = predict_model(trained.lake, experiment, fold, "patchtst", None)
    assert part is not None
    frame = part.tables[0].to_pandas()
    validation = frame[frame["span"] == "validation"]
    assert validation["label"].tail(3).isna().all()
    assert frame.loc[frame["span"] == "test", "label"].notna().mean() > 0.9


def test_a_model_refuses_the_bars_it_was_trained_on(trained: TrainedToy) -> None:
    fold = trained.fold
    early = Fold(fold.key, fold.train, Span(fold.train.last, fold.train.last), fold.test)
    with pytest.raises(LookAheadError, match="it was trained on"):
        predict_model(trained.lake, trained.experiment, early, "patchtst", None)
    with pytest.raises(LookAheadError, match="trained on"):
        train.write_predictions(trained.lake, trained.experiment, early)


def test_a_label_longer_than_the_horizon_is_refused(toy_lake: Lake) -> None:
    experiment = toy.changed("patchtst", network={"horizon": 2})
    fold = train.experiment_folds(toy_lake, experiment)[0]
    with pytest.raises(ConfigError, match="patchtst forecasts 2"):
        train.train_model(toy_lake, experiment, fold, "patchtst")


def test_the_vocabulary_follows_the_config_that_made_the_tokens(
    trained: TrainedToy, toy_lake: Lake
) -> None:
    config = TokenizeConfig(vocabulary={"fields": ("trend", "bar"), "min_freq": 1})
    for key in list(toy_lake.keys("tokens")):
        made, rows = toy_lake.footer(key), toy_lake.read(key)
        contract = ArrowContract("tokens", rows.schema)
        notes = {NOTE: config.model_dump_json()}
        toy_lake.write(key, rows, contract, made.lineage, made.extra, notes)
    train.fit_vocabulary(toy_lake, trained.experiment, trained.fold)
    key = BundleKey.of("vocabularies", experiment="toy", fold=trained.fold.key)
    vocabulary = Vocabulary.load(toy_lake.open_bundle(key))
    assert vocabulary.fields == ("trend", "bar")
