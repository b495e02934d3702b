"""The index of an inventory: a fresh process opens what changed, and finds what is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake import ArrowContract, Lake, Lineage, TableKey, series_key
from fints_pipeline.data.catalog import DataCatalog, index, inventory
from fints_pipeline.data.catalog.inventory import Inventory, Partition
from fints_pipeline_tests.data.catalog.lakes import write_bars

MONTHS = ("2023-01", "2023-02", "2023-03")
NANOSECONDS = pa.schema([("known_at", pa.timestamp("ns", "UTC"))])


@pytest.fixture
def filled(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake whose index an earlier process has written."""
    monkeypatch.setattr(index, "LEAST", 1)
    for month in MONTHS:
        quality = {"sessions": 3, "holes": 1, "name": "é"} if month != "2023-03" else None
        write_bars(lake, "test.A/B=é", "1m", month, quality=quality)
        write_bars(lake, "test.B", "5m", month, lineage=Lineage("2", "c", {"raw_bars/1": "x"}))
    carried = {"state": "long" * 100}
    key = TableKey("predictions", (("run", "é=1"), ("fold", "01")))
    rows = pa.table({"n": [1, 2]})
    contract = ArrowContract("predictions", rows.schema)
    lake.write(key, rows, contract, Lineage("1", "", {}), extra=carried)
    Inventory(lake, is_indexed=True).look()
    assert (lake.root / index.INDEX).is_file()
    return lake


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were opened for their footers."""
    found: list[Path] = []
    read = inventory.read_partition

    def counted(key: TableKey, path: Path) -> Partition:
        found.append(path)
        return read(key, path)

    monkeypatch.setattr(inventory, "read_partition", counted)
    return found


def months_file(lake: Lake, month: str) -> Path:
    return lake.root / str(series_key("bars", "5m", "test.B", month).folder) / "data.parquet"


def fresh_equals_slow(lake: Lake, opened: list[Path]) -> list[Path]:
    """Look as a fresh process does and without an index; return what the first one opened."""
    opened.clear()
    fresh = Inventory(lake, is_indexed=True)
    found = fresh.look()
    told = [(one.quality, one.told) for one in found]
    cost = sorted(set(opened))
    count = len(opened)
    slow = Inventory(lake)
    expected = slow.look()
    assert [(one.key, one.path, one.size) for one in found] == [
        (one.key, one.path, one.size) for one in expected
    ]
    assert told == [(one.quality, one.told) for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.schema.equals(other.schema, check_metadata=True)
        assert repr(one.ranges) == repr(other.ranges)
        assert one.footer.to_json() == other.footer.to_json()
    assert len(opened) - count == len(expected) + len(slow.damaged)
    assert (fresh.damaged, fresh.version) == (slow.damaged, slow.version)
    return cost


def test_a_fresh_process_opens_nothing(filled: Lake, opened: list[Path]):
    assert fresh_equals_slow(filled, opened) == []
    assert len(Inventory(filled, is_indexed=True).look()) == 7


def test_what_changed_alone_is_opened(filled: Lake, opened: list[Path]):
    write_bars(filled, "test.B", "5m", "2023-02", seed=5, sessions=2)
    write_bars(filled, "test.B", "5m", "2023-04")
    months_file(filled, "2023-01").unlink()
    changed = [months_file(filled, month) for month in ("2023-02", "2023-04")]
    assert fresh_equals_slow(filled, opened) == changed
    assert fresh_equals_slow(filled, opened) == []  # the look before has brought it up to date


def test_a_damaged_file_is_told_of_at_every_look(filled: Lake, opened: list[Path]):
    broken, foreign = months_file(filled, "2023-02"), months_file(filled, "2023-03")
    broken.write_bytes(broken.read_bytes()[:-20])
    pq.write_table(pa.table({"n": [1]}), foreign)
    for _ in range(2):
        assert fresh_equals_slow(filled, opened) == [broken, foreign]
        damaged = DataCatalog(filled).damaged()
        assert "cannot be read" in damaged[broken]
        assert "not written by this project" in damaged[foreign]
    write_bars(filled, "test.B", "5m", "2023-02")
    assert fresh_equals_slow(filled, opened) == [broken, foreign]
    assert broken not in DataCatalog(filled).damaged()


@pytest.mark.parametrize("how", ["cut", "no index", "other layout", "other columns", "nonsense"])
def test_a_bad_index_costs_time_only(filled: Lake, opened: list[Path], how: str):
    path = filled.root / index.INDEX
    table = pq.read_table(path)
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    elif how == "no index":
        path.unlink()
    elif how == "other layout":
        pq.write_table(table.replace_schema_metadata({b"layout": b"0"}), path)
    elif how == "other columns":
        pq.write_table(table.drop_columns(["quality"]), path)
    else:
        for name in ("footer", "ranges", "quality"):
            nonsense = pa.array(["[1]", "{", "null", "", "7", "1", '"a"'])
            table = table.set_column(table.schema.get_field_index(name), name, nonsense)
        pq.write_table(table, path)
    assert len(fresh_equals_slow(filled, opened)) == 7
    if how != "nonsense":  # which no crash leaves: the index has checksums
        assert fresh_equals_slow(filled, opened) == []


def test_nanoseconds_are_never_rounded(filled: Lake, opened: list[Path]):
    key = TableKey("news", (("freq", "event"), ("instrument", "test.B"), ("month", "2023-01")))
    rows = pa.table([pa.array([1_700_000_000_123_456_789], NANOSECONDS[0].type)], NANOSECONDS)
    filled.write(key, rows, ArrowContract("news", NANOSECONDS), Lineage("1", "", {}))
    own = [filled.root / str(key.folder) / "data.parquet"]
    assert fresh_equals_slow(filled, opened) == own
    assert fresh_equals_slow(filled, opened) == own


def test_a_lake_that_cannot_be_written_is_looked_at(
    filled: Lake, opened: list[Path], monkeypatch: pytest.MonkeyPatch
):
    @contextmanager
    def refused(path: Path) -> Iterator[Path]:
        raise LakeError("cannot write: read-only file system", where=str(path))
        yield path

    monkeypatch.setattr(index, "replacing", refused)
    write_bars(filled, "test.B", "5m", "2023-02", seed=5)
    changed = [months_file(filled, "2023-02")]
    assert fresh_equals_slow(filled, opened) == changed
    assert fresh_equals_slow(filled, opened) == changed


def test_the_folder_may_be_the_present_one(
    filled: Lake, opened: list[Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(filled.root)
    assert fresh_equals_slow(Lake(Path()), opened) == []


def test_a_small_lake_has_no_index(lake: Lake):
    write_bars(lake, "test.B", "5m", "2023-01")
    assert len(DataCatalog(lake).partitions()) == 1
    assert not (lake.root / index.INDEX).exists()


def test_one_look_answers_all_that_is_asked_inside(filled: Lake):
    catalog = DataCatalog(filled)
    with catalog.one_look():
        before = catalog.digests("test.B", "5m")
        write_bars(filled, "test.B", "5m", "2023-02", seed=5)
        with catalog.one_look():
            assert catalog.digests("test.B", "5m") == before
        assert catalog.digests("test.B", "5m") == before
    assert catalog.digests("test.B", "5m") != before


@pytest.mark.slow
@pytest.mark.server
def test_copies_of_a_bucket_have_their_index_beside_them(
    bucket: str, opened: list[Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(index, "LEAST", 1)
    lake = Lake(bucket)
    for month in MONTHS:
        write_bars(lake, "test.B", "5m", month)
    Inventory(lake, is_indexed=True).look()
    assert (lake.root / index.INDEX).is_file()
    assert not lake.store.exists(PurePosixPath(index.INDEX))
    assert fresh_equals_slow(Lake(bucket), opened) == []
    write_bars(Lake(bucket), "test.B", "5m", "2023-02", seed=5)
    assert fresh_equals_slow(Lake(bucket), opened) == [months_file(lake, "2023-02")]
