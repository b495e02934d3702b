"""The compiled kernel against the plain twin, value by value."""

from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer
from fints_pipeline_tests.tokenizers.bars import MODES, walk, walks
from fints_pipeline_tests.tokenizers.reference import reference_tokens


def assert_equals_twin(bars: pd.DataFrame, tick: float, mode: str) -> None:
    tokens = BrooksTokenizer(tick=tick, session_mode=mode).encode(bars)
    expected = reference_tokens(bars, tick, mode)
    for column, (name, values) in enumerate(FIELDS.items()):
        got = [values[code] for code in tokens[:, column]]
        want = [row[name] for row in expected]
        wrong = [i for i in range(len(bars)) if got[i] != want[i]]
        assert not wrong, f"{name}, row {wrong[0]}: {got[wrong[0]]}, not {want[wrong[0]]}"


@given(walks(max_size=400), st.sampled_from(MODES))
@settings(max_examples=60)
def test_random_bars(bars: pd.DataFrame, mode: str) -> None:
    assert_equals_twin(bars, 1.0, mode)


def test_every_value_occurs_in_what_the_twin_confirms() -> None:
    """Without this, equality could hold for want of anything to compare."""
    seen: dict[str, set[str]] = {name: set() for name in FIELDS}
    for seed in range(12):
        bars = walk(
            1200, seed, step=(3, 12)[seed % 2], wick=(2, 9)[seed % 3 > 0], trending=seed % 2 == 0,
            gaps=(0.02, 0.2)[seed % 3 == 0], bad=0.01, filled=0.01,
        )  # fmt: skip
        tokens = BrooksTokenizer(tick=1.0, session_mode=MODES[seed % 2]).encode(bars)
        assert_equals_twin(bars, 1.0, MODES[seed % 2])
        for column, (name, values) in enumerate(FIELDS.items()):
            seen[name] |= {values[code] for code in np.unique(tokens[:, column])}
    missing = {name: set(FIELDS[name]) - found for name, found in seen.items()}
    assert {name: left for name, left in missing.items() if left} == {"magnet": {"round"}}


def _real(folder, market: str) -> tuple[pd.DataFrame, float, str]:
    names = ["open", "high", "low", "close"]
    if market == "SPY":
        bars = pd.read_parquet(folder / "equity_1m" / "SPY_1m.parquet")
        clock = bars["timestamp"].dt.tz_convert("America/New_York")
        return bars[names].assign(session=clock.dt.normalize()), 0.01, "reset"
    if market == "BTCUSDT":
        path = folder / "binance" / "BTCUSDT-1m-2023-03.zip"
        bars = pd.read_csv(path, header=None, usecols=range(5), names=["time", *names])
        return bars.assign(session=bars.pop("time") // 86_400_000), 0.01, "continuous"
    path = folder / "histdata" / "HISTDATA_COM_ASCII_EURUSD_M12018.zip"
    with ZipFile(path) as archive:
        member = next(name for name in archive.namelist() if name.endswith(".csv"))
        with archive.open(member) as stream:
            bars = pd.read_csv(stream, sep=";", header=None, names=["time", *names, "volume"])
    clock = pd.to_datetime(bars["time"], format="%Y%m%d %H%M%S") + pd.Timedelta(hours=7)
    return bars[names].assign(session=clock.dt.normalize()), 0.00001, "continuous"


@pytest.mark.shared_data
@pytest.mark.parametrize("market", ["SPY", "BTCUSDT", "EURUSD"])
def test_slices_of_real_bars(market: str, shared_data) -> None:
    bars, tick, mode = _real(shared_data, market)
    for start in (0, len(bars) // 2):
        assert_equals_twin(bars.iloc[start : start + 3_000], tick, mode)
