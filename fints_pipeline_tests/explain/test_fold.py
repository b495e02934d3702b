"""Models trained on the toy market, whose label depends on the last return alone.

The token field `trend` tells that return, every other field is constant; `noise` is a feature that
tells nothing. So `log_return` and `trend` have to come first in every method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from fints_pipeline import train
from fints_pipeline.base.errors import LookAheadError
from fints_pipeline.base.lake import Lake
from fints_pipeline.explain.config import ExplainConfig, Gradients, Permutation
from fints_pipeline.explain.fold import Findings, _spread, examine
from fints_pipeline.explain.measured import Measured, rows_of
from fints_pipeline.explain.opening import open_subject
from fints_pipeline.explain.subject import Subject, Timeline
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.tracking import NullTracker
from fints_pipeline_tests.training import token_models, toy

CONFIG = ExplainConfig(
    experiment="toy",
    windows=24,
    gradients=Gradients(steps=16, most_steps=128, tolerance=0.05),
    permutation=Permutation(windows=200, repeats=3),
    resamples=60,
)
FIT = {"epochs": 6, "batch_size": 32, "learning_rate": 0.01, "stride": 1}
PATCHES = {
    "patch": 4, "stride": 2, "width": 8, "heads": 2, "feed_forward": 16, "layers": 1,
    "dropout": 0.0,
}  # fmt: skip
MODELS: dict[str, dict[str, object]] = {
    "dlinear": {"network": {"name": "dlinear", "lookback": 8, "horizon": 4}, "fit": FIT},
    "patchtst": {
        "network": {"name": "patchtst", "lookback": 16, "horizon": 4, **PATCHES}, "fit": FIT,
        "auxiliary_weight": 0.5,
    },
    "itransformer": {
        "network": {
            "name": "itransformer", "lookback": 8, "horizon": 4, "width": 8, "heads": 2,
            "layers": 1, "feed_forward": 16, "dropout": 0.0,
        },
        "fit": FIT,
    },
    "trees": {"network": {"name": "lightgbm", "leaf_samples": 20}, "lookback": 4},
    "trees_of_classes": {
        "network": {"name": "lightgbm", "leaf_samples": 20, "objective": "classification"},
        "lookback": 4,
    },
    "last": {"network": {"name": "repeat_last", "lookback": 4, "horizon": 4}},
    "mlm": {
        "network": {
            "name": "brooks_mlm", "max_length": 8, "width": 16, "layers": 1, "heads": 2,
            "dropout": 0.0,
        },
        "fit": FIT,
    },
    "classifier": {
        "network": {"name": "brooks_classifier"}, "starts_from": "mlm", "fit": FIT, "lookback": 6,
    },
    **{
        name: {**token_models.MODELS[name], "fit": FIT}
        for name in ("tagger_crf", "fused_direction")
    },
    # One step or two: a language model of nine constant fields has little to say.
    "fields": {
        **token_models.MODELS["fields"], "fit": {**FIT, "epochs": 1, "learning_rate": 0.0005},
    },
    "fields_classifier": {
        **token_models.MODELS["classifier"], "fit": {**FIT, "epochs": 8, "learning_rate": 0.003},
    },
}  # fmt: skip
FIRST = {"feature": "log_return", "family": "log_return", "field": "trend"}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Subject, Findings]]:
    """Train a model where it is first asked for, and what it starts from."""
    lake = Lake(tmp_path_factory.mktemp("explained"))
    toy.fill(lake)
    experiment = toy.experiment(models=MODELS)
    fold = train.experiment_folds(lake, experiment)[0]
    train.fit_vocabulary(lake, experiment, fold)

    @cache
    def trained(name: str) -> None:
        for parent in experiment.model(name).parents.values():
            trained(parent)
        train.train_model(lake, experiment, fold, name, NullTracker())

    @cache
    def open_one(name: str) -> tuple[Subject, Findings]:
        trained(name)
        subject = subject_of(lake, experiment, name)
        return subject, examine(subject, {}, experiment.data.label, CONFIG)

    return open_one


def subject_of(lake: Lake, experiment: ExperimentConfig, name: str) -> Subject:
    fold = train.experiment_folds(lake, experiment)[0]
    vocabulary = train.open_vocabulary(lake, experiment, fold)
    return open_subject(lake, experiment, fold, name, vocabulary)[0]


NETWORKS = {
    "dlinear": {"feature", "lag", "family"},
    "itransformer": {"feature", "lag", "family"},
    "trees": {"feature", "lag", "family"},
    "trees_of_classes": {"feature", "lag", "family"},
    "classifier": {"position", "field"},
    "fields_classifier": {"position", "field"},
    "tagger_crf": {"position", "field"},
    "fused_direction": {"position", "field"},
    "patchtst": {"feature", "lag", "family", "patch"},
    "last": {"family"},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_the_label_depends_on_comes_first_in_every_method(
    name: str, opened: Callable[[str], tuple[Subject, Findings]]
) -> None:
    _, found = opened(name)
    assert {one.group for one in found.measured} == NETWORKS[name]
    for one in found.measured:
        assert np.isfinite(one.value).all()
        if one.group in FIRST and len(one.names) > 1:
            assert one.names[int(np.argmax(one.value))] == FIRST[one.group], (name, one.method)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_sum_is_complete(
    name: str, opened: Callable[[str], tuple[Subject, Findings]]
) -> None:
    _, found = opened(name)
    assert found.completeness
    for row in found.completeness:
        assert row["passed"], (row["error"], row)


def measured(found: Findings, method: str, group: str) -> dict[str, float]:
    one = next(m for m in found.measured if (m.method, m.group) == (method, group))
    return dict(zip(one.names, one.value, strict=True))


def test_permuting_what_does_not_matter_costs_nothing(
    opened: Callable[[str], tuple[Subject, Findings]],
) -> None:
    values = measured(opened("trees")[1], "permutation", "family")
    assert abs(values["noise"]) < 0.2 * values["log_return"]
    for name in ("classifier", "fields_classifier"):
        fields = measured(opened(name)[1], "permutation", "field")
        assert fields["trend"] > 0.01
        constant = {field: loss for field, loss in fields.items() if field != "trend"}
        assert all(abs(loss) < 1e-6 for loss in constant.values())


def test_attention_is_told_layer_by_layer_and_is_a_distribution(
    opened: Callable[[str], tuple[Subject, Findings]],
) -> None:
    for name in ("classifier", "patchtst"):
        for frame in opened(name)[1].attention:
            sums = frame.groupby(["layer", "head", "query"])["weight"].sum()
            np.testing.assert_allclose(sums, 1, atol=1e-5)
            assert "rollout" in set(frame["layer"])


def test_why_a_method_is_absent_is_told(
    opened: Callable[[str], tuple[Subject, Findings]],
) -> None:
    assert "no parameters" in opened("last")[1].not_told["integrated_gradients"]
    assert "attention" in opened("dlinear")[1].not_told


def test_the_score_is_what_was_predicted(
    opened: Callable[[str], tuple[Subject, Findings]],
) -> None:
    """Where p(up) / p(down) is predicted, the score is its logarithm, class weights aside."""
    subject, _ = opened("fields_classifier")
    some = subject.windows.taken(np.arange(20))
    batch = subject.batch(some)
    said = subject.said(batch)
    weights = np.log(np.array(subject.model.record.class_weights or (1.0,) * 3))
    odds = np.log(said[:, 2] / said[:, 0]) + weights[2] - weights[0]
    np.testing.assert_allclose(subject.score(batch).detach().numpy(), odds, atol=1e-5)


def test_no_window_outside_the_test_span_is_read(
    opened: Callable[[str], tuple[Subject, Findings]],
) -> None:
    subject, _ = opened("fields_classifier")
    windows = subject.windows
    sessions = windows.column("session")
    assert subject.fold.test.mask(sessions).all()
    for one in windows.series:
        assert one.session.max() <= np.datetime64(subject.fold.test.last)
    early = Timeline(windows.series, windows.number[:1], windows.place[:1] - 2 * toy.BARS,
                     windows.offsets)  # fmt: skip
    planted = Subject(**{**vars(subject), "windows": early})
    with pytest.raises(LookAheadError, match="not tested on"):
        examine(planted, {}, "forward_return_3", CONFIG)


@pytest.mark.parametrize("name", ["trees", "classifier"])
def test_a_fold_that_has_nothing_to_read_says_so(
    name: str, opened: Callable[[str], tuple[Subject, Findings]]
) -> None:
    subject, _ = opened(name)
    none = subject.windows.taken(np.arange(0))
    found = examine(Subject(**{**vars(subject), "windows": none}), {}, "forward_return_3", CONFIG)
    assert not found.measured
    method = "tree_shap" if name == "trees" else "integrated_gradients"
    assert {method, "permutation"} <= set(found.not_told)


def test_a_fold_without_a_known_label_goes_without_permutation(
    opened: Callable[[str], tuple[Subject, Findings]],
) -> None:
    subject, _ = opened("trees")
    windows = subject.windows
    unknown = tuple(
        replace(
            one,
            labels={
                name: replace(label, value=np.full_like(label.value, np.nan))
                for name, label in one.labels.items()
            },
        )
        for one in windows.series
    )
    planted = Subject(**{**vars(subject), "windows": replace(windows, series=unknown)})
    found = examine(planted, {}, "forward_return_3", CONFIG)
    assert found.not_told["permutation"] == "no test window's label is known"
    assert {one.method for one in found.measured} == {"tree_shap"}


@pytest.mark.parametrize(("count", "most"), [(1000, 600), (601, 600), (1000, 64), (10, 20)])
def test_windows_are_spread_over_the_span_and_drawn_once(count: int, most: int) -> None:
    for seed in range(20):
        drawn = _spread(count, most, seed)
        assert len(np.unique(drawn)) == len(drawn) == min(count, most)
        assert (np.diff(drawn) > 0).all()
        assert drawn[0] >= 0
        assert drawn[-1] < count


def test_a_fold_weighs_by_its_windows() -> None:
    def one(value: float, windows: int) -> Measured:
        draws = np.full((4, 1), value)
        return Measured(
            "permutation", "field", "rank IC", ("trend",), np.array([value]), draws, windows
        )

    table = rows_of("net", {"a": [one(1.0, 10)], "b": [one(4.0, 20)]}, 0.9)
    whole = table[table["fold"] == "all"].iloc[0]
    assert whole["value"] == pytest.approx(3.0)
    assert whole["windows"] == 30
    assert len(table) == 3
