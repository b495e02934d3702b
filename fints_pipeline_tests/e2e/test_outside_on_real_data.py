"""The volatility index and tweets, from their files in the inbox to feature columns of Apple."""

import itertools
import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from fints_pipeline import pipeline
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import series_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.definitions import build
from fints_pipeline.defs.deliveries import outdated_sources
from fints_pipeline.defs.launch import Launcher
from fints_pipeline.defs.reconcile import outdated

pytestmark = pytest.mark.shared_data

AAPL = "yahoo.AAPL"
NEWS = """
news:
  - {source: stocknet, lag_minutes: 1}
"""
FEATURES = """features:
  - {name: exogenous, source: vix, values: [close]}
  - {name: news, source: stocknet, values: [count, leaning]}
"""


@pytest.fixture
def locations(tmp_path: Path, project: Path, shared_data: Path) -> Locations:
    """Return folders with two months of Apple's days, all of the index, all of the tweets."""
    shutil.copytree(project / "configs", tmp_path / "configs")
    config = tmp_path / "configs" / "data" / "yahoo.yaml"
    config.write_text(config.read_text().replace("features:\n", FEATURES, 1) + NEWS)
    inbox = tmp_path / "inbox"
    (inbox / "yahoo").mkdir(parents=True)
    stocknet = shared_data / "news" / "stocknet"
    days = (stocknet / "price" / "AAPL.csv").read_text().splitlines()
    kept = [day for day in days[1:] if "2014-03" <= day[:7] <= "2014-04"]
    (inbox / "yahoo" / "AAPL.csv").write_text("\n".join([days[0], *kept]) + "\n")
    for path in (
        shared_data / "exogenous" / "vix-daily.csv",
        stocknet / "tweets_AAPL_AMZN_BAC.tar.gz",
    ):
        (inbox / path.name).symlink_to(path)
    return Locations(tmp_path / "lake", inbox, tmp_path / "configs")


def table(locations: Locations, name: str) -> pd.DataFrame:
    keys = [series_key(name, "1D", AAPL, month) for month in ("2014-03", "2014-04")]
    return pd.concat([to_pandas(locations.lake.read(key)) for key in keys], ignore_index=True)


def test_from_the_inbox_to_columns(locations: Locations, shared_data: Path):
    with dg.instance_for_test() as instance:
        launcher = Launcher(instance, build(locations))
        pipeline.ingest_and_build(launcher, locations, pipeline.Progress())
    assert not list(outdated(locations))
    assert not list(outdated_sources(locations))
    features, counted = table(locations, "features"), table(locations, "news_bars")
    assert len(features) == len(counted) == 21 + 21
    # The market closes at 16:00 New York, the index at 16:15: a day's bar has the day before's.
    vix = pd.read_csv(shared_data / "exogenous" / "vix-daily.csv", parse_dates=["DATE"])
    day_before = np.searchsorted(vix["DATE"], features["session"]) - 1
    np.testing.assert_array_equal(features["vix_close"], vix["CLOSE"].to_numpy()[day_before])
    # Each tweet counts on the first bar that closes a minute or more after it.
    keys = [series_key("news", "event", "stocknet.AAPL", f"2014-0{month}") for month in (2, 3, 4)]
    items = pd.concat([to_pandas(locations.lake.read(key)) for key in keys])
    usable = items["known_at"] + pd.Timedelta(minutes=1)
    edges = [features["open_time"].iloc[0], *features["close_time"]]
    expected = [
        int(((usable > start) & (usable <= end)).sum()) for start, end in itertools.pairwise(edges)
    ]
    assert features["stocknet_count"].tolist() == expected
    assert sum(expected) > 1_000
    assert (counted["stocknet_known_at"] < counted["close_time"]).all()
    # On the evening of 23 April 2014 Apple announced its split and a larger buyback.
    by_day = features.set_index(features["session"].dt.strftime("%Y-%m-%d"))
    assert by_day["stocknet_count"].idxmax() == "2014-04-24"
    assert by_day.loc["2014-04-24", "stocknet_leaning"] > 0
