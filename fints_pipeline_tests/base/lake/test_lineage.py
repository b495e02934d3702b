from pathlib import Path

import pyarrow as pa
import pytest

from fints_pipeline.base.lake import ArrowContract, Lake, Lineage, series_key
from fints_pipeline.base.lake.history import read_surroundings
from fints_pipeline.base.lake.lineage import ABSENT, digests, staleness

CONTRACT = ArrowContract("things", pa.schema([pa.field("a", pa.int64(), nullable=False)]))
MONTHS = ["2023-01", "2023-02", "2023-03"]


def key(table: str, month: str):
    return series_key(table, "5m", "x.Y", month)


@pytest.fixture
def lake(lake: Lake) -> Lake:
    """Return a lake of either kind with three months of bars."""
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
    arrived = staleness(lake, labels)
    assert arrived.reasons == ("bars/5m/x.Y/2023-04 has arrived",)
    put(lake, "bars", "2023-04", [31])
    assert staleness(lake, labels).reasons == arrived.reasons
    assert staleness(lake, labels).cause != arrived.cause
    put(lake, "bars", "2023-03", [99])
    assert len(staleness(lake, labels).reasons) == 2


SESSIONS = ArrowContract(
    "sessions", pa.schema([pa.field("session", pa.int64()), pa.field("a", pa.int64())])
)


@pytest.mark.parametrize(
    ("before_sessions", "before", "first"),
    [(1, 0, 20), (1, 2, 20), (1, 3, 0), (2, 0, 20), (2, 1, 0), (3, 0, 0)],
)
def test_surroundings_in_sessions(
    tmp_path: Path, before_sessions: int, before: int, first: int
) -> None:
    """Every month has a session of two rows and then one of one row."""
    lake = Lake(tmp_path)
    for i, month in enumerate(MONTHS):
        table = pa.table({"session": [2 * i, 2 * i, 2 * i + 1], "a": [20 * i, 20 * i + 1, 20 * i]})
        lake.write(key("bars", month), table, SESSIONS, Lineage("1", "c"))
    read = read_surroundings(
        lake, "bars", "5m", "x.Y", "2023-03", before=before, before_sessions=before_sessions
    )
    assert read.rows["a"].to_pylist()[0] == first
    assert ABSENT not in read.inputs.values()


def test_missing_sessions_are_recorded_as_absent(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for i, month in enumerate(MONTHS[:2]):
        table = pa.table({"session": [i, i], "a": [0, 1]})
        lake.write(key("bars", month), table, SESSIONS, Lineage("1", "c"))

    def inputs(**before: int) -> dict[str, str]:
        return dict(read_surroundings(lake, "bars", "5m", "x.Y", "2023-02", **before).inputs)

    assert ABSENT not in inputs(before_sessions=1).values()
    assert inputs(before_sessions=2)["bars/5m/x.Y/2022-12"] == ABSENT
    assert inputs(before_sessions=1, before=1)["bars/5m/x.Y/2022-12"] == ABSENT
