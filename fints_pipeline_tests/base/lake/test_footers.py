"""Snapshots by the index say what asking the lake about every partition says, come what may."""

import os
import random
from collections.abc import Callable
from dataclasses import replace
from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fints_pipeline.base.lake import ArrowContract, Lake, Lineage, TableKey, footers, series_key
from fints_pipeline.base.lake.footer import CARRIED
from fints_pipeline.base.lake.footers import INDEX, Footers
from fints_pipeline.base.lake.lake import DATA_FILE
from fints_pipeline.base.lake.lineage import Staleness, any_before, carried_to, digests, staleness
from fints_pipeline.base.lake.snapshot import Snapshot
from fints_pipeline.base.lake.tables import tables

ONE = ArrowContract("one", pa.schema([pa.field("value", pa.int64())]))
MONTHS = [f"2023-{month:02d}" for month in range(1, 4)]
NAMES = ("test.A", "test.B/é=")
EXPECTED = Lineage("1", "config", {})
FOLD = TableKey("predictions", (("experiment", "demo"), ("fold", "2023-02-01")))
KEYS = [series_key(t, "5m", n, m) for t in ("bars", "tokens") for n in NAMES for m in MONTHS]


@pytest.fixture(autouse=True)
def kept_for_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the index be written for small lakes too."""
    monkeypatch.setattr(footers, "LEAST", 1)


def write(lake: Lake, key: TableKey, value: int, code: str = "1") -> None:
    """Write one row whose lineage names all kinds of inputs: of months, marks, folds, archives."""
    month = key.parts[-1][1]
    around = [series_key("bars", "5m", NAMES[0], other) for other in (*MONTHS[:2], "2023-09")]
    marks = [mark(series_key("bars", "5m", NAMES[0], month)) for mark in (any_before, carried_to)]
    own = [series_key("bars", "5m", NAMES[1], MONTHS[0]), FOLD]
    inputs = {**digests(lake, [*around, *marks, *own]), "archives/a": "a", "nonsense": ""}
    rows = pa.table({"value": [value]})
    lake.write(key, rows, ONE, Lineage(code, "config", inputs), notes={CARRIED: str(value % 2)})


def said(lake: Lake | Snapshot, key: TableKey) -> tuple[object, Staleness] | None:
    """Return all that is said of a partition, or None if it is not there."""
    if not lake.exists(key):
        return None
    what = lake.digest(key), lake.carried(key), lake.lineage(key)
    return what, staleness(lake, key, expected=EXPECTED)


def agree(lake: Lake, *looks: Footers) -> None:
    """Compare looks with what the lake says of each partition."""
    slow = {key: said(lake, key) for key in (*KEYS, FOLD)}
    months = {series: lake.months(*series) for series in {_series(key) for key in KEYS}}
    current = {key for key, told in slow.items() if told is not None and not told[1]}
    for found in looks:
        snapshot = found.look(tables(lake))
        assert {key: said(snapshot, key) for key in slow} == slow
        assert {series: snapshot.months(*series) for series in months} == months
        assert {key for key in slow if snapshot.is_current(str(key), EXPECTED)} == current
        for table in ("bars", "tokens"):
            held = [name for name in NAMES if months[table, "5m", name]]
            assert snapshot.instruments(table) == held


def _series(key: TableKey) -> tuple[str, str, str]:
    return key.table, key["freq"], key["instrument"]


def remove(lake: Lake, key: TableKey, _: int) -> None:
    lake.remove(key)


def other_code(lake: Lake, key: TableKey, value: int) -> None:
    write(lake, key, value, code="2")


def same_size_and_time(lake: Lake, key: TableKey, value: int) -> None:
    """Replace a file by one of its size whose clock stands still, or goes back."""
    before = lake.path(key).stat() if lake.exists(key) else None
    write(lake, key, value)
    if before is not None:
        back = random.Random(value).choice((0, 10**9))
        os.utime(lake.path(key), ns=(before.st_atime_ns, before.st_mtime_ns - back))


def change_index(lake: Lake, change: Callable[[bytes], bytes]) -> None:
    """Put another file in the place of the index, if there is one."""
    if lake.store.exists(INDEX):
        content = change(lake.store.fetch(INDEX).read_bytes())
        with lake.store.replacing(INDEX) as temporary:
            temporary.write_bytes(content)


def corrupt_index(lake: Lake, _: TableKey, value: int) -> None:
    def flipped(content: bytes) -> bytes:
        place = value % len(content)
        return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]

    change_index(lake, flipped)


def cut_index(lake: Lake, _: TableKey, value: int) -> None:
    change_index(lake, lambda content: content[: 1 + value % len(content)])


Change = Callable[[Lake, TableKey, int], None]
CHANGES: tuple[Change, ...] = (
    write,
    write,
    remove,
    other_code,
    same_size_and_time,
    corrupt_index,
    cut_index,
)


@pytest.mark.parametrize("seed", range(2))
def test_it_says_what_every_footer_says_whatever_happened(lake: Lake, seed: int) -> None:
    rng = random.Random(seed)
    lasting = Footers(lake)
    for key in (*KEYS, FOLD):
        write(lake, key, rng.randrange(100))
    for _ in range(6):
        for _ in range(rng.randrange(4)):
            rng.choice(CHANGES)(lake, rng.choice([*KEYS, FOLD]), rng.randrange(10_000))
        agree(lake, lasting, Footers(lake))  # the latter as a fresh process does


def test_what_stands_for_another_partition_is_followed(lake: Lake) -> None:
    bars, tokens = ([series_key(t, "5m", NAMES[0], m) for m in MONTHS] for t in ("bars", "tokens"))
    for number, key in enumerate(bars):
        rows = pa.table({"value": [number]})
        lake.write(key, rows, ONE, EXPECTED, notes={CARRIED: str(number)})
    for key, month in zip(tokens, MONTHS, strict=True):
        own = series_key("bars", "5m", NAMES[0], month)
        inputs = digests(lake, [own, any_before(own), carried_to(own)])
        lake.write(key, pa.table({"value": [1]}), ONE, replace(EXPECTED, inputs=inputs))

    def current() -> list[bool]:
        agree(lake, Footers(lake))
        snapshot = Footers(lake).look(tables(lake))
        return [snapshot.is_current(str(key), EXPECTED) for key in tokens]

    assert current() == [True, True, True]
    lake.write(bars[0], pa.table({"value": [0]}), ONE, EXPECTED, notes={CARRIED: "other"})
    assert current() == [True, False, True]
    lake.remove(bars[1])
    assert current() == [True, False, False]


def test_a_lake_where_nothing_changed_gives_the_same_snapshot(lake: Lake) -> None:
    write(lake, KEYS[0], 1)
    found = Footers(lake)
    first = found.look(tables(lake))
    assert found.look(tables(lake)) is first
    write(lake, KEYS[0], 2)
    assert found.look(tables(lake)) is not first


def test_processes_that_look_at_once_leave_a_whole_index(lake: Lake) -> None:
    for number, key in enumerate(KEYS):
        write(lake, key, number)
    failed: list[BaseException] = []

    def look() -> None:
        try:
            for _ in range(3):
                lake.store.remove(INDEX)
                Footers(lake).look(tables(lake))
        except BaseException as error:
            failed.append(error)

    threads = [Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    agree(lake, Footers(lake))


def test_an_index_of_another_layout_or_with_holes_is_not_believed(lake: Lake) -> None:
    write(lake, KEYS[0], 1)
    Footers(lake).look(tables(lake))
    sound = pq.read_table(lake.store.fetch(INDEX))
    lie = pa.array(["0" * 32], pa.string())
    place = sound.schema.get_field_index("digest")
    for wrong in (
        sound.set_column(place, "digest", lie).replace_schema_metadata({b"layout": b"0"}),
        sound.set_column(place, "digest", pa.array([None], pa.string())),
        sound.drop_columns(["used"]),
    ):
        with lake.store.replacing(INDEX) as temporary:
            pq.write_table(wrong, temporary)
        agree(lake, Footers(lake))


def test_a_damaged_partition_is_left_out_and_noted_until_it_is_replaced(lake: Lake) -> None:
    for number, key in enumerate(KEYS):
        write(lake, key, number)
    torn = KEYS[-1]
    whole = lake.store.fetch(torn.folder / DATA_FILE).read_bytes()

    def tear(content: bytes) -> None:
        with lake.store.replacing(torn.folder / DATA_FILE) as temporary:
            temporary.write_bytes(content)

    lasting = Footers(lake)
    lasting.look(tables(lake))
    for content in (whole[: len(whole) // 2], b""):
        tear(content)
        for one in (lasting, Footers(lake)):
            found = one.look(tables(lake))
            assert not found.exists(torn)
            assert found.is_damaged(torn)
            assert lake.is_damaged(torn)
            for part in ("fix:", lake.uri(torn)):
                assert part in found.damaged[torn]
            assert staleness(found, torn) == staleness(lake, torn)
            assert all(found.digest(key) == lake.digest(key) for key in KEYS[:-1])
            assert one.look(tables(lake)) is found  # so that nothing is worked out again
    write(lake, torn, 1)
    agree(lake, lasting, Footers(lake))
    assert lasting.look(tables(lake)).damaged == {}
    tear(b"")
    assert lasting.look(tables(lake)).damaged
    lake.remove(torn)
    assert lasting.look(tables(lake)).damaged == {}
