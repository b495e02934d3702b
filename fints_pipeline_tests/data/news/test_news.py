"""News: parsing, sentiment, and counts on bars as of each close."""

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.base.errors import FormatError, SchemaError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.data.news import ingest, per_bar, read_tweets, score
from fints_pipeline.data.news.lexicon import NEGATIONS, NEGATIVE, POSITIVE
from fints_pipeline.data.news.on_bars import COLUMNS
from fints_pipeline.data.news.stocknet import Item

START = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "positive", "negative", "leaning"),
    [
        ("strong growth after weak year", 2, 1, 1 / 3),
        ("is anyone not bullish on $ aapl ?", 0, 1, -1.0),
        ("they don't expect any more losses", 0, 1, -1.0),
        ("don't expect losses", 1, 0, 1.0),
        ("don\u2019t expect losses", 1, 0, 1.0),
        ("not never bullish", 1, 0, 1.0),
        ("not one two three bullish", 1, 0, 1.0),
        ("#Surges, Plunges!", 1, 1, 0.0),
        ("the price of a share", 0, 0, 0.0),
        ("", 0, 0, 0.0),
    ],
)
def test_score(text: str, positive: int, negative: int, leaning: float):
    found = score(text.split())
    assert (found.words, found.positive, found.negative) == (len(text.split()), positive, negative)
    assert found.leaning == pytest.approx(leaning)


def test_the_lexicon_says_one_thing_of_a_word():
    assert not POSITIVE & NEGATIVE
    assert not NEGATIONS & (POSITIVE | NEGATIVE)
    words = POSITIVE | NEGATIVE | NEGATIONS
    assert all(word == word.casefold() and " " not in word for word in words)
    assert len(POSITIVE) > 150
    assert len(NEGATIVE) > 150


def tweet(text: str, moment: str = "Mon Mar 04 14:31:07 +0000 2024") -> str:
    return json.dumps({"text": text.split(), "created_at": moment, "user_id_str": "1"})


def archive(folder: Path, members: dict[str, str]) -> Path:
    path = folder / "tweets.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


def test_a_tweet_is_known_from_its_own_second_on(tmp_path: Path):
    # The file's day is another one, as in the real data: it does not count.
    path = archive(tmp_path, {"tweet/AAPL/2024-03-05": tweet("good day") + "\n\n"})
    assert list(read_tweets(path)) == [
        Item("AAPL", datetime(2024, 3, 4, 14, 31, 7, tzinfo=UTC), ("good", "day"))
    ]
    folder = tmp_path / "tweet" / "AAPL"
    folder.mkdir(parents=True)
    (folder / "2024-03-05").write_text(tweet("good day"))
    assert list(read_tweets(tmp_path / "tweet")) == list(read_tweets(path))


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"text": ["a"]}', tweet("a", "yesterday"), '{"text": "a", "created_at": 1}'],
)
def test_what_is_no_tweet_is_refused_with_its_place(tmp_path: Path, line: str):
    path = archive(tmp_path, {"t/AAPL/2024-03-04": tweet("fine") + "\n" + line})
    with pytest.raises(FormatError, match=r"t/AAPL/2024-03-04, line 2"):
        list(read_tweets(path))


def test_a_broken_archive_is_refused(tmp_path: Path):
    path = archive(tmp_path, {"t/AAPL/2024-03-04": tweet("fine " * 500)})
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(FormatError, match="cannot be read"):
        list(read_tweets(path))


def test_ingest_is_idempotent_and_cut_by_month(lake: Lake):
    items = [
        Item("AAPL", START + minute * MINUTE, ("strong", "rally", str(minute)))
        for minute in (3, 1, 1, 60 * 24 * 31)
    ]
    first = ingest(lake, "stocknet", items, "a.tar", "0" * 64)
    assert {key: footer.rows for key, footer in first.items()} == {
        ("stocknet.AAPL", "2024-03"): 2,
        ("stocknet.AAPL", "2024-04"): 1,
    }
    again = ingest(lake, "stocknet", items[::-1], "a.tar", "0" * 64)
    assert {key: f.digest for key, f in again.items()} == {k: f.digest for k, f in first.items()}
    more = [Item("AAPL", START, ("bad",))]
    (footer,) = ingest(lake, "stocknet", more, "b.tar", "1" * 64).values()
    rows = to_pandas(lake.read(series_key("news", "event", "stocknet.AAPL", "2024-03")))
    assert (footer.rows, rows["negative"].tolist()) == (3, [1, 0, 0])
    assert set(footer.lineage.inputs) == {"archives/a.tar", "archives/b.tar"}


def bars_from(opens: list[int]) -> pd.DataFrame:
    opened = pd.Series([START + minute * MINUTE for minute in opens])
    opened = pd.to_datetime(opened, utc=True).astype("datetime64[us, UTC]")
    closed = opened + pd.Timedelta("5min")
    return pd.DataFrame({"instrument": "x.A", "open_time": opened, "close_time": closed})


def items_from(rows: list[tuple[int, int, int]]) -> pd.DataFrame:
    """Return (second, positive words, negative words) rows."""
    known = pd.Series([START + timedelta(seconds=second) for second, _, _ in rows])
    frame = pd.DataFrame(
        {"known_at": pd.to_datetime(known, utc=True).astype("datetime64[us, UTC]")}
    )
    frame["positive"] = np.array([good for _, good, _ in rows], dtype=np.int64)
    frame["negative"] = np.array([bad for _, _, bad in rows], dtype=np.int64)
    return frame


def twin(bars: pd.DataFrame, items: pd.DataFrame, lag: timedelta) -> list[list[float]]:
    rows, before = [], bars["open_time"].iloc[0] if len(bars) else None
    for close in bars["close_time"]:
        fresh = [i for i in items.itertuples() if before < i.known_at + lag <= close]
        good, bad = sum(i.positive for i in fresh), sum(i.negative for i in fresh)
        rows.append([len(fresh), good, bad, (good - bad) / (good + bad) if good + bad else 0.0])
        before = close
    return rows


OPENS = st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True).map(
    lambda steps: [5 * step for step in sorted(steps)]
)
SECONDS = st.one_of(st.integers(-300, 9500), st.integers(0, 30).map(lambda bar: bar * 300))
ITEMS = st.lists(st.tuples(SECONDS, st.integers(0, 3), st.integers(0, 3)), max_size=20)


@settings(max_examples=80)
@given(opens=OPENS, rows=ITEMS, lag=st.integers(0, 400).map(lambda s: timedelta(seconds=s)))
def test_per_bar_equals_its_slow_twin(opens, rows, lag):
    bars, items = bars_from(opens), items_from(rows)
    found = per_bar(bars, items, lag)
    assert tuple(found.columns) == COLUMNS
    np.testing.assert_allclose(found.to_numpy(), twin(bars, items, lag))


@settings(max_examples=40)
@given(opens=OPENS, rows=ITEMS, cut=st.integers(0, 12))
def test_later_news_changes_no_earlier_bar_and_months_add_up(opens, rows, cut):
    bars, items = bars_from(opens), items_from(rows)
    whole = per_bar(bars, items)
    cut = min(cut, len(bars) - 1)
    known = items[items["known_at"] <= bars["close_time"].iloc[cut]]
    head = bars.iloc[: cut + 1]
    pd.testing.assert_frame_equal(per_bar(head, known), whole.iloc[: cut + 1])
    rest = per_bar(bars.iloc[cut:], items).iloc[1:]  # one bar more, dropped afterwards
    pd.testing.assert_frame_equal(rest, whole.iloc[cut + 1 :])


def test_news_of_the_night_belongs_to_the_first_bar_after_it():
    items = items_from([(300, 1, 0), (301, 0, 2), (3600, 3, 0), (60000, 1, 0)])
    found = per_bar(bars_from([0, 500]), items)
    assert found["news_count"].tolist() == [1, 2]
    assert found["news_leaning"].tolist() == [1.0, pytest.approx(0.2)]


def test_a_negative_lag_is_refused():
    with pytest.raises(SchemaError, match="look ahead"):
        per_bar(bars_from([0]), items_from([]), -MINUTE)


@pytest.mark.shared_data
def test_stocknet(shared_data: Path, lake: Lake):
    path = shared_data / "news" / "stocknet" / "tweets_AAPL_AMZN_BAC.tar.gz"
    items = list(read_tweets(path))
    assert len(items) == 27_110
    assert {item.symbol for item in items} == {"AAPL", "AMZN", "BAC"}
    footers = ingest(lake, "stocknet", items, path.name, "0" * 64)
    assert sum(footer.rows for footer in footers.values()) == 26_995  # 115 stand there twice
    months = lake.months("news", "event", "stocknet.AAPL")
    assert (months[0], months[-1]) == ("2013-12", "2015-12")
    news = to_pandas(lake.read(series_key("news", "event", "stocknet.AAPL", "2015-07")))
    leaning = (news["positive"] > 0) | (news["negative"] > 0)
    assert 0.2 < leaning.mean() < 0.8
    # The days on which Apple's quarter disappointed, 21 July 2015 after the close, and the next.
    day = news["known_at"].dt.strftime("%Y-%m-%d")
    assert news.groupby(day).size().idxmax() in ("2015-07-21", "2015-07-22")
