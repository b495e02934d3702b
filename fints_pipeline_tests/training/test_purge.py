"""Samples: what a split may contain, on one series."""

import numpy as np
import pytest

from fints_pipeline import train
from fints_pipeline.base.lake import Lake
from fints_pipeline.training.channels import label_steps
from fints_pipeline.training.class_labels import DIRECTIONS, Classes
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.dataset import Columns, load_dataset, until_validation
from fints_pipeline.training.job import Job
from fints_pipeline.training.tasks import classify_tokens, forecast
from fints_pipeline.training.token_form import FlatForm
from fints_pipeline.training.token_labels import TokenSettings
from fints_pipeline.training.tokens import TokenData, TokenLine
from fints_pipeline.walkforward.folds import Span
from fints_pipeline_tests.training import toy


def experiment_of(model: str, embargo: int) -> ExperimentConfig:
    """Return the toy's model with every bar a sample."""
    content = toy.changed(model, fit={"stride": 1}).model_dump(mode="json")
    content["folds"] |= {"embargo": embargo}
    return ExperimentConfig.model_validate(content)


def test_windows_and_targets_stay_in_their_spans(toy_lake: Lake) -> None:
    experiment = experiment_of("patchtst", embargo=0)
    model = experiment.models["patchtst"]
    fold = train.experiment_folds(toy_lake, experiment)[0]
    span = Span(fold.train.first, fold.test.last)
    data = forecast.load(toy_lake, experiment, model, None, span)
    series = data.series[:1]
    window = forecast.read_window(Job(experiment, fold, "patchtst", data), model, fold, series)
    parts = (window.chosen.train, window.chosen.validation)
    names = (("train", "validation"), ("validation", "test"))
    for split, (own, later) in zip(parts, names, strict=True):
        rows = split.numpy()
        assert len(rows)
        assert fold.spans[own].mask(series[0].session[rows]).all()
        opens = series[0].open_time[fold.spans[later].mask(series[0].session)].min()
        assert (series[0].labels[experiment.data.label].end[rows] <= opens).all()
        assert (series[0].close_time[rows + window.horizon] <= opens).all()
        assert not series[0].is_filled[rows].any()
        first = np.flatnonzero(fold.train.mask(series[0].session))[0]
        assert (rows - window.lookback + 1 >= first).all()


def test_label_steps_are_counted_from_the_data(toy_lake: Lake) -> None:
    experiment = toy.experiment()
    fold = train.experiment_folds(toy_lake, experiment)[0]
    columns = Columns(("log_return",), (experiment.data.label,))
    (one, _) = load_dataset(toy_lake, experiment.data, columns, fold.train).series
    label = one.labels[experiment.data.label]
    assert label_steps(label, one.open_time) == toy.HORIZON
    row = 5
    returns = one.features[row + 1 : row + 1 + toy.HORIZON, 0].sum()
    np.testing.assert_allclose(label.value[row], returns)


@pytest.mark.parametrize("embargo", [0, 1])
def test_a_forecaster_learns_from_no_label_that_outlasts_what_training_loads(
    toy_lake: Lake, embargo: int
) -> None:
    experiment = experiment_of("patchtst", embargo)
    model = experiment.models["patchtst"]
    fold = train.experiment_folds(toy_lake, experiment)[0]
    data = forecast.load(toy_lake, experiment, model, None, until_validation(fold))
    one = data.series[0]
    window = forecast.read_window(Job(experiment, fold, "patchtst", data), model, fold, (one,))
    rows = window.chosen.validation.numpy()
    assert len(rows)
    assert (one.labels[experiment.data.label].end[rows] <= one.close_time[-1]).all()


@pytest.mark.parametrize("embargo", [0, 1])
def test_a_classifier_learns_from_no_label_that_outlasts_what_training_loads(
    toy_lake: Lake, embargo: int
) -> None:
    experiment = experiment_of("classifier", embargo)
    model = experiment.models["classifier"]
    fold = train.experiment_folds(toy_lake, experiment)[0]
    name = experiment.data.direction_label
    columns = Columns(labels=(name,), tokens=("trend",))
    (one, _) = load_dataset(toy_lake, experiment.data, columns, until_validation(fold)).series
    own = one.good_bars()
    line = TokenLine(own, own.tokens[:, 0].astype(np.int64))
    data = TokenData((line,), {}, FlatForm(()), {})
    classes = Classes(tuple(DIRECTIONS), tuple(DIRECTIONS.values()))
    settings = TokenSettings(model.network, 6)
    learned, validation, _ = classify_tokens.labelled_splits(
        model, fold, data, name, classes, settings
    )
    ends = own.labels[name].end
    assert (ends[validation.rows.numpy()] <= own.close_time[-1]).all()
    first = own.open_time[fold.validation.mask(own.session)].min()
    assert (ends[learned.rows.numpy()] <= first).all()
    # The labels of the last rows end in sessions that nobody may look into yet.
    assert len(ends) - 1 - validation.rows.numpy().max() >= toy.HORIZON
