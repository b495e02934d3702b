"""Leaks planted into the pipeline, each caught by a check of the pipeline, and a clean run."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fints_pipeline import train
from fints_pipeline.audit.findings import condensed
from fints_pipeline.audit.fold import audit_fold
from fints_pipeline.backtest import load_backtest, run_backtest
from fints_pipeline.base.errors import LookAheadError
from fints_pipeline.base.frames import to_arrow
from fints_pipeline.base.lake import ArrowContract, BundleKey, Lake, series_key
from fints_pipeline.evaluation import backtest as engine_room
from fints_pipeline.features.config import FeaturesConfig
from fints_pipeline.features.stage import run as compute_features
from fints_pipeline.training import channels
from fints_pipeline.training.tasks import forecast
from fints_pipeline.walkforward.folds import Fold, FoldMasks
from fints_pipeline_tests.evaluation.world import EXPERIMENT, LINEAGE, World
from fints_pipeline_tests.training import toy

SHORT = {"epochs": 1, "batch_size": 64, "learning_rate": 0.01, "stride": 3}


@pytest.fixture
def lake(toy_lake: Lake) -> Lake:
    return toy_lake


def forecaster(**changes: object):
    models = {"patchtst": {**toy.experiment().models["patchtst"].model_dump(), "fit": SHORT}}
    return toy.experiment(models=models, **changes)


def first_fold(lake: Lake, experiment) -> Fold:
    return train.experiment_folds(lake, experiment)[0]


def test_a_clean_fold_predicts_and_every_check_is_clean(lake: Lake) -> None:
    experiment = toy.experiment()
    fold = first_fold(lake, experiment)
    train.fit_vocabulary(lake, experiment, fold)
    for name in experiment.names:
        train.train_model(lake, experiment, fold, name)
    train.write_predictions(lake, experiment, fold)
    findings = audit_fold(lake, experiment, fold)
    assert all(finding.passed for finding in findings), findings
    checks = {finding.check for finding in findings}
    assert checks == {"spans", "inputs", "samples", "scaler", "vocabulary", "pretraining"}
    assert len(condensed(findings)) == len(checks)


@pytest.mark.parametrize("embargo", [0, 1])
def test_an_unpurged_label(lake: Lake, monkeypatch: pytest.MonkeyPatch, embargo: int) -> None:
    """Without an embargo the label reaches into validation; with one of a session it does not."""

    def unpurged(fold, session, *_):
        return FoldMasks(*(span.mask(session) for span in fold.spans.values()))

    monkeypatch.setattr(channels, "fold_masks", unpurged)
    experiment = forecaster(folds={"train": 20, "validation": 5, "test": 5, "embargo": embargo})
    fold = first_fold(lake, experiment)
    train.train_model(lake, experiment, fold, "patchtst")
    if embargo:
        train.write_predictions(lake, experiment, fold)
        return
    with pytest.raises(LookAheadError, match=r"samples, .*train samples of toy\.A reach .* into"):
        train.write_predictions(lake, experiment, fold)


def on_everything(monkeypatch: pytest.MonkeyPatch, told: str | None = None) -> None:
    honest = forecast.fit_scalers

    def fit(model, fold, series, names, uncentred=()):
        scalers = honest(model, replace(fold, train=fold.extent), series, names, uncentred)
        if told is None:
            return scalers
        own = honest(model, fold, series, names, uncentred)
        return {
            name: one.model_copy(update={told: getattr(own[name], told)})
            for name, one in scalers.items()
        }

    monkeypatch.setattr(forecast, "fit_scalers", fit)


def test_a_scaler_fitted_on_everything(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    on_everything(monkeypatch)
    experiment = forecaster()
    fold = first_fold(lake, experiment)
    train.train_model(lake, experiment, fold, "patchtst")
    with pytest.raises(LookAheadError, match=r"scaler, .*the training span holds"):
        train.write_predictions(lake, experiment, fold)


def test_a_scaler_that_lies_about_it(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    on_everything(monkeypatch, told="fitted_last")
    experiment = forecaster()
    fold = first_fold(lake, experiment)
    train.train_model(lake, experiment, fold, "patchtst")
    with pytest.raises(LookAheadError, match=r"scaler, .*fitted on other rows"):
        train.write_predictions(lake, experiment, fold)


def trained_tokens(lake: Lake, vocabulary_fold: str = "own", encoder_fold: str = "own"):
    experiment = toy.experiment()
    fold = first_fold(lake, experiment)
    folds = {"own": fold, "wide": replace(fold, train=fold.extent)}
    train.fit_vocabulary(lake, experiment, folds[vocabulary_fold])
    encoder, *others = experiment.names
    if encoder_fold == "wide":
        later = replace(fold, train=fold.extent, validation=fold.test)
        train.train_model(lake, experiment, later, encoder)
    else:
        train.train_model(lake, experiment, fold, encoder)
    for name in others:
        train.train_model(lake, experiment, fold, name)
    return experiment, fold


def test_a_vocabulary_fitted_on_everything(lake: Lake) -> None:
    experiment, fold = trained_tokens(lake, vocabulary_fold="wide")
    with pytest.raises(LookAheadError, match=r"vocabulary, .*fitted until .* closes at"):
        train.write_predictions(lake, experiment, fold)


def test_a_vocabulary_that_lies_about_it(lake: Lake) -> None:
    experiment = toy.experiment()
    fold = first_fold(lake, experiment)
    key = BundleKey.of("vocabularies", experiment="toy", fold=fold.key)
    train.fit_vocabulary(lake, experiment, fold)
    honest = json.loads((lake.open_bundle(key) / "vocabulary.json").read_text())
    train.fit_vocabulary(lake, experiment, replace(fold, train=fold.extent))
    folder, lineage = lake.open_bundle(key), lake.bundle_manifest(key).lineage
    content = json.loads((folder / "vocabulary.json").read_text())
    content["fit_until"] = honest["fit_until"]
    lake.write_bundle(
        key, lambda new: (new / "vocabulary.json").write_text(json.dumps(content)), lineage
    )
    for name in experiment.names:
        train.train_model(lake, experiment, fold, name)
    with pytest.raises(LookAheadError, match=r"vocabulary, .*it counted \d+ tokens"):
        train.write_predictions(lake, experiment, fold)


def test_pretraining_beyond_the_training_span(lake: Lake) -> None:
    experiment, fold = trained_tokens(lake, encoder_fold="wide")
    with pytest.raises(LookAheadError, match=r"pretraining, .*started from models/toy"):
        train.write_predictions(lake, experiment, fold)


def test_a_checkpoint_that_does_not_say_what_it_saw(lake: Lake) -> None:
    experiment = forecaster()
    fold = first_fold(lake, experiment)
    train.train_model(lake, experiment, fold, "patchtst")
    key = BundleKey.of("models", experiment="toy", fold=fold.key, model="patchtst")
    folder, lineage = lake.open_bundle(key), lake.bundle_manifest(key).lineage
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    record = json.loads(files.pop("training.json")) | {"learned": {}}

    def write(new: Path) -> None:
        (new / "training.json").write_text(json.dumps(record))
        for name, content in files.items():
            if name != "manifest.json":
                (new / name).write_bytes(content)

    lake.write_bundle(key, write, lineage)
    with pytest.raises(LookAheadError, match="does not say what it looked at"):
        train.write_predictions(lake, experiment, fold)


FEATURES = "features:\n  - {name: log_return}\n"


def traded(root: Path, shift: int) -> World:
    """A made-up lake whose features are the real ones, moved by `shift` bars."""
    world = World(root)
    config = world.locations.configs / "data" / "made.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(FEATURES)
    settings = FeaturesConfig.model_validate([{"name": "log_return"}])
    for symbol, bars in world.bars.items():
        frame = compute_features(settings, bars)
        frame["log_return"] = frame["log_return"].shift(shift)
        for month, rows in frame.groupby(frame["session"].dt.strftime("%Y-%m")):
            key = series_key("features", world.frequency, symbol, str(month))
            schema = world.lake.read(key).schema
            table = to_arrow(rows, schema)
            world.lake.write(key, table, ArrowContract("features", schema), LINEAGE)
    return world


def test_a_feature_shifted_by_one_bar(tmp_path: Path) -> None:
    world = traded(tmp_path, shift=-1)
    config = load_backtest(world.locations.backtest_config(EXPERIMENT))
    with pytest.raises(LookAheadError, match=r"features, made\..*log_return of the bar"):
        run_backtest(world.locations, config)


def test_a_clean_backtest_says_what_was_checked(tmp_path: Path) -> None:
    world = traded(tmp_path, shift=0)
    config = load_backtest(world.locations.backtest_config(EXPERIMENT))
    rows = run_backtest(world.locations, config).summary["audit"]
    assert all(row["passed"] for row in rows)
    checked = {row["check"]: row["checked"] for row in rows}
    assert set(checked) == {"features", "fills", "inputs", "samples", "spans"}
    assert checked["features"] == 16
    assert checked["spans"] == len(world.folds) * 2
    assert checked["fills"] > 100


def test_a_fill_in_the_bar_that_decided_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    honest = engine_room.simulate_columns

    class TooEarly:
        def __init__(self, passes):
            self.passes = passes

        def __getattr__(self, name):
            return getattr(self.passes, name)

        def ledger(self, column):
            ledger = self.passes.ledger(column)
            fills = replace(ledger.fills, filled=np.array(ledger.fills.decided))
            return replace(ledger, fills=fills)

    monkeypatch.setattr(engine_room, "simulate_columns", lambda *a, **k: TooEarly(honest(*a, **k)))
    config = load_backtest(world.locations.backtest_config(EXPERIMENT))
    with pytest.raises(LookAheadError, match="not later than their decision"):
        run_backtest(world.locations, config)


def test_a_model_that_read_a_month_after_validation(lake: Lake) -> None:
    from fints_pipeline.audit.models import _inputs

    experiment = toy.experiment()
    fold = first_fold(lake, experiment)
    last = fold.validation.last.isoformat()[:7]
    for month, clean in ((last, True), ("2099-01", False)):
        record = SimpleNamespace(inputs={f"features/5m/toy.UP/{month}": "digest"})
        found = _inputs(record, fold, "a model")
        assert found.passed is clean
        assert month in found.seen
