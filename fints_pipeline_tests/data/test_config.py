from pathlib import Path

import pytest

from fints_pipeline.base.config import load_config, parse_config
from fints_pipeline.base.errors import ConfigError, KeyNotFoundError
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline_tests.data.raw import config


@pytest.mark.parametrize(
    ("name", "calendar", "has_volume"),
    [("binance", "crypto_24_7", True), ("histdata", "fx_24_5", False)],
)
def test_the_shipped_configs_load(project: Path, name: str, calendar: str, has_volume: bool):
    path = project / "configs" / "data" / f"{name}.yaml"
    loaded = load_config(path, DatasetConfig, section="dataset")
    assert loaded.name == name
    assert (loaded.calendar, loaded.has_volume) == (calendar, has_volume)
    assert loaded.model_frequency in loaded.frequencies


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("calendar", "XNYX", "did you mean 'XNYS'"),
        ("timezone", "Mars/Base", "not a time zone"),
        ("timezone", "../UTC", "not a time zone"),
        ("base_frequency", "48h", "shorter than a day"),
        ("base_frequency", "fast", "'fast' is not a frequency"),
        ("frequencies", ["5m", "30m"], "must begin with the base frequency, 1m"),
        ("frequencies", [], "must begin with the base frequency"),
        ("frequencies", ["1m", "30m", "5m"], "ascending"),
        ("frequencies", ["1m", "5m", "5m"], "ascending"),
        ("frequencies", ["1m", "2D"], "longer than a session"),
        ("model_frequency", "15m", "not among frequencies"),
        ("ticks", {"AAA": 0.0}, "must be positive"),
        ("max_fill_minutes", -1, "greater than or equal to 0"),
        ("name", "My.Data", "pattern"),
        ("quote", "ask", "'trade' or 'bid'"),
        ("versions", "newest", "'first_known' or 'latest'"),
        ("extended_minutes_before", -1, "greater than or equal to 0"),
        ("colour", "red", "unknown"),
    ],
)
def test_a_wrong_value_is_refused_by_key(key: str, value: object, message: str):
    values = config().model_dump() | {key: value}
    with pytest.raises(ConfigError, match=f"`{key}`") as error:
        parse_config(values, DatasetConfig, where="x.yaml")
    assert message in str(error.value)


def test_frequencies_must_be_multiples_of_the_base():
    values = config().model_dump() | {"base_frequency": "2m", "frequencies": ["2m", "5m"]}
    with pytest.raises(ConfigError, match="5m is no multiple of 2m"):
        parse_config(values, DatasetConfig, where="x.yaml")


def test_instruments_and_symbols():
    dataset = config()
    assert dataset.instrument("BRK.B") == "test.BRK.B"
    assert dataset.symbol("test.BRK.B") == "BRK.B"
    assert dataset.tick("AAA") == 0.01
    with pytest.raises(KeyNotFoundError, match=r"test\.<symbol>"):
        dataset.symbol("other.AAA")
    with pytest.raises(KeyNotFoundError, match="no tick for 'AAB'"):
        dataset.tick("AAB")


def test_synthetic_data_says_so():
    assert config(synthetic=True).display_name == "test (SYNTHETIC)"
    assert config().display_name == "test"


def test_a_source_of_daily_bars_makes_daily_bars():
    daily = config(base_frequency="1D", frequencies=["1D"], model_frequency="1D")
    assert daily.is_daily
    assert not config().is_daily


def test_one_tick_can_stand_for_all_other_symbols():
    many = config(ticks={"A": 0.05, "*": 0.01})
    assert (many.tick("A"), many.tick("ZZZ")) == (0.05, 0.01)


def test_a_symbols_own_calendar_must_be_one_and_rules_have_parameters():
    values = config().model_dump() | {"calendars": {"SPX": "us_index"}}
    with pytest.raises(ConfigError, match="did you mean 'us_index_cfd'"):
        parse_config(values, DatasetConfig, where="x.yaml")
    values = config().model_dump() | {"rules": {"bad_ticks": {"width": 0}}}
    with pytest.raises(ConfigError, match=r"`rules\.bad_ticks\.width`"):
        parse_config(values, DatasetConfig, where="x.yaml")


def test_the_index_cfd_of_histdata_keeps_its_own_hours(project: Path):
    path = project / "configs" / "data" / "histdata.yaml"
    loaded = load_config(path, DatasetConfig, section="dataset")
    assert loaded.calendar_of("SPXUSD").name == "us_index_cfd"
    assert loaded.calendar_of("EURUSD").name == "fx_24_5"
