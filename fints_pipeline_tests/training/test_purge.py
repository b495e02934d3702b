"""Samples: what a split may contain, on one series."""

import numpy as np
import pytest

from fints_pipeline import train
from fints_pipeline.base.lake import Lake
from fints_pipeline.training import classify
from fints_pipeline.training.dataset import Columns, load_dataset, until_validation
from fints_pipeline.training.forecast import _split, channels_of, label_steps
from fints_pipeline.training.tokens import TokenLine
from fints_pipeline.training.windows import WindowTable
from fints_pipeline.walkforward.folds import Span
from fints_pipeline_tests.training import toy


def test_windows_and_targets_stay_in_their_spans(toy_lake: Lake) -> None:
    experiment = toy.experiment(
        folds={"train": 20, "validation": 5, "test": 5, "embargo": 0},
    )
    model = experiment.models.patchtst
    assert model is not None
    model = model.model_copy(update={"fit": model.fit.model_copy(update={"stride": 1})})
    fold = train.experiment_folds(toy_lake, experiment)[0]
    columns = Columns(channels_of(experiment), (experiment.data.label,))
    span = Span(fold.train.first, fold.test.last)
    series = load_dataset(toy_lake, experiment.data, columns, span).series[:1]
    parts = _split(experiment, model, fold, series, WindowTable([series[0].features]))
    names = (("train", "validation"), ("validation", "test"))
    for split, (own, later) in zip(parts, names, strict=True):
        rows = split.rows.numpy()
        assert len(rows)
        assert fold.spans[own].mask(series[0].session[rows]).all()
        opens = series[0].open_time[fold.spans[later].mask(series[0].session)].min()
        assert (series[0].labels[experiment.data.label].end[rows] <= opens).all()
        assert (series[0].close_time[rows + model.network.horizon] <= opens).all()
        assert not series[0].is_filled[rows].any()
        first = np.flatnonzero(fold.train.mask(series[0].session))[0]
        assert (rows - model.network.lookback + 1 >= first).all()


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
def test_patchtst_learns_from_no_label_that_outlasts_what_training_loads(
    toy_lake: Lake, embargo: int
) -> None:
    experiment = toy.experiment(
        folds={"train": 20, "validation": 5, "test": 5, "embargo": embargo},
    )
    model = experiment.models.patchtst
    assert model is not None
    model = model.model_copy(update={"fit": model.fit.model_copy(update={"stride": 1})})
    fold = train.experiment_folds(toy_lake, experiment)[0]
    columns = Columns(channels_of(experiment), (experiment.data.label,))
    (one, _) = load_dataset(toy_lake, experiment.data, columns, until_validation(fold)).series
    _, validation = _split(experiment, model, fold, (one,), WindowTable([one.features]))
    rows = validation.rows.numpy()
    assert len(rows)
    assert (one.labels[experiment.data.label].end[rows] <= one.close_time[-1]).all()


@pytest.mark.parametrize("embargo", [0, 1])
def test_the_classifier_learns_from_no_label_that_outlasts_what_training_loads(
    toy_lake: Lake, embargo: int
) -> None:
    experiment = toy.experiment(
        folds={"train": 20, "validation": 5, "test": 5, "embargo": embargo},
    )
    model = experiment.models.classifier
    assert model is not None
    model = model.model_copy(update={"fit": model.fit.model_copy(update={"stride": 1})})
    fold = train.experiment_folds(toy_lake, experiment)[0]
    name = experiment.data.direction_label
    columns = Columns(labels=(name,), tokens=("trend",))
    (one, _) = load_dataset(toy_lake, experiment.data, columns, until_validation(fold)).series
    own = one.good_bars()
    line = TokenLine(own, own.tokens[:, 0].astype(np.int64))
    learned, validation = classify._split(experiment, model, fold, (line,), lookback=6)
    ends = own.labels[name].end
    assert (ends[validation.rows.numpy()] <= own.close_time[-1]).all()
    first = own.open_time[fold.validation.mask(own.session)].min()
    assert (ends[learned.rows.numpy()] <= first).all()
    # The labels of the last rows end in sessions that nobody may look into yet.
    assert len(ends) - 1 - validation.rows.numpy().max() >= toy.HORIZON
