"""Months in the lake: the state handed on, and what makes a month stale."""

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.errors import ConfigError, FormatError, KeyNotFoundError
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Lake, Lineage, series_key
from fints_pipeline.base.lake.lineage import staleness
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.tokenizers import partition
from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer, Parameters
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.tokenizers.run import tokenize_month
from fints_pipeline_tests.strategies import random_bars

AAA = "test.AAA"
CONFIG = TokenizeConfig()


def put(lake: Lake, bars: pd.DataFrame) -> list[str]:
    """Write bars by the month of their session; return the months."""
    months = bars["session"].dt.strftime("%Y-%m")
    for month, rows in bars.groupby(months):
        table = to_arrow(rows, BARS.arrow_schema)
        lake.write(series_key("bars", "5m", AAA, month), table, BARS, Lineage("1", "test"))
    return sorted(months.unique())


def build(lake: Lake, month: str, config: TokenizeConfig = CONFIG, tick: float | None = 0.01):
    return partition.build(lake, config, "5m", AAA, month, tick=tick, session_mode="reset")


@pytest.fixture
def bars() -> pd.DataFrame:
    return random_bars(900, seed=3, splits=0.05)


@pytest.mark.parametrize("tick", [0.01, None])
def test_months_in_order_equal_one_pass(lake: Lake, bars: pd.DataFrame, tick) -> None:
    months = put(lake, bars)
    assert len(months) > 3
    for month in months:
        build(lake, month, tick=tick)
    got = to_pandas(lake.read_range("tokens", "5m", AAA, months[0], months[-1]))
    whole = BrooksTokenizer(tick=0.01, session_mode="reset").encode(bars)
    assert np.array_equal(got[list(FIELDS)].to_numpy(), whole)
    keys = ["instrument", "open_time", "close_time", "session", "is_filled"]
    pd.testing.assert_frame_equal(got[keys], bars[keys])


def test_a_month_does_not_start_before_the_one_before(lake: Lake, bars: pd.DataFrame) -> None:
    months = put(lake, bars)
    with pytest.raises(KeyNotFoundError, match=f"{months[0]} has not been tokenized"):
        build(lake, months[1])


def test_a_change_in_an_earlier_month_makes_the_later_ones_stale(
    lake: Lake, bars: pd.DataFrame
) -> None:
    months = put(lake, bars)
    for month in months[:3]:
        build(lake, month)
    keys = [series_key("tokens", "5m", AAA, month) for month in months[:3]]
    assert not any(staleness(lake, key) for key in keys)
    bars.loc[100, "high"] += 3.0
    put(lake, bars)
    assert [bool(staleness(lake, key)) for key in keys] == [True, False, False]
    build(lake, months[0])
    assert [bool(staleness(lake, key)) for key in keys] == [False, True, False]


def test_a_month_that_arrives_late_makes_the_next_one_stale(lake: Lake, bars: pd.DataFrame) -> None:
    months = bars["session"].dt.strftime("%Y-%m")
    first, second, third = sorted(months.unique())[:3]
    put(lake, bars[months.isin([first, third])])
    build(lake, first)
    build(lake, third)
    put(lake, bars[months == second])
    build(lake, second)
    reasons = staleness(lake, series_key("tokens", "5m", AAA, third)).reasons
    assert reasons == (f"tokens/5m/{AAA}/{second} has arrived",)


@pytest.mark.parametrize("earlier", [0, 2])
def test_a_month_before_the_first_one_makes_it_stale(
    lake: Lake, bars: pd.DataFrame, earlier: int
) -> None:
    """However much earlier it is: it gives the first one another state to start from."""
    months = bars["session"].dt.strftime("%Y-%m")
    names = sorted(months.unique())
    put(lake, bars[months == names[3]])
    build(lake, names[3])
    key = series_key("tokens", "5m", AAA, names[3])
    assert not staleness(lake, key)
    put(lake, bars[months == names[earlier]])
    build(lake, names[earlier])
    reasons = staleness(lake, key).reasons
    assert reasons == (f"tokens/5m/{AAA}/before {names[3]} has arrived",)
    build(lake, names[3])
    assert not staleness(lake, key)


def test_rebuilding_what_is_stale_gives_the_digests_of_one_clean_pass(
    lake: Lake, bars: pd.DataFrame, tmp_path
) -> None:
    """Also where the change moves no token of its own month, only the state that it hands on."""
    months = put(lake, bars)
    for month in months:
        build(lake, month)
    flat = bars.index[(bars["session"].dt.strftime("%Y-%m") == months[1]) & ~bars["is_filled"]][-2]
    bars.loc[flat, ["open", "high", "low", "close"]] += 0.01
    put(lake, bars)
    rebuilt = []
    for month in months:
        if staleness(lake, series_key("tokens", "5m", AAA, month)):
            build(lake, month)
            rebuilt.append(month)
    assert rebuilt == months[1:]
    clean = Lake(tmp_path / "clean")
    put(clean, bars)
    for month in months:
        key = series_key("tokens", "5m", AAA, month)
        assert build(clean, month).digest == lake.footer(key).digest
        assert clean.footer(key).lineage == lake.footer(key).lineage
        assert not staleness(lake, key)


def test_a_month_of_another_grammar_is_not_continued(lake: Lake, bars: pd.DataFrame) -> None:
    months = put(lake, bars)
    build(lake, months[0])
    other = TokenizeConfig(parameters=Parameters(long_atr=1.6))
    with pytest.raises(ConfigError, match="the state was made with grammar"):
        build(lake, months[1], other)


def test_the_footer_tells_the_grammar(lake: Lake, bars: pd.DataFrame) -> None:
    footer = build(lake, put(lake, bars)[0])
    assert footer.extra["grammar"] == CONFIG.grammar_hash
    assert footer.schema_name == "tokens"


def test_prices_off_the_grid_are_refused_where_the_config_says_so(bars: pd.DataFrame) -> None:
    bars.loc[7, "close"] += 0.004
    bars.loc[7, "high"] += 0.01
    tokenize_month(CONFIG, bars, 0.01, "reset")
    with pytest.raises(FormatError, match="row 7"):
        tokenize_month(TokenizeConfig(off_grid="refuse"), bars, 0.01, "reset")
    with pytest.raises(FormatError, match="not a tokenizer state"):
        tokenize_month(CONFIG, bars, 0.01, "reset", b"nonsense")
