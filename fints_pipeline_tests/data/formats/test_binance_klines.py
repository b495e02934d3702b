from datetime import UTC, datetime
from pathlib import Path

import pytest

from fints_pipeline.base.components import available
from fints_pipeline.base.errors import ArchiveError, ConfigError
from fints_pipeline.data.formats._base import PARSED_SCHEMA, Format
from fints_pipeline.data.formats.binance_klines import BinanceKlines
from fints_pipeline_tests.data.archive_builders import FIRST_MS, histdata, klines
from fints_pipeline_tests.data.formats.members import member, named

FORMAT = BinanceKlines()
HEADERS = [
    b"open_time,open,high,low,close,volume,close_time,quote_volume,count,a,b,ignore\n",
    b"Open time,Open,High,Low,Close,Volume,Close time,Quote,Trades,A,B,Ignore\n",
]


def read(tmp_path: Path, content: bytes) -> list[dict[str, object]]:
    file = member(tmp_path, content)
    assert FORMAT.recognise(file).matches
    table = FORMAT.read(file).table
    assert table.schema == PARSED_SCHEMA
    return table.to_pylist()


def test_formats_are_found_by_file_name():
    assert available("fints_pipeline.data.formats", Format) == [
        "binance_klines",
        "custom",
        "histdata_m1",
        "ibkr_bars",
        "lean_daily",
        "lean_minute",
        "pystock",
        "yahoo_daily",
    ]
    assert FORMAT.name == "binance_klines"


@pytest.mark.parametrize("scale", [1, 1000])
def test_rows_are_read_in_either_unit(tmp_path: Path, scale: int):
    rows = read(tmp_path, klines(3, scale=scale))
    assert rows[1] == {
        "open_time": datetime(2023, 1, 1, 0, 1, tzinfo=UTC),
        "open": 101.0,
        "high": 103.0,
        "low": 99.0,
        "close": 102.0,
        "volume": 11.0,
        "source_row": 2,
    }
    assert len(rows) == 3


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_header_and_byte_order_mark_are_tolerated(tmp_path: Path, header: bytes, mark: bytes):
    rows = read(tmp_path, mark + header + klines(3))
    assert [row["source_row"] for row in rows] == [2, 3, 4]
    assert rows[0]["open"] == 100.0


def test_no_first_row_is_eaten(tmp_path: Path):
    assert read(tmp_path, klines(1))[0]["source_row"] == 1


def test_unit_may_change_within_a_file(tmp_path: Path):
    content = klines(2) + klines(2, FIRST_MS + 120_000, scale=1000)
    bars = FORMAT.read(member(tmp_path, content))
    minutes = [each.minute for each in bars.table.column("open_time").to_pylist()]
    assert minutes == [0, 1, 2, 3]
    assert bars.notes == ("rows 1 to 2: epochs in ms", "rows 3 to 4: epochs in µs")


def test_values_that_are_wrong_but_numbers_are_kept_for_the_cleaner(tmp_path: Path):
    content = klines(4).replace(b",101.0,", b",,").replace(b",102.0,104.0", b",inf,-1")
    rows = read(tmp_path, content)
    assert rows[1]["open"] is None
    assert (rows[2]["open"], rows[2]["high"]) == (float("inf"), -1.0)


@pytest.mark.parametrize("rows", [30, 60_000])
def test_bad_cell_is_named_wherever_it_is(tmp_path: Path, rows: int):
    bad = klines(1).replace(b",99.0,", b",9 9,").replace(b",98.0,", b",9 9,")
    file = member(tmp_path, klines(rows) + bad, archive="a.zip")
    with pytest.raises(ArchiveError, match="cell '9 9' is not a number") as refusal:
        FORMAT.read(file)
    assert refusal.value.where == f"a.zip: f.csv, row {rows + 1}, column low"


def test_another_formats_content_is_not_recognised(tmp_path: Path):
    evidence = FORMAT.recognise(member(tmp_path, histdata(["20180101 170000"] * 3)))
    assert not evidence.matches
    assert "columns" in evidence.reasons[0] or "header" in evidence.reasons[0]


def test_symbols_come_from_names():
    assert FORMAT.symbol(named("BTCUSDT-1m-2023-01.csv", "x.zip")) == "BTCUSDT"
    assert FORMAT.symbol(named("some/folder/BTC-USD-1m-2023-01-31.csv", "x.zip")) == "BTC-USD"
    assert FORMAT.symbol(named("data.csv", "ETHUSDT-1m-2023-01.zip")) == "ETHUSDT"
    with pytest.raises(ArchiveError, match="neither name holds a symbol"):
        FORMAT.symbol(named("BTCUSDT-5m-2023-01.csv", "x.zip"))
    with pytest.raises(ArchiveError, match="characters other than"):
        FORMAT.symbol(named("BTC USDT-1m-2023-01.csv", "x.zip"))


def test_epochs_count_in_utc_only():
    FORMAT.check_zone("UTC")
    with pytest.raises(ConfigError, match="UTC epochs"):
        FORMAT.check_zone("America/New_York")
