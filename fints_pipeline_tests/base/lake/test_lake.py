import io
import multiprocessing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.errors import KeyNotFoundError, LakeError, SchemaError
from fints_pipeline.base.lake import ArrowContract, Lake, Lineage, fold_key, series_key
from fints_pipeline.base.lake.keys import decode_part, encode_part
from fints_pipeline_tests.base.lake.conftest import put

SCHEMA = pa.schema([pa.field("a", pa.int64(), nullable=False), pa.field("b", pa.string())])
CONTRACT = ArrowContract("things", SCHEMA)
LINEAGE = Lineage("1", "c0ffee", {"raw_bars/1m/x.Y/2023-01": "abc"})
KEY = series_key("things", "5m", "binance.BTC/USDT", "2023-01")


def table(*values: int) -> pa.Table:
    return pa.table({"a": list(values), "b": ["x"] * len(values)}, schema=SCHEMA)


def test_what_is_written_is_read(lake: Lake) -> None:
    written = lake.write(KEY, table(1, 2), CONTRACT, LINEAGE, extra={"state": "é"})
    assert lake.read(KEY).equals(table(1, 2))
    assert lake.footer(KEY) == written
    assert written.lineage.inputs == LINEAGE.inputs
    assert lake.read(KEY, ["b"]).column_names == ["b"]
    assert lake.months("things", "5m", "binance.BTC/USDT") == ["2023-01"]
    assert lake.instruments("things", "5m") == ["binance.BTC/USDT"]
    assert list(lake.keys("things")) == [KEY]


def test_readers_may_pass_over_a_file_by_its_stamps_and_days(tmp_path: Path) -> None:
    """Bounds cost time: columns that nobody looks a file up by have none."""
    schema = pa.schema(
        {
            "close_time": pa.timestamp("us", "UTC"),
            "session": pa.date32(),
            "close": pa.float64(),
            "name": pa.string(),
            "source_row": pa.int64(),
        }
    )
    rows = [{"close_time": 0, "session": 0, "close": 1.0, "name": "a", "source_row": 1}]
    lake, key = Lake(tmp_path), series_key("bars", "5m", "test.A", "2023-01")
    table = pa.Table.from_pylist(rows, schema=schema)
    lake.write(key, table, ArrowContract("bars", schema), Lineage("1", "c"))
    columns = pq.read_metadata(lake.path(key)).row_group(0).to_dict()["columns"]
    bounded = {each["path_in_schema"] for each in columns if each["statistics"] is not None}
    assert bounded == {"close_time", "session"}
    assert lake.read(key).to_pylist() == table.to_pylist()


def test_the_digest_is_of_the_content(lake: Lake) -> None:
    first = lake.write(KEY, table(1, 2), CONTRACT, LINEAGE)
    again = lake.write(KEY, table(1, 2), CONTRACT, Lineage("2", "other"))
    assert first.digest == again.digest
    assert lake.write(KEY, table(1, 2), CONTRACT, LINEAGE, {"s": "1"}).digest != first.digest
    noted = lake.write(KEY, table(1, 2), CONTRACT, LINEAGE, notes={"quality": "good"})
    assert noted.digest == first.digest
    assert lake.footer(KEY).notes == {"quality": "good"}
    assert lake.write(KEY, table(1, 3), CONTRACT, LINEAGE).digest != first.digest


def test_a_refused_table_leaves_the_old_one(lake: Lake) -> None:
    lake.write(KEY, table(1), CONTRACT, LINEAGE)
    bad = pa.table({"a": pa.array([1, None], pa.int64()), "b": ["x", "y"]})
    with pytest.raises(SchemaError, match=r"things\.a holds 1 nulls"):
        lake.write(KEY, bad, CONTRACT, LINEAGE)
    assert lake.read(KEY).equals(table(1))


def test_a_crash_while_writing_leaves_the_old_one_and_no_litter(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.write(KEY, table(1), CONTRACT, LINEAGE)

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", fails)
    with pytest.raises(LakeError, match="No space left on device"):
        lake.write(KEY, table(2), CONTRACT, LINEAGE)
    assert lake.read(KEY).equals(table(1))
    visible = [path for path in lake.root.rglob("*") if not path.match("*.etag")]
    assert not [path for path in visible if path.name.startswith(".tmp-")]


def test_missing_and_damaged_partitions_are_told_apart(lake: Lake) -> None:
    with pytest.raises(KeyNotFoundError, match="materialise things first"):
        lake.read(KEY)
    lake.write(KEY, table(1), CONTRACT, LINEAGE)
    with pytest.raises(KeyNotFoundError, match="2023-01"):
        lake.read(series_key("things", "5m", "binance.BTC/USDT", "2023-02"))
    with pytest.raises(KeyNotFoundError, match="no column 'c'"):
        lake.read(KEY, ["c"])
    lake.read(KEY)
    put(lake, lake.path(KEY), lake.path(KEY).read_bytes()[:-7])
    with pytest.raises(LakeError, match="cannot be read"):
        lake.read(KEY)


def test_a_foreign_file_is_not_taken_for_a_partition(lake: Lake) -> None:
    foreign = io.BytesIO()
    pq.write_table(table(1), foreign)
    put(lake, lake.path(KEY), foreign.getvalue())
    with pytest.raises(LakeError, match="not written by this project"):
        lake.footer(KEY)


def test_ranges_take_the_months_that_exist(lake: Lake) -> None:
    for month, value in (("2022-12", 1), ("2023-01", 2), ("2023-03", 3)):
        lake.write(series_key("things", "5m", "x.Y", month), table(value), CONTRACT, LINEAGE)
    found = lake.read_range("things", "5m", "x.Y", "2023-01", "2023-12")
    assert found["a"].to_pylist() == [2, 3]
    with pytest.raises(KeyNotFoundError, match=r"x\.Y"):
        lake.read_range("things", "5m", "x.Z", "2023-01", "2023-12")


def test_fold_keys() -> None:
    assert str(fold_key("predictions", "demo", "2024-01-02")) == "predictions/demo/2024-01-02"


@given(st.text(min_size=1, max_size=12).filter(lambda text: text != "NULL"))
def test_encoded_parts_are_safe_and_unique(value: str) -> None:
    try:
        encoded = encode_part(value)
    except (UnicodeEncodeError, LakeError):
        return
    assert decode_part(encoded) == value
    assert set(encoded) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-%")


@pytest.mark.parametrize("value", ["", "NULL", "__HIVE_DEFAULT_PARTITION__"])
def test_reserved_parts_are_refused(value: str) -> None:
    with pytest.raises(LakeError, match="cannot name a partition"):
        encode_part(value)


def test_a_symbol_of_digits_stays_text(lake: Lake) -> None:
    key = series_key("things", "1D", "sse.000001", "2023-01")
    lake.write(key, table(1), CONTRACT, LINEAGE)
    assert lake.instruments("things", "1D") == ["sse.000001"]


def _append(root: str, values: list[int]) -> None:
    lake = Lake(root)
    for value in values:
        lake.update(
            KEY,
            lambda old, value=value: pa.concat_tables([old, table(value)]) if old else table(value),
            CONTRACT,
            LINEAGE,
        )


def test_concurrent_updates_lose_nothing(lake: Lake, location: str) -> None:
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_append, args=(location, list(range(i * 10, i * 10 + 8))))
        for i in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    expected = sorted(i * 10 + j for i in range(3) for j in range(8))
    assert sorted(lake.read(KEY)["a"].to_pylist()) == expected


def test_a_lake_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LakeError, match="Not a directory"):
        Lake(tmp_path / "file").write(KEY, table(1), CONTRACT, LINEAGE)
