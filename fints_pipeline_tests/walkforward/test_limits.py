"""Configs of limits and stops: what they refuse and how they read."""

import math

import pytest
from pydantic import ValidationError

from fints_pipeline.walkforward.limits import Limits, Stops


def test_initial_margin_is_a_leverage():
    assert Limits().most_leverage == math.inf
    assert Limits(initial_margin=0.25).most_leverage == 4
    assert Limits(initial_margin=0.25, leverage=3).most_leverage == 3


def test_maintenance_stays_below_initial():
    with pytest.raises(ValidationError, match="must be below initial_margin"):
        Limits(initial_margin=0.2, maintenance_margin=0.25)


def test_a_stop_is_a_fraction():
    assert not Stops().any
    assert Stops(trailing=0.1).any
    with pytest.raises(ValidationError, match="less than 1"):
        Stops(stop_loss=5)
