from __future__ import annotations

from pathlib import Path

import pytest

from fints_pipeline.base.config import fingerprint, load_config
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.features import FeaturesConfig


def load(tmp_path: Path, *lines: str) -> FeaturesConfig:
    path = tmp_path / "some.yaml"
    path.write_text("features:\n" + "".join(f"  - {line}\n" for line in lines))
    return load_config(path, FeaturesConfig, section="features")


def test_columns_stand_in_the_order_of_the_lines(tmp_path: Path) -> None:
    config = load(tmp_path, "{name: atr, window: 5}", "{name: high_low_range}", "{name: gap}")
    assert config.columns == ("atr_5", "high_low_range", "gap", "gap_atr_14")
    assert config.lookback == 15


def test_one_family_twice_with_two_windows(tmp_path: Path) -> None:
    config = load(tmp_path, "{name: atr, window: 5}", "{name: atr, window: 50}")
    assert config.columns == ("atr_5", "atr_50")
    assert fingerprint(config) != fingerprint(load(tmp_path, "{name: atr, window: 5}"))


def test_the_same_column_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="atr_14"):
        load(tmp_path, "{name: atr}", "{name: atr, window: 14}")


def test_a_wrong_name_is_refused_with_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'realised_volatility'") as caught:
        load(tmp_path, "{name: realized_volatility}")
    assert "some.yaml" in str(caught.value)


@pytest.mark.parametrize("line", ["{name: atr, window: 0}", "{name: atr, windw: 3}"])
def test_a_wrong_parameter_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match="atr"):
        load(tmp_path, line)


def test_a_source_at_two_frequencies_is_refused(tmp_path: Path) -> None:
    lines = ["{name: exogenous}", "{name: exogenous, values: [other], frequency: 5m}"]
    with pytest.raises(ConfigError, match="two frequencies"):
        load(tmp_path, *lines)
