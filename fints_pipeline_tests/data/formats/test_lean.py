from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.formats._lean import read_factors
from fints_pipeline.data.formats.lean_daily import LeanDaily
from fints_pipeline.data.formats.lean_minute import LeanMinute
from fints_pipeline_tests.data.archive_builders import klines
from fints_pipeline_tests.data.formats.members import member, named

DAILY = (
    b"20140606 00:00,6499000,6512000,6444700,6455700,12497000\n"
    b"20140609 00:00,9270,9388,9175,9370,7\n"
)
MINUTE = b"34200000,6499000,6512000,6444700,6455700,1249\n34260000,1,2,1,2,0\n"
MINUTE_NAME = "20140311_aapl_minute_trade.csv"
FACTORS = (
    b"19980102,0.86,0.0357143,1\n20120808,0.86,0.0357143,619.86\n"
    b"20140606,0.87,0.1428571,645.57\n20200828,0.87,0.25,499.23\n20501231,1,1,0\n"
)


def test_daily_prices_are_scaled_and_stamps_are_days(tmp_path: Path):
    file = member(tmp_path, DAILY, "aapl.csv", frequency="1D")
    assert LeanDaily().recognise(file).matches
    rows = LeanDaily().read(file).table.to_pylist()
    assert (rows[0]["open"], rows[0]["close"], rows[0]["volume"]) == (649.9, 645.57, 12497000)
    assert rows[1]["open_time"] == datetime(2014, 6, 9, tzinfo=UTC)
    assert LeanDaily().symbol(named("tap.a.csv", "tap.a.zip")) == "TAP.A"


def test_minutes_count_from_midnight_on_the_day_of_the_name(tmp_path: Path):
    file = member(tmp_path, MINUTE, MINUTE_NAME, "20140311_trade.zip", "America/New_York")
    assert LeanMinute().recognise(file).matches
    rows = LeanMinute().read(file).table.to_pylist()
    assert rows[0]["open_time"] == datetime(2014, 3, 11, 13, 30, tzinfo=UTC)
    assert rows[0]["high"] == 651.2
    assert LeanMinute().symbol(file) == "AAPL"
    assert not LeanMinute().recognise(member(tmp_path, MINUTE, "x.csv")).matches


@pytest.mark.parametrize("bad", [b"86400000,1,1,1,1,1\n", b"-1,1,1,1,1,1\n", b",1,1,1,1,1\n"])
def test_a_time_outside_the_day_is_refused(tmp_path: Path, bad: bytes):
    with pytest.raises(ArchiveError, match="a time of the day") as refusal:
        LeanMinute().read(member(tmp_path, MINUTE + bad, MINUTE_NAME))
    assert "row 3, column milliseconds" in str(refusal.value)


@pytest.mark.parametrize("form", [LeanDaily(), LeanMinute()])
def test_factor_files_give_splits_and_dividends(tmp_path: Path, form: LeanDaily | LeanMinute):
    file = member(tmp_path, FACTORS, "aapl.csv")
    assert form.recognise(file).holds == "actions"
    actions = form.read(file).actions
    assert actions is not None
    found = {(row["kind"], row["ex_date"]): row["value"] for row in actions.to_pylist()}
    assert found[("split", date(2012, 8, 9))] == 4.0
    assert found[("split", date(2014, 6, 7))] == 1.75
    assert found[("split", date(2020, 8, 29))] == 4.0
    assert found[("dividend", date(2012, 8, 9))] == pytest.approx(619.86 * (1 - 0.86 / 0.87), 1e-5)
    assert ("dividend", date(2014, 6, 7)) not in found


@pytest.mark.parametrize("form", [LeanDaily(), LeanMinute()])
def test_map_files_tell_which_ticker_an_instrument_had(
    tmp_path: Path, form: LeanDaily | LeanMinute
):
    content = b"20040819,goog,Q\n20140402,goog,Q\n20501231,googl,Q\n"
    file = member(tmp_path, content, "googl.csv")
    assert form.recognise(file).holds == "tickers"
    tickers = form.read(file).tickers
    assert tickers is not None
    assert [tuple(row.values()) for row in tickers.to_pylist()] == [
        ("GOOG", date(2004, 8, 19), date(2014, 4, 2), "Q"),
        ("GOOGL", date(2014, 4, 3), date(2050, 12, 31), "Q"),
    ]
    assert form.symbol(file) == "GOOGL"


def test_the_first_day_of_leans_data_stands_for_ever(tmp_path: Path):
    file = member(tmp_path, b"19980102,twx\n20010111,twx\n", "twx.1.csv")
    tickers = LeanDaily().read(file).tickers
    assert tickers is not None
    (row,) = tickers.to_pylist()
    assert (row["first_day"], row["last_day"]) == (date(1900, 1, 1), date(2001, 1, 11))
    assert LeanDaily().symbol(file) == "TWX.1"


@pytest.mark.parametrize("factors", [b"1,0", b"0,1", b"inf,1", b"1,inf", b"1,-1", b"1,1e-320"])
def test_a_factor_that_is_none_is_named(tmp_path: Path, factors: bytes):
    content = b"19980102,0.5,0.5,10\n20100101," + factors + b",0\n20501231,1,1,0\n"
    file = member(tmp_path, content, "msft.csv")
    with pytest.raises(ArchiveError, match="is not a factor above 0 and finite") as refusal:
        read_factors(file)
    assert "msft.csv, row 2, column " in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"20140402,goog,Q\n20040819,goog,Q\n", "row 2.*"),
        (b"20040819,goog,Q\n20140231,goog,Q\n", "'20140231' is not a day"),
        (b"20040819,goog,Q\n20140402,go og,Q\n", "'GO OG' has characters"),
        (b"20040819,goog,Q\n" * 12 + b"20140402\n", "1 cells where day, ticker"),
    ],
)
def test_a_wrong_row_of_a_map_file_is_named(tmp_path: Path, content: bytes, words: str):
    file = member(tmp_path, content, "goog.csv")
    assert LeanDaily().recognise(file).holds == "tickers"
    with pytest.raises(ArchiveError, match=words if "row" not in words else None) as refusal:
        LeanDaily().read(file)
    assert "goog.csv, row " in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [b"", klines(), b"20140606 00:00,649.9,651.2,644.4,645.5,1\n", b"20140606,1,1,1,1,1\n",
     b"PAR1 nonsense"],
)  # fmt: skip
def test_other_content_is_not_recognised(tmp_path: Path, content: bytes):
    for form in (LeanDaily(), LeanMinute()):
        try:
            evidence = form.recognise(member(tmp_path, content, MINUTE_NAME))
        except ArchiveError:
            continue
        assert not evidence.matches
        assert evidence.reasons
