"""The naive forecasters by hand."""

import pytest
import torch
from pydantic import ValidationError

from fints_pipeline.models import drift, repeat_last, seasonal_naive
from fints_pipeline.models.drift import DriftConfig
from fints_pipeline.models.repeat_last import RepeatLastConfig
from fints_pipeline.models.seasonal_naive import SeasonalNaiveConfig

LEVELS = torch.tensor([[[1.0, 10.0], [2.0, 8.0], [5.0, 4.0]]])  # (1, 3, 2)
CHANGES = LEVELS.diff(dim=1)


def test_repeat_last() -> None:
    network = repeat_last.build(RepeatLastConfig(lookback=3, horizon=2))
    assert network(LEVELS)[0].tolist() == [[5, 4], [5, 4]]
    network = repeat_last.build(RepeatLastConfig(lookback=2, horizon=2, channel="change"))
    assert network(CHANGES)[0].tolist() == [[0, 0], [0, 0]]


def test_drift_goes_on_along_the_line_through_both_ends() -> None:
    network = drift.build(DriftConfig(lookback=3, horizon=2))
    assert network(LEVELS)[0].tolist() == [[7, 1], [9, -2]]
    network = drift.build(DriftConfig(lookback=2, horizon=2, channel="change"))
    assert network(CHANGES)[0].tolist() == [[2, -3], [2, -3]]


def test_levels_and_changes_say_the_same() -> None:
    of_levels = drift.build(DriftConfig(lookback=3, horizon=4))(LEVELS)
    of_changes = drift.build(DriftConfig(lookback=2, horizon=4, channel="change"))(CHANGES)
    torch.testing.assert_close(LEVELS[:, -1:] + of_changes.cumsum(1), of_levels)


def test_seasonal_naive_repeats_the_last_season() -> None:
    network = seasonal_naive.build(SeasonalNaiveConfig(lookback=5, horizon=5, season=2))
    past = torch.arange(5.0)[None, :, None]
    assert network(past).flatten().tolist() == [3, 4, 3, 4, 3]


def test_a_season_has_to_fit_into_the_window() -> None:
    with pytest.raises(ValidationError, match="season 24 is longer than lookback 5"):
        SeasonalNaiveConfig(lookback=5, season=24)
