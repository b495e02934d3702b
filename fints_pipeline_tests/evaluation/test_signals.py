"""Thresholds and scales come from the validation span; the test span changes neither."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from fints_pipeline.base.errors import KeyNotFoundError, SchemaError
from fints_pipeline.evaluation.config import BacktestConfig, Threshold
from fints_pipeline.evaluation.distribution import LEVELS
from fints_pipeline.evaluation.signals import signals


def config(**changes) -> BacktestConfig:
    basis = {"experiment": "e", "model": "m", "costs": {}, "threshold": {"quantile": 0.5}}
    return BacktestConfig.model_validate({**basis, **changes})


def rows(span: str, p_up=(), expected=(), fold: str = "2023-02-01", day: int = 1) -> pd.DataFrame:
    count = max(len(p_up), len(expected))
    times = pd.date_range(f"2023-02-{day:02d}", periods=count, freq="5min", tz="UTC")
    up = np.array(p_up, float) if len(p_up) else np.full(count, np.nan)
    return pd.DataFrame(
        {
            "fold": fold, "model": "m", "instrument": "made.UP", "close_time": times,
            "session": times.tz_localize(None).normalize(), "span": span,
            "expected_return": list(expected) or np.nan, "p_up": up, "p_down": 1 - up,
            "p_flat": up * 0, "label": 0.0, **dict.fromkeys(LEVELS, np.nan),
        }
    )  # fmt: skip


def test_edge_and_threshold_by_hand():
    # Validation edges |2p - 1|: 0.2, 0.4, 0.6: the median is 0.4.
    frame = pd.concat(
        [rows("validation", [0.6, 0.3, 0.8]), rows("test", [0.75, 0.65, 0.3, np.nan], day=2)]
    )
    found = signals(frame, "m", config())
    assert found["threshold"].unique() == pytest.approx([0.4])
    assert found["edge"].to_numpy()[:3] == pytest.approx([0.5, 0.3, -0.4])
    assert found["signal"].to_numpy()[:3].tolist() == [1.0, 0.0, -1.0]
    assert np.isnan(found["signal"].iloc[3])


def test_expected_return_is_scaled_by_the_validation_span():
    frame = pd.concat(
        [
            rows("validation", expected=[-2.0, 2.0]),
            rows("test", expected=[1.0, -8.0], day=2),
        ]
    )
    found = signals(frame, "m", config(threshold={"fixed": 1.0}))
    assert found["edge"].tolist() == [0.5, -4.0]
    assert found["signal"].tolist() == [0.0, -1.0]


def test_kelly_of_probabilities_by_hand():
    """Validation: gains of 1 and 3 %, a loss of 1 %; a flat outcome does not count."""
    validation = rows("validation", [0.5] * 3).assign(label=[0.01, 0.03, -0.01])
    test = rows("test", [0.6, 0.2, 0.3], day=2).assign(
        p_flat=[0.0, 0.0, 0.5], p_down=[0.4, 0.8, 0.2]
    )
    found = signals(pd.concat([validation, test]), "m", config())
    assert found["kelly"].tolist() == pytest.approx(
        [0.6 / 0.01 - 0.4 / 0.02, 0.2 / 0.01 - 0.8 / 0.02, 0.6 / 0.01 - 0.4 / 0.02]
    )


def test_kelly_maximises_the_expected_growth():
    validation = rows("validation", [0.5] * 2).assign(label=[0.02, -0.01])
    found = signals(pd.concat([validation, rows("test", [0.4, 0.4], day=2)]), "m", config())
    fractions = np.linspace(-40, 40, 160_001)
    growth = 0.4 * np.log1p(fractions * 0.02) + 0.6 * np.log1p(-fractions * 0.01)
    assert found["kelly"][0] == pytest.approx(fractions[growth.argmax()], abs=1e-3)


def test_kelly_of_an_expected_return_is_mean_over_variance():
    validation = rows("validation", expected=[1.0, 2.0]).assign(label=[0.01, -0.01])
    test = rows("test", expected=[0.0002, -0.0001], day=2)
    found = signals(pd.concat([validation, test]), "m", config())
    assert found["kelly"].tolist() == pytest.approx([2.0, -1.0])


def test_kelly_without_gains_or_losses_is_unknown():
    validation = rows("validation", [0.5] * 2).assign(label=[0.01, 0.02])
    found = signals(pd.concat([validation, rows("test", [0.9], day=2)]), "m", config())
    assert found["kelly"].isna().all()


def test_proportional_strength_is_clipped():
    frame = pd.concat([rows("validation", [0.75] * 5), rows("test", [0.625, 0.95], day=2)])
    found = signals(frame, "m", config(threshold={"fixed": 0.0}, strength="proportional"))
    assert found["signal"].tolist() == pytest.approx([0.5, 1.0])


def test_a_constant_forecast_never_trades():
    frame = pd.concat(
        [rows("validation", expected=[1.0, 1.0]), rows("test", expected=[1.0, 1.0], day=2)]
    )
    assert (signals(frame, "m", config())["signal"] == 0).all()


def test_the_test_span_changes_no_threshold():
    frame = pd.concat([rows("validation", [0.6, 0.3, 0.8]), rows("test", [0.7, 0.7], day=2)])
    before = signals(frame, "m", config())
    frame.loc[frame["span"] == "test", "p_up"] = [0.7, 0.999]
    after = signals(frame, "m", config())
    assert (before["threshold"] == after["threshold"]).all()
    assert before["signal"].iloc[0] == after["signal"].iloc[0]


def test_missing_model_and_validation_span_and_overlap_are_refused():
    frame = rows("test", [0.7])
    with pytest.raises(KeyNotFoundError, match="no predictions of model 'other'"):
        signals(frame, "other", config())
    with pytest.raises(KeyNotFoundError, match="no validation predictions"):
        signals(frame, "m", config())
    twice = pd.concat(
        [
            rows(span, [0.7], fold=fold)
            for fold in ("2023-02-01", "2023-02-02")
            for span in ("validation", "test")
        ]
    )
    with pytest.raises(SchemaError, match="predict the same bar"):
        signals(twice, "m", config())


def test_exactly_one_kind_of_threshold():
    for wrong in ({}, {"fixed": 1.0, "quantile": 0.5}):
        with pytest.raises(ValidationError, match="exactly one"):
            Threshold.model_validate(wrong)


def test_strategy_fingerprint_knows_what_changes_an_order():
    basis = config()
    same = config(seed=7, compare=["x"], universe_note="hm", bootstrap={"samples": 100})
    assert same.strategy_fingerprint == basis.strategy_fingerprint
    for changed in (config(hold=3), config(costs={"fee_bps": 1}), config(strength="proportional")):
        assert changed.strategy_fingerprint != basis.strategy_fingerprint


def test_the_primary_is_not_compared_with_itself():
    with pytest.raises(ValidationError, match="names the primary model"):
        config(compare=["m"])
