"""Factorised tokens, taggers and fusion on the toy market: they learn, and see their span alone."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from fints_pipeline import train
from fints_pipeline.base.errors import ConfigError, KeyNotFoundError, SchemaError
from fints_pipeline.base.lake import Lake, fold_key
from fints_pipeline.models._text_encoder import load_text_encoder
from fints_pipeline.training import mlflow_model
from fints_pipeline.training.bundles import load_model, model_key
from fints_pipeline.training.class_labels import Classes
from fints_pipeline.training.dataset import until_validation
from fints_pipeline.training.job import Job
from fints_pipeline.training.masking import IGNORED
from fints_pipeline.training.predict import predict_model
from fints_pipeline.training.scope import Scope
from fints_pipeline.training.tasks import fusion, tag_tokens, task_module
from fints_pipeline.training.text_cache import embed_news, encoder_name
from fints_pipeline.training.tracking import NullTracker
from fints_pipeline.walkforward.folds import Span
from fints_pipeline_tests import tiny_bert
from fints_pipeline_tests.items import Item, put_items
from fints_pipeline_tests.training import token_models, toy
from fints_pipeline_tests.training.conftest import TrainedToy
from fints_pipeline_tests.training.test_training import shocked_lake

DIRECTION = f"direction_{toy.HORIZON}"


QUANTILES: dict[str, object] = {
    **token_models.MODELS["fusion"]["network"],  # type: ignore[dict-item]
    "head": {"kind": "quantile"},
}


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> TrainedToy:
    lake = Lake(tmp_path_factory.mktemp("tokens"))
    toy.fill(lake)
    experiment = token_models.experiment()
    fold = train.experiment_folds(lake, experiment)[0]
    results = train.train_fold(lake, experiment, fold, experiment.names, NullTracker())
    return TrainedToy(lake, experiment, fold, results)


def model(fitted: TrainedToy, name: str) -> Any:
    return load_model(fitted.lake, "toytokens", fitted.fold.key, name)


def data_of(fitted: TrainedToy, name: str, span: Span | None = None) -> Any:
    config = fitted.experiment.model(name)
    vocabulary = train.open_vocabulary(fitted.lake, fitted.experiment, fitted.fold)
    span = span or Span(fitted.fold.train.first, fitted.fold.test.last)
    task = task_module(config.kind)
    return task.load(fitted.lake, fitted.experiment, config, vocabulary, span)


def test_they_learn_where_there_is_something_to_learn(fitted: TrainedToy) -> None:
    metrics = {name: fitted.results[name].metrics for name in token_models.MODELS}
    fields = metrics["fields"]
    assert fields["validation_perplexity"] < fields["unigram_perplexity"]
    for name in ("classifier", "tagger", "tagger_crf", "fused_direction"):
        assert metrics[name]["log_loss"] < metrics[name]["prior_log_loss"], name
    assert metrics["fusion"]["mse"] < 0.95 * metrics["fusion"]["no_change_mse"]
    assert metrics["fusion"]["return_correlation"] > 0.3


def test_all_of_them_predict(fitted: TrainedToy) -> None:
    key = fold_key("predictions", "toytokens", fitted.fold.key)
    table = fitted.lake.read(key).to_pandas()
    rows = table.groupby("model").count()
    assert set(rows.index) == set(token_models.MODELS) - {"fields"}
    classes = ["classifier", "tagger", "tagger_crf", "fused_direction"]
    assert (rows.loc[classes, "p_up"] > 500).all()
    assert rows.loc["fusion", "expected_return"] > 500
    assert (rows.loc["fusion", "p_up"], rows.loc["tagger", "expected_return"]) == (0, 0)


def test_a_sample_of_each_models_inputs_can_be_made(fitted: TrainedToy) -> None:
    for name in fitted.experiment.names:
        key = model_key(fitted.experiment.experiment, fitted.fold.key, name)
        loaded = mlflow_model.LoadedModel(fitted.lake.open_bundle(key))
        said = loaded.predict(mlflow_model.example(loaded))
        parts = said if isinstance(said, list) else [said]
        assert all(len(part) == 1 and np.isfinite(part).all() for part in parts), name


def test_law_5_no_model_sees_the_test_span(fitted: TrainedToy, tmp_path: Path) -> None:
    lake = shocked_lake(tmp_path / "shocked", fitted.fold, fitted.fold.test.first)
    train.fit_vocabulary(lake, fitted.experiment, fitted.fold)
    for name in fitted.experiment.names:
        train.train_model(lake, fitted.experiment, fitted.fold, name)
        key = model_key("toytokens", fitted.fold.key, name)
        before, after = (store.bundle_manifest(key).files for store in (fitted.lake, lake))
        assert after["model.safetensors"] == before["model.safetensors"], name


def test_law_5_pretraining_sees_the_training_span_alone(fitted: TrainedToy, tmp_path: Path) -> None:
    lake = shocked_lake(tmp_path / "shocked", fitted.fold, fitted.fold.validation.first)
    train.fit_vocabulary(lake, fitted.experiment, fitted.fold)
    train.train_model(lake, fitted.experiment, fitted.fold, "fields")
    key = model_key("toytokens", fitted.fold.key, "fields")
    before, after = (store.bundle_manifest(key).files for store in (fitted.lake, lake))
    assert after["model.safetensors"] == before["model.safetensors"]


@pytest.mark.parametrize("name", ["tagger", "tagger_crf", "fusion", "fused_direction"])
def test_predictions_do_not_change_with_the_future(
    fitted: TrainedToy, name: str, tmp_path: Path
) -> None:
    """Frozen models, noise in every table after a session: bars before it are predicted alike."""
    cut = fitted.fold.test.first + timedelta(days=2)
    lake = shocked_lake(tmp_path / "shocked", fitted.fold, cut)
    config = fitted.experiment.model(name)
    vocabulary = train.open_vocabulary(fitted.lake, fitted.experiment, fitted.fold)
    whole = Span(fitted.fold.train.first, fitted.fold.test.last)
    task = task_module(config.kind)
    found = []
    for store in (fitted.lake, lake):
        data = task.load(store, fitted.experiment, config, vocabulary, whole)
        scope = Scope.of_fold(fitted.fold)
        found.append((data, task.predict(model(fitted, name), data, scope)))
    (data, before), (_, after) = found
    for series, own, other in zip(data.series, before, after, strict=True):
        early = series.session[own.rows] < np.datetime64(cut)
        assert early.sum() > 50
        for field in ("expected_return", "probabilities"):
            first, second = getattr(own, field), getattr(other, field)
            if first is not None:
                assert np.array_equal(first[early], second[: early.sum()])
                assert not np.array_equal(first[~early], second[early.sum() :])


def test_frozen_towers_keep_the_pretrained_weights_and_statistics(fitted: TrainedToy) -> None:
    towers = model(fitted, "fusion").network
    pretrained = {
        "tokens": model(fitted, "fields").network.bert.state_dict(),
        "patches": model(fitted, "patchtst").network.state_dict(),
    }
    for tower, weights in pretrained.items():
        own = getattr(towers, tower).state_dict()
        assert len(own) > 10
        for name, value in own.items():
            assert torch.equal(value, weights[name]), name


def test_tags_are_purged_bar_by_bar(fitted: TrainedToy) -> None:
    fold, data = fitted.fold, data_of(fitted, "tagger")
    classes = Classes((-1.0, 0.0, 1.0), ("down", "flat", "up"))
    train_tags, validation_tags = tag_tokens._tags(fold, data, DIRECTION, classes)
    place = 0
    for one in data.series:
        rows = slice(place, place + len(one))
        place += len(one)
        known = [tags.values[rows].numpy() != IGNORED for tags in (train_tags, validation_tags)]
        ends = one.labels[DIRECTION].end
        later = one.open_time[fold.validation.mask(one.session)].min()
        assert fold.train.mask(one.session)[known[0]].all()
        assert (ends[known[0]] <= later).all()
        assert fold.validation.mask(one.session)[known[1]].all()
        assert (ends[known[1]] <= one.close_time[fold.validation.mask(one.session)].max()).all()
        assert all(mask.sum() > 100 for mask in known)


def test_a_tag_is_that_of_the_sequence_that_ends_at_its_bar(fitted: TrainedToy) -> None:
    loaded, data = model(fitted, "tagger_crf"), data_of(fitted, "tagger_crf")
    found = task_module("tag_tokens").predict(loaded, data, Scope.of_fold(fitted.fold))[0]
    line, form = data.lines[0], data.form
    for number in (0, 7, 100):
        row = found.rows[number]
        ids = torch.from_numpy(line.ids[row - 5 : row + 1])[None]
        emissions = loaded.network(form.framed(ids)).logits[0, 1:-1].double()
        score = loaded.network.crf.start_K.double() + emissions[0]
        for step in emissions[1:]:
            moved = score[:, None] + loaded.network.crf.step_KK.double()
            score = moved.logsumexp(0) + step
        expected = score.softmax(0).detach().numpy()
        np.testing.assert_allclose(found.probabilities[number], expected, rtol=1e-4)


def test_volatility_buckets_or_any_label_can_be_learned(fitted: TrainedToy) -> None:
    """Two classes with names of their own, told by the table: nothing is fixed to directions."""
    data = data_of(fitted, "fused_direction", until_validation(fitted.fold))
    for one in data.series:
        value = one.labels[DIRECTION].value
        value[value == 0] = 1
    data.class_names[DIRECTION] = {"-1": "calm", "1": "wild"}
    vocabulary = train.open_vocabulary(fitted.lake, fitted.experiment, fitted.fold)
    done = fusion.fit(Job(fitted.experiment, fitted.fold, "fused_direction", data, vocabulary))
    assert done.record.class_names == ("calm", "wild")
    assert done.network.head.out_features == 2


def test_the_label_must_be_there_for_classes(fitted: TrainedToy) -> None:
    network = {**token_models.MODELS["fused_direction"]["network"], "classes": 3, "horizon": 4}  # type: ignore[dict-item]
    experiment = token_models.alone("fused_direction", network=network, label=None)
    with pytest.raises(ConfigError, match="no label to learn them from"):
        train.train_model(fitted.lake, experiment, fitted.fold, "fused_direction")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("tagger_crf", {"class_weights": True}, "fitted by its likelihood"),
        ("tagger_crf", {"loss": {"name": "cross_entropy", "smoothing": 0.1}}, "its likelihood"),
        ("fusion", {"fit": {"regularisation": {"mixup": 0.2}}}, "cannot be blended"),
        ("fusion", {"text": "tiny-0"}, "needs a text tower"),
        ("fusion", {"loss": {"name": "sharpe"}}, "for forecasters"),
        ("fusion", {"network": QUANTILES}, "cumulative: true"),
    ],
)
def test_what_does_not_go_together_is_refused(
    name: str, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        token_models.alone(name, **changes)


def test_fusion_forecasts_quantiles_of_the_labels_return(fitted: TrainedToy) -> None:
    model = {**token_models.MODELS["fusion"], "network": QUANTILES, "cumulative": True}
    experiment = token_models.experiment(quantiles=model)
    trained = train.train_model(fitted.lake, experiment, fitted.fold, "quantiles")
    assert 0.75 < trained.metrics["coverage_90"] < 0.99
    vocabulary = train.open_vocabulary(fitted.lake, experiment, fitted.fold)
    part = predict_model(fitted.lake, experiment, fitted.fold, "quantiles", vocabulary)
    assert part is not None
    table = part.tables[0].to_pandas()
    assert (table["q05"] <= table["q50"]).all()
    assert (table["q50"] <= table["q95"]).all()
    inside = (table["label"] > table["q05"]) & (table["label"] < table["q95"])
    assert inside[table["label"].notna()].mean() > 0.75


def test_fusion_without_tokens_needs_no_vocabulary(toy_lake: Lake) -> None:
    network = {"name": "fusion", "lookback": 12, "horizon": 4, "width": 8, "heads": 2}
    patches = {"patch": 4, "stride": 2, "width": 8, "heads": 2, "feed_forward": 16, "layers": 1}
    experiment = token_models.alone(
        "fusion", network={**network, "patches": patches}, starts_from=None, frozen=[]
    )
    assert not experiment.reads_tokens
    fold = train.experiment_folds(toy_lake, experiment)[0]
    results = train.train_fold(toy_lake, experiment, fold, ["fusion"], NullTracker())
    assert results["fusion"].metrics["mse"] < results["fusion"].metrics["no_change_mse"]


def test_text_is_read_as_of_each_bars_close(fitted: TrainedToy, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    toy.fill(lake)
    first = datetime(2024, 1, 10, 14, tzinfo=UTC)
    items = [
        Item("A", first + timedelta(minutes=37 * n), ("buy", "apple") if n % 3 else ("sell",))
        for n in range(1_500)
    ]
    put_items(lake, "wire", items)
    encoder = load_text_encoder(str(tiny_bert.save(tmp_path / "tiny")))
    embed_news(lake, "wire.A", encoder)
    text: dict[str, object] = {
        "network": {
            **token_models.MODELS["fused_direction"]["network"],  # type: ignore[dict-item]
            "text": {"embedding": tiny_bert.WIDTH},
        },
        "text": encoder_name(encoder),
        "text_source": "wire",
    }
    experiment = token_models.alone("fused_direction", **text)
    results = train.train_fold(lake, experiment, fitted.fold, experiment.names, NullTracker())
    assert results["fused_direction"].metrics["log_loss"] > 0
    loaded = load_model(lake, "toytokens", fitted.fold.key, "fused_direction")
    assert f"text/{encoder_name(encoder)}/wire.A" in loaded.record.inputs
    vocabulary = train.open_vocabulary(lake, experiment, fitted.fold)
    whole = Span(fitted.fold.train.first, fitted.fold.test.last)
    model = experiment.model("fused_direction")
    data = fusion.load(lake, experiment, model, vocabulary, whole)
    batch = data.windows(data.ids, torch.tensor([100, len(data.series[0]) + 50]), 12, 1, False)
    inputs = batch.inputs(batch.rows)
    assert inputs["text_mask"][0].any()
    assert not inputs["text_mask"][1].any(), "toy.B has no news"
    closes = data.series[0].close_time[88:101]
    known = np.array([item.known_at.replace(tzinfo=None) for item in items], "datetime64[us]")
    expected = [((known > a) & (known <= b)).any() for a, b in itertools.pairwise(closes)]
    assert inputs["text_mask"][0].tolist() == expected
    narrow = {**text, "network": {**text["network"], "text": {"embedding": 4}}}  # type: ignore[dict-item]
    wrong = token_models.alone("fused_direction", **narrow)
    with pytest.raises(ConfigError, match="6 long, the text tower reads 4"):
        train.train_model(lake, wrong, fitted.fold, "fused_direction")
    missing = token_models.alone("fused_direction", **{**text, "text": "tiny-0"})
    with pytest.raises(KeyNotFoundError, match="embedded with 'tiny-0'"):
        train.train_model(lake, missing, fitted.fold, "fused_direction")


def test_a_label_that_is_no_class_is_refused(fitted: TrainedToy) -> None:
    experiment = token_models.alone("fused_direction", label=f"forward_return_{toy.HORIZON}")
    with pytest.raises(SchemaError, match="not classes"):
        train.train_model(fitted.lake, experiment, fitted.fold, "fused_direction")
