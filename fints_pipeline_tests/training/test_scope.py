"""Which bars are predicted: every so many of a session, and the same as if all were."""

from dataclasses import replace

import numpy as np

from fints_pipeline.training.dataset import Columns, load_dataset
from fints_pipeline.training.predict import predict_model
from fints_pipeline.training.prediction_table import joined
from fints_pipeline.training.scope import bar_of_session
from fints_pipeline_tests.training import toy
from fints_pipeline_tests.training.conftest import TrainedToy


def test_bars_are_counted_from_their_sessions_first(trained: TrainedToy) -> None:
    span = trained.fold.test
    data = load_dataset(trained.lake, trained.experiment.data, Columns(("noise",)), span)
    for series in data.series:
        counted = bar_of_session(series, 5)
        for session in np.unique(series.session):
            assert counted[series.session == session].tolist() == list(range(toy.BARS))
        kept = np.flatnonzero(counted != 7)
        fewer = replace(
            series,
            open_time=series.open_time[kept],
            close_time=series.close_time[kept],
            session=series.session[kept],
        )
        # A missing bar is counted all the same.
        assert (bar_of_session(fewer, 5) == counted[kept]).all()


def test_every_so_many_bars_are_predicted_as_they_would_be_among_all(trained: TrainedToy) -> None:
    lake, fold = trained.lake, trained.fold
    rare = toy.changed("patchtst", predict_every=8)
    every, eighth = (
        joined(part.tables).to_pandas()
        for config in (trained.experiment, rare)
        if (part := predict_model(lake, config, fold, "patchtst", None)) is not None
    )
    both = every.merge(eighth, on=["instrument", "close_time"], suffixes=("", "_rare"))
    assert len(both) == len(eighth)
    assert (
        len(eighth) == toy.BARS / 8 * eighth[["instrument", "session"]].drop_duplicates().shape[0]
    )
    np.testing.assert_allclose(
        both["expected_return"], both["expected_return_rare"], rtol=1e-5, atol=1e-9
    )
