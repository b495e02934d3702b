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

from fints_pipeline.base.config import load_config
from fints_pipeline.base.errors import ArchiveError, FormatError, SchemaError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.data.news import NewsConfig, build, per_bar, score, subjects
from fints_pipeline.data.news.items import read_items, why_not
from fints_pipeline.data.news.lexicon import NEGATIONS, NEGATIVE, POSITIVE
from fints_pipeline.data.news.on_bars import COLUMNS
from fints_pipeline.data.news.partition import stale
from fints_pipeline.data.outside_building import ingest_file
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.schemas.news_bars import COUNTS

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


@pytest.fixture
def tweets(project: Path) -> NewsConfig:
    return load_config(project / "configs" / "news" / "stocknet.yaml", NewsConfig)


def month(lake: Lake, name: str) -> pd.DataFrame:
    return to_pandas(lake.read(series_key("news", "event", "stocknet.AAPL", name)))


def test_a_tweet_is_known_from_its_own_second_on(lake: Lake, tmp_path: Path, tweets: NewsConfig):
    # The file's day is another one, as in the real data: it does not count.
    path = archive(tmp_path, {"tweet/AAPL/2024-03-05": tweet("good day") + "\n\n"})
    ingest_file(lake, path, tweets)
    (row,) = month(lake, "2024-03").itertuples()
    assert row.known_at == pd.Timestamp("2024-03-04T14:31:07Z")
    assert (row.text, row.words, row.positive, row.negative) == ("good day", 2, 1, 0)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"text": ["a"]}', tweet("a", "yesterday"), '{"text": 1, "created_at": 1}'],
)
def test_what_is_no_tweet_is_refused_with_its_place(
    lake: Lake, tmp_path: Path, line: str, tweets: NewsConfig
):
    path = archive(tmp_path, {"t/AAPL/2024-03-04": tweet("fine") + "\n" + line})
    with pytest.raises(FormatError, match=r"t/AAPL/2024-03-04(, line|: row) 2"):
        ingest_file(lake, path, tweets)
    assert not subjects(lake)


def test_a_broken_archive_is_refused(lake: Lake, tmp_path: Path, tweets: NewsConfig):
    path = archive(tmp_path, {"t/AAPL/2024-03-04": tweet("fine " * 500)})
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ArchiveError, match=r"truncated|end"):
        ingest_file(lake, path, tweets)


def test_a_table_of_headlines_is_news_too(tmp_path: Path):
    config = NewsConfig(
        name="wire", time="at", text="headline", symbol="ticker", timezone="America/New_York"
    )
    path = tmp_path / "wire.csv"
    path.write_text('ticker,at,headline\nBAC,2024-07-01 09:30:00,"Strong,  really"\n')
    file = SourceFile(path, path.name, path.name)
    assert why_not(file, config) is None
    assert "no folder" in (why_not(file, config.model_copy(update={"symbol": None})) or "")
    (row,) = read_items(file, config).itertuples(index=False)
    assert (row.symbol, row.text) == ("BAC", "Strong, really")
    assert row.published_at == pd.Timestamp("2024-07-01T13:30Z")


@pytest.mark.parametrize("symbol", ["BTC/USD", None, 7, ""])
def test_an_item_of_no_symbol_is_refused_with_its_line(tmp_path: Path, symbol: object):
    config = NewsConfig(name="wire", time="at", text="headline", symbol="ticker")
    item = {"ticker": "BAC", "at": "2024-07-01T13:30:00Z", "headline": "Strong"}
    path = tmp_path / "wire.json"
    path.write_text("\n".join(json.dumps(each) for each in (item, item | {"ticker": symbol})))
    with pytest.raises(FormatError, match=r"wire\.json, line 2") as refusal:
        read_items(SourceFile(path, path.name, path.name), config)
    assert "symbol" in refusal.value.what
    if isinstance(symbol, str):
        path = tmp_path / "wire.csv"
        path.write_text(
            f"ticker,at,headline\nBAC,2024-07-01,a\nBAC,2024-07-01,b\n{symbol},2024-07-01,c\n"
        )
        with pytest.raises(FormatError, match=r"wire\.csv: row 3"):
            read_items(SourceFile(path, path.name, path.name), config)


def test_a_folder_that_is_no_symbol_is_refused(lake: Lake, tmp_path: Path, tweets: NewsConfig):
    path = archive(tmp_path, {"t/BTC USD/2024-03-04": tweet("fine")})
    with pytest.raises(FormatError, match="BTC USD"):
        ingest_file(lake, path, tweets)
    assert not subjects(lake)


def test_ingest_is_idempotent_and_cut_by_month(lake: Lake, tmp_path: Path, tweets: NewsConfig):
    lines = [
        tweet("strong rally", f"{day} 14:3{minute}:00 +0000 2024")
        for day, minute in (("Mon Mar 04", 3), ("Mon Mar 04", 1), ("Mon Mar 04", 1),
                            ("Thu Apr 04", 0))
    ]  # fmt: skip
    ingest_file(lake, archive(tmp_path, {"t/AAPL/a": "\n".join(lines)}), tweets)
    assert (len(month(lake, "2024-03")), len(month(lake, "2024-04"))) == (2, 1)
    key = series_key("news", "event", "stocknet.AAPL", "2024-03")
    before = lake.footer(key).digest
    # The same items in another order are another archive, and the same news.
    ingest_file(lake, archive(tmp_path, {"t/AAPL/b": "\n".join(lines[::-1])}), tweets)
    assert lake.footer(key).digest == before
    ingest_file(lake, archive(tmp_path, {"t/AAPL/c": tweet("bad")}), tweets)
    assert month(lake, "2024-03")["negative"].tolist() == [0, 1, 0]
    assert not list(stale(lake, "stocknet.AAPL"))
    assert build(lake, "stocknet.AAPL", "2024-03").rows == 3


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
        heard = [i.known_at for i in items.itertuples() if i.known_at + lag <= close]
        if not heard or close - max(heard) > AGE:
            rows.append([np.nan] * 4)
            before = close
            continue
        fresh = [i for i in items.itertuples() if before < i.known_at + lag <= close]
        good, bad = sum(i.positive for i in fresh), sum(i.negative for i in fresh)
        rows.append([len(fresh), good, bad, (good - bad) / (good + bad) if good + bad else 0.0])
        before = close
    return rows


AGE = timedelta(minutes=40)
OPENS = st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True).map(
    lambda steps: [5 * step for step in sorted(steps)]
)
SECONDS = st.one_of(st.integers(-300, 9500), st.integers(0, 30).map(lambda bar: bar * 300))
ITEMS = st.lists(st.tuples(SECONDS, st.integers(0, 3), st.integers(0, 3)), max_size=20)


@settings(max_examples=80)
@given(opens=OPENS, rows=ITEMS, lag=st.integers(0, 400).map(lambda s: timedelta(seconds=s)))
def test_per_bar_equals_its_slow_twin(opens, rows, lag):
    bars, items = bars_from(opens), items_from(rows)
    found = per_bar(bars, items, lag, AGE)
    assert tuple(found.columns) == COLUMNS
    np.testing.assert_allclose(found[list(COUNTS)].to_numpy(), twin(bars, items, lag))
    assert (found["known_at"].isna() == found["count"].isna()).all()
    known = found["known_at"].notna()
    assert (found["known_at"] + lag <= bars["close_time"])[known].all()


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
    assert found["count"].tolist() == [1, 2]
    assert found["leaning"].tolist() == [1.0, pytest.approx(0.2)]


def test_a_negative_lag_is_refused():
    with pytest.raises(SchemaError, match="look ahead"):
        per_bar(bars_from([0]), items_from([]), -MINUTE)


@pytest.mark.shared_data
def test_stocknet(shared_data: Path, lake: Lake, tweets: NewsConfig):
    path = shared_data / "news" / "stocknet" / "tweets_AAPL_AMZN_BAC.tar.gz"
    intake = ingest_file(lake, path, tweets)
    assert intake.delivery.rows == 27_110
    assert intake.delivery.instruments == ("stocknet.AAPL", "stocknet.AMZN", "stocknet.BAC")
    footers = [lake.footer(key) for key in lake.keys("news")]
    assert sum(footer.rows for footer in footers) == 26_995  # 115 stand there twice
    months = lake.months("news", "event", "stocknet.AAPL")
    assert (months[0], months[-1]) == ("2013-12", "2015-12")
    news = month(lake, "2015-07")
    leaning = (news["positive"] > 0) | (news["negative"] > 0)
    assert 0.2 < leaning.mean() < 0.8
    # The days on which Apple's quarter disappointed, 21 July 2015 after the close, and the next.
    day = news["known_at"].dt.strftime("%Y-%m-%d")
    assert news.groupby(day).size().idxmax() in ("2015-07-21", "2015-07-22")
