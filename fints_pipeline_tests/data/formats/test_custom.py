from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fints_pipeline.base.components import load_component
from fints_pipeline.base.errors import ArchiveError, ConfigError
from fints_pipeline.data.formats._base import Format
from fints_pipeline.data.formats.custom import Custom
from fints_pipeline_tests.data.formats.members import member, named
from fints_pipeline_tests.data.packed_builders import feather, parquet

NAMES = {"time": "Time", "open": "O", "high": "H", "low": "L", "close": "C"}
HEADER = b"Time;O;H;L;C\n"
START = datetime(2024, 1, 2, 9, 30, tzinfo=UTC)


def custom(**layout: object) -> Custom:
    spec = {"columns": NAMES, "separator": ";", **layout, "name": "custom"}
    form = load_component("fints_pipeline.data.formats", Format, spec)
    assert isinstance(form, Custom)
    return form


def opened(tmp_path: Path, form: Custom, content: bytes, zone: str = "UTC", freq: str = "1m"):
    file = member(tmp_path, content, timezone=zone, frequency=freq)
    assert form.recognise(file).matches, form.recognise(file)
    return form.read(file).table.column("open_time").to_pylist()


@pytest.mark.parametrize(
    ("stamp", "layout"),
    [
        (b"2024-01-02 09:30:00", {}),
        (b"2024-01-02T09:30Z", {}),
        (b"2024-01-02T10:30:00+01:00", {}),
        (b"02.01.2024 09:30", {"time_format": "%d.%m.%Y %H:%M"}),
        (b"202401020930", {"time_format": "%Y%m%d%H%M"}),
        (b"1704187800", {}),
        (b"1704187800000", {"epoch": "ms"}),
        (b"1704187800000000000", {"epoch": "ns"}),
    ],
)
def test_stamps_are_read_as_they_are_written(tmp_path: Path, stamp: bytes, layout: dict):
    content = HEADER + stamp + b";1;2;0.5;1.5\n"
    assert opened(tmp_path, custom(**layout), content) == [START]


def test_naive_stamps_are_of_the_declared_zone_and_the_declared_end(tmp_path: Path):
    content = HEADER + b"2024-01-02 09:35;1;1;1;1\n2024-07-02 09:35;1;1;1;1\n"
    found = opened(tmp_path, custom(stamp="end"), content, "America/New_York", "5m")
    assert [each.hour for each in found] == [14, 13]
    assert [each.minute for each in found] == [30, 30]


def test_units_that_change_are_told_by_value(tmp_path: Path):
    content = HEADER + b"1704187800;1;1;1;1\n1704187860000;1;1;1;1\n"
    file = member(tmp_path, content)
    bars = custom().read(file)
    assert bars.notes == ("rows 2 to 2: epochs in s", "rows 3 to 3: epochs in ms")
    with pytest.raises(ArchiveError, match="an epoch in s"):
        custom(epoch="s").read(file)


def test_prices_are_scaled_and_decimal_commas_read(tmp_path: Path):
    content = HEADER + b"2024-01-02 09:30;12345;2,5;0;1\n"
    row = custom(decimal=",", price_scale=0.01).read(member(tmp_path, content)).table.to_pylist()[0]
    assert (row["open"], row["high"], row["volume"]) == (123.45, 0.025, None)


def test_columns_by_position_and_two_stamp_columns(tmp_path: Path):
    columns = {"time": [2, 3], "open": 4, "high": 5, "low": 6, "close": 7, "symbol": 1}
    content = b"EURUSD 20240102 09:30 1 2 0.5 1.5\nUSDJPY 20240102 09:30 1 2 0.5 1.5\n"
    form = custom(columns=columns, separator=" ", time_format="%Y%m%d %H:%M")
    assert opened(tmp_path, form, content) == [START, START]
    bars = form.read(member(tmp_path, content))
    assert bars.symbols is not None
    assert bars.symbols.to_pylist() == ["EURUSD", "USDJPY"]
    assert bars.table.column("source_row").to_pylist() == [1, 2]


def test_lines_above_the_header_are_skipped(tmp_path: Path):
    content = b"made by somebody\n" + HEADER + b"2024-01-02 09:30;1;2;0.5;1.5\n"
    assert opened(tmp_path, custom(skip=1), content) == [START]


def test_a_repeated_hour_is_told_symbol_by_symbol(tmp_path: Path):
    stamps = [b"2024-11-03 01:%02d" % minute for minute in (0, 30)] * 2
    columns = {**NAMES, "symbol": "S"}
    body = b"".join(
        stamp + b";1;1;1;1;" + symbol + b"\n" for symbol in (b"A", b"B") for stamp in stamps
    )
    content = b"Time;O;H;L;C;S\n" + body
    found = opened(tmp_path, custom(columns=columns), content, "America/New_York")
    half_hours = [
        datetime(2024, 11, 3, 5, tzinfo=UTC) + timedelta(minutes=30 * n) for n in range(4)
    ]
    assert found == half_hours * 2


@pytest.mark.parametrize("pack", [parquet, feather])
def test_tables_are_read_by_name(tmp_path: Path, pack):
    names = {"time": "timestamp", "volume": "volume"} | {
        n: n for n in ("open", "high", "low", "close")
    }
    form = custom(columns=names, symbol_pattern="^([A-Z]+)_1m")
    found = opened(tmp_path, form, pack())
    assert found[1] - found[0] == timedelta(minutes=1)
    assert form.symbol(named("SPY_1m.parquet", "SPY_1m.parquet")) == "SPY"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (HEADER + b"2024-01-02 09:30;1;1;1;1\n2024-02-30 09:30;1;1;1;1\n", "row 3, column Time"),
        (HEADER + b"2024-01-02 09:30;1;1;1;1\nsoon;1;1;1;1\n", "cell 'soon'"),
        (HEADER + b"2024-01-02 09:30;1;1;1;1\n;1;1;1;1\n", "row 3, column Time"),
        (HEADER + b"2024-01-02 09:30;1;1;x;1\n", "row 2, column L"),
        (HEADER + b"2024-01-02 09:30;1;1;1;1\n2024-01-02 09:31;1;1\n", "3 cells where 5"),
        (HEADER + b"2024-03-10 02:30;1;1;1;1\n", "skipped hour"),
        (HEADER + b"2024-11-03 01:30;1;1;1;1\n", "shows twice"),
    ],
)
def test_bad_cells_are_named(tmp_path: Path, content: bytes, words: str):
    with pytest.raises(ArchiveError) as refusal:
        custom().read(member(tmp_path, content, timezone="America/New_York"))
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no lines"),
        (b"Time;O;H;L;Close\n1;1;1;1;1\n", "no column 'C'"),
        (HEADER, "no rows"),
        (HEADER + b"2024-01-02;a;b;c;d\n", "no four prices"),
        (HEADER.replace(b";", b","), "no column"),
        (parquet(), "no column 'Time'"),
    ],
)
def test_other_content_is_not_recognised(tmp_path: Path, content: bytes, words: str):
    evidence = custom().recognise(member(tmp_path, content))
    assert not evidence.matches
    assert words in evidence.reasons[0]


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ({"columns": {**NAMES, "open": 2}}, "all by name, or all by position"),
        ({"columns": {**NAMES, "open": "C"}}, "stands for two things"),
        ({"columns": {"time": "T"}}, "open"),
        ({"columns": {n: i for i, n in enumerate(NAMES)}}, "count from 1"),
        ({"symbol_pattern": "SPY"}, "needs one group"),
        ({"symbol_pattern": "("}, "no regular expression"),
        ({"price_scale": 0}, "price_scale"),
        ({"stamp": "middle"}, "stamp"),
        ({"decimal": ";"}, "must be . or ,"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_layouts_are_refused(layout: dict, words: str):
    with pytest.raises(ConfigError) as refusal:
        custom(**layout)
    assert words in str(refusal.value)
