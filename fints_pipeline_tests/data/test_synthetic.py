"""The synthetic market is what its documentation says it is."""

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.config import load_config
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.data import partition
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.price_paths import PathModel, simulate
from fints_pipeline.data.staging import stage_inbox
from fints_pipeline.data.synthetic import (
    EDGE_SYMBOL,
    SYMBOLS,
    SyntheticMarket,
    make_market,
    scheduled_sessions,
)

HALF_DAYS = {"2024-07-03", "2024-11-29", "2024-12-24"}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> SyntheticMarket:
    return make_market(tmp_path_factory.mktemp("synthetic"))


def rows(archive: Path) -> list[list[str]]:
    with zipfile.ZipFile(archive) as opened:
        text = opened.read(f"{archive.stem}.csv").decode()
    return list(csv.reader(io.StringIO(text)))


def delivered(market: SyntheticMarket, symbol: str) -> pd.DataFrame:
    lines = [row for path in market.archives if path.stem.startswith(symbol) for row in rows(path)]
    names = ["open_time", "open", "high", "low", "close", "volume"]
    frame = pd.DataFrame([line[:6] for line in lines], columns=names, dtype=float)
    opened = pd.to_datetime(frame["open_time"].astype(np.int64), unit="ms", utc=True)
    return frame.assign(open_time=opened, session=opened.dt.strftime("%Y-%m-%d"))


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second, other = (
        make_market(tmp_path / name, seed, "2024-07", "2024-07")
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    for one, two, three in zip(first.archives, second.archives, other.archives, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert one.stat().st_mtime == two.stat().st_mtime
        assert one.read_bytes() != three.read_bytes()


def test_layout_is_binances(market: SyntheticMarket) -> None:
    assert len(market.archives) == 18
    for archive in market.archives:
        digest, name = Path(f"{archive}.CHECKSUM").read_text().split()
        assert name == archive.name
        assert digest == hashlib.sha256(archive.read_bytes()).hexdigest()
    for row in rows(market.archives[0]):
        assert len(row) == 12
        assert int(row[6]) - int(row[0]) == 59_999
        opened, high, low, close = map(float, row[1:5])
        assert low <= min(opened, close) <= max(opened, close) <= high


def test_every_price_is_a_multiple_of_the_tick(market: SyntheticMarket) -> None:
    for archive in market.archives:
        prices = np.array([row[1:5] for row in rows(archive)], dtype=float) * 100
        np.testing.assert_allclose(prices, np.round(prices), atol=1e-6)


def test_sessions_hold_the_real_half_days(market: SyntheticMarket) -> None:
    counts = delivered(market, EDGE_SYMBOL).groupby("session").size()
    assert len(counts) == 128
    assert set(counts[counts == 210].index) == HALF_DAYS
    assert set(counts[~counts.index.isin(HALF_DAYS)]) == {390}


def test_broken_archive_fails_its_crc_alone(market: SyntheticMarket) -> None:
    digest, _ = Path(f"{market.broken}.CHECKSUM").read_text().split()
    assert digest == hashlib.sha256(market.broken.read_bytes()).hexdigest()
    with zipfile.ZipFile(market.broken) as opened:
        assert opened.testzip() == "WALKA-1m-2024-06.csv"
    assert market.broken not in market.archives


def test_missing_stretch_is_missing_and_nothing_else(market: SyntheticMarket) -> None:
    assert market.hole is not None
    everything = market.paths["WALKA"]["open_time"]
    missing = everything[~everything.isin(delivered(market, "WALKA")["open_time"])]
    assert list(missing) == list(pd.date_range(*market.hole, freq="1min"))
    assert len(missing) == 40


def test_split_halves_the_price_and_doubles_the_volume(market: SyntheticMarket) -> None:
    assert market.actions.read_text().splitlines()[1:] == [f"WALKB,{market.split_date},split,2.0"]
    bars, path = delivered(market, "WALKB"), market.paths["WALKB"]
    after = bars["session"] >= str(market.split_date)
    assert 0 < after.mean() < 1
    assert (bars["close"] - path["close"] / np.where(after, 2, 1)).abs().max() <= 0.0051
    np.testing.assert_array_equal(bars["volume"], path["volume"] * np.where(after, 2, 1))


def test_martingales_have_no_drift_and_the_edge_has_the_stated_one(market: SyntheticMarket) -> None:
    assert (market.paths["WALKA"]["drift"] == 0).all()
    assert (market.paths["WALKB"]["drift"] == 0).all()
    path = market.paths[EDGE_SYMBOL]
    assert (path["drift"] / path["sigma"]).std() == pytest.approx(0.16, abs=0.006)


def test_price_of_a_martingale_keeps_its_mean() -> None:
    # 400 markets of a week: the mean of the last price lies within 4 standard errors of 100.
    sessions = scheduled_sessions("2024-07", "2024-07").iloc[:5]
    last = [
        simulate(PathModel(start=100.0), sessions, np.random.default_rng(seed))["close"].iloc[-1]
        for seed in range(400)
    ]
    error = np.std(last) / np.sqrt(len(last))
    assert abs(np.mean(last) - 100.0) < 4 * error
    assert error < 0.3


def test_hidden_state_predicts_the_edge_and_starts_afresh_each_session() -> None:
    sessions = scheduled_sessions("2024-01", "2024-12")
    path = simulate(SYMBOLS[EDGE_SYMBOL], sessions, np.random.default_rng(1))
    moved = np.log(path["close"]).diff() / path["sigma"]
    hidden = path["drift"] / path["sigma"]
    inside = path["session"] == path["session"].shift(1)
    assert np.corrcoef(hidden[inside], moved[inside])[0, 1] == pytest.approx(0.16, abs=0.02)
    state = hidden.groupby(path["session"])
    ends, starts = state.last().to_numpy()[:-1], state.first().to_numpy()[1:]
    assert abs(np.corrcoef(ends, starts)[0, 1]) < 0.2


def test_volatility_is_u_shaped_and_clustered(market: SyntheticMarket) -> None:
    path = market.paths["WALKA"]
    minute = path.groupby("session").cumcount()
    by_minute = path.groupby(minute)[["sigma", "volume"]].mean()
    for column in by_minute:
        middle = by_minute.loc[170:220, column].mean()
        assert by_minute.loc[:10, column].mean() > 1.5 * middle
        assert by_minute.loc[380:389, column].mean() > 1.2 * middle
    spread = np.log(path["close"]).diff().abs().groupby(path["session"]).mean()
    assert spread.autocorr(1) > 0.3


def test_months_can_be_chosen(tmp_path: Path) -> None:
    market = make_market(tmp_path, 0, "2023-11", "2023-12")
    assert market.months == ("2023-11", "2023-12")
    assert market.broken.name == "WALKA-1m-2023-10.zip"
    assert market.hole is None
    assert market.split_date is not None


def test_the_data_stage_finds_what_was_planted(tmp_path: Path, lake: Lake, project: Path) -> None:
    market = make_market(tmp_path / "inbox" / "synthetic", 0, "2024-08", "2024-10")
    path = project / "configs" / "data" / "synthetic.yaml"
    config = load_config(path, DatasetConfig, section="dataset")
    assert config.synthetic
    report = stage_inbox(tmp_path / "inbox", lake, [config])
    assert len(report.accepted) == len(market.archives) + 1
    assert [Path(refused.path).name for refused in report.quarantined] == [market.broken.name]

    def bars(symbol: str, month: str) -> pd.DataFrame:
        partition.build(lake, config, f"synthetic.{symbol}", month)
        return to_pandas(lake.read(series_key("bars", "1m", f"synthetic.{symbol}", month)))

    filled = bars("WALKA", market.months[2]).query("is_filled")
    assert market.hole is not None
    assert list(filled["open_time"]) == list(pd.date_range(*market.hole, freq="1min"))
    split = bars("WALKB", market.months[1])
    after = split["session"] >= pd.Timestamp(str(market.split_date))
    assert (split["split_factor"] == np.where(after, 2.0, 1.0)).all()
    adjusted = split["close"] * split["split_factor"]
    assert np.log(adjusted).diff().abs().max() < 0.05
    assert np.log(split["close"]).diff().abs().max() > 0.6
