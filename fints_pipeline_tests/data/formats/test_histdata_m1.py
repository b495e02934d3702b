from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.formats.histdata_m1 import HistdataM1
from fints_pipeline_tests.data.archive_builders import histdata, klines
from fints_pipeline_tests.data.formats.members import member, named

FORMAT = HistdataM1()
NEW_YORK = "America/New_York"
MOMENTS = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1))


def opened(tmp_path: Path, content: bytes, zone: str = NEW_YORK) -> list[datetime]:
    file = member(tmp_path, content, "f.csv", timezone=zone)
    return FORMAT.read(file).table.column("open_time").to_pylist()


def test_stamps_are_wall_clock_of_the_declared_zone(tmp_path: Path):
    content = histdata(["20180105 083000", "20180706 083000"])
    assert FORMAT.recognise(member(tmp_path, content)).matches
    assert [each.hour for each in opened(tmp_path, content)] == [13, 12]
    assert [each.hour for each in opened(tmp_path, content, "EST")] == [13, 13]


@given(moments=st.lists(MOMENTS, min_size=1, max_size=30))
def test_stamps_read_as_strptime_reads_them(
    tmp_path_factory: pytest.TempPathFactory, moments: list[datetime]
):
    whole = [each.replace(microsecond=0) for each in moments]
    content = histdata([f"{each:%Y%m%d %H%M%S}" for each in whole])
    found = opened(tmp_path_factory.mktemp("stamps"), content, "UTC")
    assert found == [each.replace(tzinfo=UTC) for each in whole]


@pytest.mark.parametrize(
    "stamp",
    [
        "20180230 000000",
        "20181301 000000",
        "20180001 000000",
        "20180100 000000",
        "20180101 240000",
        "20180101 236000",
        "20180101 170061",
        "2018010 1170000",
        "20180101T170000",
        "20180101 17000",
        "2018-01-01 17:00",
        "00010101 000000",
        "99990101 000000",
        "",
    ],
)
def test_days_and_times_that_do_not_exist_are_refused(tmp_path: Path, stamp: str):
    with pytest.raises(ArchiveError, match="not a stamp like") as refusal:
        opened(tmp_path, histdata(["20180101 170000", "20180101 170100", stamp]))
    assert refusal.value.where == "f.csv, row 3, column stamp"


def test_bad_price_is_named(tmp_path: Path):
    content = histdata(["20180101 170000"]) + b"20180101 170100;1.1;1,3;1.0;1.2;0\n"
    with pytest.raises(ArchiveError, match="'1,3' is not a number") as refusal:
        opened(tmp_path, content)
    assert refusal.value.where == "f.csv, row 2, column high"


@pytest.mark.parametrize(
    "content",
    [
        klines(5),
        b"",
        b"20180101 170000,1,1,1,1,0\n",
        b"20180101 170000;1;1;1;1\n",
        b"20180101 170013;1;1;1;1;0\n",
        b"2018.01.01;17:00;1;1;1;0\n",
    ],
)
def test_other_content_is_not_recognised(tmp_path: Path, content: bytes):
    evidence = FORMAT.recognise(member(tmp_path, content))
    assert not evidence.matches
    assert evidence.reasons


def test_symbols_come_from_names():
    assert FORMAT.symbol(named("DAT_ASCII_EURUSD_M1_2018.csv", "x.zip")) == "EURUSD"
    assert FORMAT.symbol(named("DAT_ASCII_EURUSD_M1_201807.csv", "x.zip")) == "EURUSD"
    assert FORMAT.symbol(named("a.csv", "HISTDATA_COM_ASCII_USDJPY_M12018.zip")) == "USDJPY"
    assert FORMAT.symbol(named("HISTDATA_COM_ASCII_USDJPY_M12018.zip/a.csv", "x.zip")) == "USDJPY"
    with pytest.raises(ArchiveError, match="neither name holds a symbol"):
        FORMAT.symbol(named("eurusd.csv", "x.zip"))
