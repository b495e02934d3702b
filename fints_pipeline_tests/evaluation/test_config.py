"""The backtest's config: the documented keys load, and rules reach the engine."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from fints_pipeline.evaluation.config import BacktestConfig, Capacity

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "backtest.md"


def config(**changes) -> BacktestConfig:
    basis = {"experiment": "e", "model": "m", "costs": {}, "threshold": {"fixed": 0}}
    return BacktestConfig.model_validate({**basis, **changes})


def test_every_key_on_the_page_is_one():
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    told = config(**yaml.safe_load(block))
    assert told.limits.participation == 0.05
    assert told.costs_of("lean.SPY").half_spread_bps == 0.2
    assert told.costs_of("lean.IBM") is told.costs


def test_the_smaller_of_two_gross_caps_counts():
    assert config(sizing={"max_leverage": 2}).account.limits.gross == 2
    limits = {"gross": 1.5, "initial_margin": 0.5}
    account = config(sizing={"max_leverage": 2}, limits=limits).account
    assert account.limits.gross == 1.5
    assert account.limits.most_leverage == 2


def test_the_estimates_say_how_far_back_they_look():
    costs = {"impact": 1, "impact_window": 60}
    assert config(costs=costs).sessions_before == 60
    assert config(costs={"impact_window": 60}).sessions_before == 20
    limits = {"participation": 0.1, "participation_window": 90}
    assert config(costs=costs, limits=limits).sessions_before == 90


def test_what_changes_an_order_changes_the_fingerprint():
    plain = config().strategy_fingerprint
    assert config(stops={"trailing": 0.1}).strategy_fingerprint != plain
    assert config(limits={"net": 0.1}).strategy_fingerprint != plain
    assert config(capacity={"points": 5}).strategy_fingerprint == plain


def test_capitals_ascend():
    assert Capacity(smallest=1, largest=100, points=3).capitals == pytest.approx([1, 10, 100])
    assert (np.diff(Capacity().capitals) > 0).all()
    with pytest.raises(ValidationError, match="must be above"):
        Capacity(smallest=2, largest=1)


def test_kelly_and_a_proportional_signal_are_refused():
    with pytest.raises(ValidationError, match="scales what Kelly"):
        config(sizing={"kind": "kelly"}, strength="proportional")
