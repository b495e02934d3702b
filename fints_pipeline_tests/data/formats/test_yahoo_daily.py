import io
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.formats.yahoo_daily import YahooDaily
from fints_pipeline_tests.data.formats.members import member, named

FORMAT = YahooDaily()
DAYS = pd.to_datetime(["2020-08-27", "2020-08-28", "2020-08-31", "2020-09-01"])
# As traded: a 4:1 split on the 31st, a dividend of 0.80 old shares' money before it.
RAW = np.array([500.04, 499.24, 129.04, 134.18])
ADJUSTED = RAW / [4, 4, 1, 1]


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Open": ADJUSTED,
            "High": ADJUSTED + 1,
            "Low": ADJUSTED - 1,
            "Close": ADJUSTED,
            "Adj Close": ADJUSTED * 0.9,
            "Volume": [400, 800, 300, 100],
            "Dividends": [0.2, 0, 0, 0],
            "Stock Splits": [0, 0, 4.0, 0],
        },
        index=pd.Index(DAYS, name="Date"),
    )


def two_levels(tickers: list[str]) -> pd.DataFrame:
    return pd.concat({ticker: frame() for ticker in tickers}, axis=1).swaplevel(axis=1)


def one_level_csv(columns: list[str] | None = None) -> bytes:
    table = frame() if columns is None else frame()[columns]
    return table.to_csv().encode()


def parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def two_level_csv() -> bytes:
    table = two_levels(["AAPL", "TWIN"])
    levels = [table.columns.get_level_values(level) for level in (0, 1)]
    lines = ["Price," + ",".join(levels[0]), "Ticker," + ",".join(levels[1]), "Date" + "," * 16]
    return ("\n".join(lines) + "\n" + table.to_csv(header=False)).encode()


@pytest.mark.parametrize(
    "content",
    [
        one_level_csv(),
        two_level_csv(),
        parquet(two_levels(["AAPL"])),
        parquet(two_levels(["AAPL", "TWIN"])),
        parquet(frame()),
        parquet(frame().tz_localize("America/New_York")),
    ],
    ids=["csv", "two-level csv", "one ticker", "two tickers", "one level", "aware"],
)
def test_recorded_splits_are_undone(tmp_path: Path, content: bytes):
    file = member(tmp_path, content, "AAPL.csv", timezone="America/New_York", frequency="1D")
    assert FORMAT.recognise(file).matches, FORMAT.recognise(file)
    bars = FORMAT.read(file)
    rows = bars.table.to_pylist()[:4]
    assert [row["close"] for row in rows] == RAW.tolist()
    assert [row["volume"] for row in rows] == [100, 200, 300, 100]
    assert [row["open_time"].date() for row in rows] == [day.date() for day in DAYS]
    assert bars.actions is not None
    found = {row["kind"]: (row["ex_date"], row["value"]) for row in bars.actions.to_pylist()}
    assert found == {"split": (date(2020, 8, 31), 4.0), "dividend": (date(2020, 8, 27), 0.8)}
    if bars.symbols is not None:
        assert set(bars.symbols.to_pylist()) <= {"AAPL", "TWIN"}
        assert len(bars.symbols) == bars.table.num_rows


def test_rows_where_a_ticker_did_not_trade_are_passed_over(tmp_path: Path):
    table = two_levels(["AAPL", "TWIN"])
    table.loc[DAYS[0], pd.IndexSlice[:, "TWIN"]] = np.nan
    bars = FORMAT.read(member(tmp_path, parquet(table), frequency="1D"))
    assert bars.table.num_rows == 7
    assert "TWIN: 1 rows without a price passed over" in bars.notes


def test_without_recorded_splits_it_says_so(tmp_path: Path):
    columns = ["Open", "High", "Low", "Close", "Adj Close", "Volume"]
    bars = FORMAT.read(member(tmp_path, one_level_csv(columns), frequency="1D"))
    assert "prices stay adjusted" in bars.notes[0]
    assert bars.table.column("close").to_pylist() == ADJUSTED.tolist()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Date,Open,High,Low,Close,Volume\n2020-01-01,1,1,1,1,1\n",
        b"Date,Open,High,Low,Adj Close,Volume\n2020-01-01,1,1,1,1,1\n",
        b"a,b\n1,2\n",
        parquet(frame().drop(columns="Low")),
        parquet(frame().reset_index(drop=True)),
    ],
)
def test_other_content_is_not_recognised(tmp_path: Path, content: bytes):
    evidence = FORMAT.recognise(member(tmp_path, content))
    assert not evidence.matches
    assert evidence.reasons


def test_a_negative_split_is_refused(tmp_path: Path):
    table = frame()
    table.loc[DAYS[2], "Stock Splits"] = -4.0
    with pytest.raises(ArchiveError, match="zero or a ratio"):
        FORMAT.read(member(tmp_path, parquet(table)))


def test_symbols_come_from_names():
    assert FORMAT.symbol(named("BRK-B.parquet", "BRK-B.parquet")) == "BRK-B"
    assert FORMAT.symbol(named("SPY_1d.csv", "x.zip")) == "SPY"
