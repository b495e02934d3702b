from pathlib import Path

import pyarrow as pa
import pytest

from fints_pipeline.base.lake import ArrowContract, Lake, Lineage, series_key
from fints_pipeline.base.lake.history import previous_key, read_surroundings
from fints_pipeline.base.lake.lineage import ABSENT, digests, staleness

CONTRACT = ArrowContract("things", pa.schema([pa.field("a", pa.int64(), nullable=False)]))
MONTHS = ["2023-01", "2023-02", "2023-03"]


def key(table: str, month: str):
    return series_key(table, "5m", "x.Y", month)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path)
    for i, month in enumerate(MONTHS):
        put(lake, "bars", month, [10 * i, 10 * i + 1, 10 * i + 2])
    return lake


def put(lake: Lake, table: str, month: str, values: list[int], lineage: Lineage | None = None):
    lake.write(key(table, month), pa.table({"a": values}), CONTRACT, lineage or Lineage("1", "c"))


def test_surroundings_take_as_many_months_as_needed(lake: Lake) -> None:
    read = read_surroundings(lake, "bars", "5m", "x.Y", "2023-03", before=4)
    assert read.rows["a"].to_pylist() == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    assert read.rows["a"].to_pylist()[read.start : read.stop] == [20, 21, 22]
    assert sorted(read.inputs) == [f"bars/5m/x.Y/{month}" for month in MONTHS]


def test_missing_surroundings_are_recorded_as_absent(lake: Lake) -> None:
    read = read_surroundings(lake, "bars", "5m", "x.Y", "2023-03", before=1, after=1)
    assert read.inputs["bars/5m/x.Y/2023-04"] == ABSENT
    read = read_surroundings(lake, "bars", "5m", "x.Y", "2023-01", before=1)
    assert read.inputs["bars/5m/x.Y/2022-12"] == ABSENT


def test_a_hole_between_months_is_recorded(lake: Lake) -> None:
    put(lake, "bars", "2023-06", [60])
    read = read_surroundings(lake, "bars", "5m", "x.Y", "2023-06", before=1)
    assert read.rows["a"].to_pylist() == [20, 21, 22, 60]
    assert read.inputs["bars/5m/x.Y/2023-04"] == read.inputs["bars/5m/x.Y/2023-05"] == ABSENT


def test_staleness_follows_inputs_code_and_config(lake: Lake) -> None:
    made = Lineage("1", "c", digests(lake, [key("bars", "2023-03"), key("bars", "2023-04")]))
    labels = key("labels", "2023-03")
    assert staleness(lake, labels).reasons == ("missing",)
    put(lake, "labels", "2023-03", [1], made)
    assert not staleness(lake, labels)
    assert "code version" in staleness(lake, labels, expected=Lineage("2", "c")).reasons[0]
    assert "config" in staleness(lake, labels, expected=Lineage("1", "d")).reasons[0]
    put(lake, "bars", "2023-04", [30])
    assert staleness(lake, labels).reasons == ("bars/5m/x.Y/2023-04 has arrived",)
    put(lake, "bars", "2023-03", [99])
    assert len(staleness(lake, labels).reasons) == 2


def test_previous_key(lake: Lake) -> None:
    assert previous_key(lake, key("bars", "2023-03")) == key("bars", "2023-02")
    assert previous_key(lake, key("bars", "2023-01")) is None
