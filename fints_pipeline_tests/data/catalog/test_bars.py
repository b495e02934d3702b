"""`DataCatalog.bars`: the rows asked for, read from no more files than must be."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.base.errors import ConfigError, KeyNotFoundError, LakeError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake, Lineage, series_key
from fints_pipeline.base.lake.contract import ArrowContract
from fints_pipeline.data.catalog import DataCatalog, reading
from fints_pipeline.data.catalog.cache import TableCache
from fints_pipeline.schemas.bars import BARS
from fints_pipeline_tests.data.catalog.lakes import NO_INPUTS, write_bars

MONTHS = ("2023-01", "2023-02", "2023-03", "2023-05")
NAMES = ("test.000001", "test.AAA", "other.AAA")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("full") / "lake")
    for seed, name in enumerate(NAMES):
        for month in MONTHS:
            for freq in ("5m", "1D"):
                write_bars(lake, name, freq, month, seed=seed)
    return lake


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """Return a list that fills with the files whose rows are read, and the columns."""
    seen: list[tuple[str, tuple[str, ...]]] = []

    class Counting(pq.ParquetFile):
        def __init__(self, source: Path) -> None:
            super().__init__(source)
            self.source = source

        def read(self, columns: list[str]) -> pa.Table:
            seen.append((str(self.source), tuple(columns)))
            return super().read(columns=columns)

    monkeypatch.setattr(reading.pq, "ParquetFile", Counting)
    return seen


def test_everything_comes_back_as_written(full: Lake):
    table = DataCatalog(full).bars("test.000001", "5m")
    wanted = full.read_range("bars", "5m", "test.000001", "2023-01", "2023-05")
    assert table.equals(wanted)
    assert table.schema.equals(BARS.arrow_schema.remove_metadata(), check_metadata=False)


BOUND = st.one_of(
    st.none(),
    st.dates(date(2022, 12, 25), date(2023, 6, 5)),
    st.datetimes(datetime(2022, 12, 25), datetime(2023, 6, 5)).map(lambda t: t.replace(tzinfo=UTC)),
)


@pytest.fixture(scope="module")
def catalog_of_all(full: Lake) -> DataCatalog:
    return DataCatalog(full)


@settings(max_examples=50)
@given(start=BOUND, end=BOUND, names=st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
def test_a_span_gives_what_reading_all_and_filtering_gives(
    full: Lake,
    catalog_of_all: DataCatalog,
    start: date | None,
    end: date | None,
    names: list[str],
):
    def wanted(frame: pd.DataFrame) -> pd.Series:
        keep = pd.Series(True, index=frame.index)
        if isinstance(start, datetime):
            keep &= frame["open_time"] >= start
        elif start is not None:
            keep &= frame["session"] >= pd.Timestamp(start)
        if isinstance(end, datetime):
            keep &= frame["close_time"] <= end
        elif end is not None:
            keep &= frame["session"] <= pd.Timestamp(end)
        return keep

    frames = [to_pandas(full.read_range("bars", "5m", name, *MONTHS[::3])) for name in names]
    twin = pd.concat(frames, ignore_index=True)
    twin = twin[wanted(twin)].reset_index(drop=True)
    try:
        found = catalog_of_all.bars(names, "5m", start, end, to="pandas")
    except (KeyNotFoundError, ConfigError):
        assert twin.empty
    else:
        pd.testing.assert_frame_equal(found, twin)


def test_only_the_files_and_columns_that_a_span_needs_are_read(full: Lake, opened: list):
    catalog = DataCatalog(full)
    table = catalog.bars("test.AAA", "5m", "2023-02-02", "2023-03", columns=["close", "close_time"])
    assert table.column_names == ["close", "close_time"]
    assert [Path(name).parts[-3:-1] for name, _ in opened] == [
        ("instrument=test%2EAAA", "month=2023-02"),
        ("instrument=test%2EAAA", "month=2023-03"),
    ]
    assert {columns for _, columns in opened} == {("close", "close_time", "session")}


def test_statistics_spare_the_neighbouring_months(full: Lake, opened: list):
    start = datetime(2023, 2, 1, tzinfo=UTC)
    DataCatalog(full).bars("test.AAA", "5m", start, start + timedelta(hours=1))
    assert [Path(name).parent.name for name, _ in opened] == ["month=2023-02"]


def test_a_repeated_read_opens_no_file(full: Lake, opened: list):
    catalog = DataCatalog(full)
    first = catalog.bars("test.AAA", "5m", "2023-02")
    assert len(opened) == 3
    assert catalog.bars("test.AAA", "5m", "2023-02").equals(first)
    assert len(opened) == 3
    catalog.bars("test.AAA", "5m", "2023-03")
    assert len(opened) == 5


def test_pandas_frames_are_the_callers_own(full: Lake):
    catalog = DataCatalog(full)
    catalog.bars("test.AAA", "5m", to="pandas")["close"] = 0.0
    assert catalog.bars("test.AAA", "5m", to="pandas")["close"].min() > 0


def test_a_changed_partition_is_seen_at_once(lake: Lake):
    write_bars(lake, "test.AAA", "5m", "2023-01", seed=0)
    write_bars(lake, "test.AAA", "5m", "2023-02", seed=0)
    catalog = DataCatalog(lake)
    for seed in range(1, 6):
        before = catalog.bars("test.AAA", "5m")
        write_bars(lake, "test.AAA", "5m", "2023-01", seed=seed)
        after = catalog.bars("test.AAA", "5m")
        assert not after.equals(before)
        assert after.equals(lake.read_range("bars", "5m", "test.AAA", "2023-01", "2023-02"))
    lake.path(series_key("bars", "5m", "test.AAA", "2023-02")).unlink()
    assert catalog.bars("test.AAA", "5m").num_rows == 12


def test_the_cache_holds_no_more_than_it_may():
    table = pa.table({"x": np.zeros(100)})
    cache = TableCache(limit=2 * table.nbytes)
    for key in "abc":
        cache.put(key, table)
    assert (cache.get("a"), cache.bytes, len(cache)) == (None, 2 * table.nbytes, 2)
    assert cache.get("b") is table
    cache.put("d", table)  # now c is the one longest unused
    assert cache.get("c") is None
    assert cache.get("b") is table
    cache.put("e", pa.table({"x": np.zeros(1000)}))
    assert cache.get("e") is None
    cache.put("b", table)
    assert cache.bytes == 2 * table.nbytes


def test_a_symbol_of_digits_stays_text(full: Lake):
    catalog = DataCatalog(full)
    table = catalog.bars("000001", "5m", "2023-01", "2023-01")
    assert set(table.column("instrument").to_pylist()) == {"test.000001"}
    with pytest.raises(KeyNotFoundError, match="'000001' is not 1"):
        catalog.bars(1, "5m")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("test.AAB", "5m"), r"no symbol 'test.AAB'[\s\S]*did you mean 'test.AAA'"),
        (("00001", "5m"), r"no symbol '00001'[\s\S]*'000001'"),
        (("AAA", "5m"), r"2 data sets have a symbol 'AAA'[\s\S]*other.AAA, test.AAA"),
        (("test.AAA", "1m"), r"no frequency '1m'[\s\S]*5m"),
        (("test.AAA", "5m", "2024"), r"start '2024' is no time"),
        (("test.AAA", "5m", "2024-01"), r"no 5m bars[\s\S]*holds 2023-01 to 2023-05"),
        (("test.AAA", "5m", None, None, "splits"), r"no adjustment 'splits'[\s\S]*'split'"),
        (("test.AAA", "5m", None, None, "raw", None, ["clse"]), r"no column 'clse'[\s\S]*'close'"),
        (([], "5m"), "no symbol is named"),
    ],
)
def test_bad_names_give_the_nearest_good_ones(full: Lake, arguments: tuple, message: str):
    with pytest.raises((KeyNotFoundError, ConfigError), match=message):
        DataCatalog(full).bars(*arguments)


def test_an_empty_lake_says_so(lake: Lake):
    with pytest.raises(KeyNotFoundError, match="no such table yet"):
        DataCatalog(lake).bars("test.AAA", "5m")
    assert DataCatalog(lake).tables() == []


def test_a_damaged_file_is_named(lake: Lake):
    write_bars(lake, "test.AAA", "5m", "2023-01")
    path = lake.path(series_key("bars", "5m", "test.AAA", "2023-01"))
    content = bytearray(path.read_bytes())
    content[4:200] = b"x" * 196
    path.write_bytes(content)
    with pytest.raises(LakeError, match=r"cannot be read[\s\S]*verify"):
        DataCatalog(lake).bars("test.AAA", "5m")


def test_an_older_schema_is_refused_with_the_command_that_migrates(lake: Lake):
    key = series_key("bars", "5m", "test.AAA", "2023-01")
    write_bars(lake, "test.AAA", "5m", "2023-01")
    rows = lake.read(key).drop_columns(["split_factor"])
    lake.write(key, rows, ArrowContract("bars", rows.schema), Lineage("0", "", {}))
    with pytest.raises(LakeError, match=r"another version[\s\S]*data migrate"):
        DataCatalog(lake).bars("test.AAA", "5m", columns=["close"])


def test_a_reader_that_overlaps_a_write_keeps_rows_and_digest_together(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    """A file replaced between the look at its footer and the read is cached as what was read."""
    write_bars(lake, "test.AAA", "5m", "2023-01", seed=0)
    first = lake.read(series_key("bars", "5m", "test.AAA", "2023-01"))
    catalog = DataCatalog(lake)
    stale = catalog.partitions()
    second = write_bars(lake, "test.AAA", "5m", "2023-01", seed=1, lineage=NO_INPUTS)
    with monkeypatch.context() as patch:
        patch.setattr(catalog._inventory, "look", lambda: stale)
        raced = catalog.bars("test.AAA", "5m")
    assert not raced.equals(first)
    write_bars(lake, "test.AAA", "5m", "2023-01", seed=0)
    assert catalog.bars("test.AAA", "5m").equals(first)
    assert second.digest != catalog.digests("test.AAA", "5m")["2023-01"]
