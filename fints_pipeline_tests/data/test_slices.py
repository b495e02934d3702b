from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.lake import Lake
from fints_pipeline.data.calendars import Calendar, calendar_for
from fints_pipeline.data.slices import RAW_SLICES, merge, slice_key, slices, split
from fints_pipeline.schemas.raw_bars import RAW_BARS as CONTRACT

CALENDARS = {"x": "crypto_24_7", "y": "crypto_24_7", "f": "fx_24_5"}
START = datetime(2023, 1, 31, 23, 0, tzinfo=UTC)


def raw(
    archive: str,
    minutes: list[int],
    known: int = 0,
    price: float = 1.0,
    instrument: str = "x.A",
) -> pa.Table:
    opened = [START + timedelta(minutes=minute) for minute in minutes]
    columns = {
        "instrument": [instrument] * len(minutes),
        "open_time": opened,
        "close_time": [each + timedelta(minutes=1) for each in opened],
        **{name: [price] * len(minutes) for name in ("open", "high", "low", "close", "volume")},
        "archive": [archive] * len(minutes),
        "source_row": range(1, len(minutes) + 1),
        "known_at": [START + timedelta(days=40 + known)] * len(minutes),
    }
    return pa.table(columns, schema=CONTRACT.arrow_schema)


def calendar_of(instrument: str) -> Calendar:
    return calendar_for(CALENDARS[instrument[0]])


def put(lake: Lake, rows: pa.Table, archive: str, earlier: tuple[str, ...] = ()):
    found = split(rows, calendar_of, "1m")
    gone = {slice_key("x.A", month): rows.slice(0, 0) for month in earlier}
    changes = [merge(lake, key, {archive: part}, "config") for key, part in (gone | found).items()]
    return [change for change in changes if change is not None]


def test_the_schema_asks_no_more_than_arrow_checks():
    assert CONTRACT.schema.checks == []
    assert [spec.checks for spec in CONTRACT.schema.columns.values()] == [[]] * 11
    columns = raw("a", [0]).to_pydict() | {"archive": [None]}
    with pytest.raises(SchemaError, match="nulls"):
        RAW_SLICES.validate(pa.table(columns, schema=CONTRACT.arrow_schema))


@given(minutes=st.lists(st.integers(-100_000, 100_000), min_size=1, max_size=50))
def test_slices_keep_every_row_in_its_order(minutes: list[int]):
    both = pa.concat_tables([raw("a", minutes), raw("a", minutes, instrument="x.B")])
    rows = both.take([*range(0, both.num_rows, 2), *range(1, both.num_rows, 2)])
    parts = split(rows, calendar_of, "1m")
    assert sum(part.num_rows for part in parts.values()) == 2 * len(minutes)
    for key, part in parts.items():
        found = part.to_pylist()
        assert {f"{each['open_time']:%Y-%m}" for each in found} == {key["month"]}
        assert {each["instrument"] for each in found} == {key["instrument"]}
        order = rows.filter(pc.equal(rows.column("instrument"), key["instrument"]))
        rest = [r for r in order.to_pylist() if f"{r['open_time']:%Y-%m}" == key["month"]]
        assert found == rest


def test_nothing_splits_into_nothing():
    assert split(raw("a", []), calendar_of, "1m") == {}


def test_fx_month_is_that_of_the_session():
    rows = raw(
        "a", [-120, 0], instrument="f.A"
    )  # 2023-01-31 16:00 and 18:00 New York: before and after the close
    parts = split(rows, calendar_of, "1m")
    assert [key["month"] for key in parts] == ["2023-01", "2023-02"]


def test_daily_slices_stand_beside_minutes(lake: Lake):
    put(lake, raw("a", [0]), "a")
    ((key, part),) = split(raw("d", [0], instrument="y.B"), calendar_of, "1D").items()
    merge(lake, key, {"d": part}, "config")
    assert str(key) == "raw_bars/1D/y.B/2023-01"
    assert sorted(slices(lake)) == [("x.A", "2023-01"), ("y.B", "2023-01")]


def test_a_slice_that_several_archives_touch_is_written_once(lake: Lake):
    parts = {
        name: split(raw(name, [1, 0], known), calendar_of, "1m")[slice_key("x.A", "2023-01")]
        for name, known in (("b", 1), ("a", 0))
    }
    change = merge(lake, slice_key("x.A", "2023-01"), parts, "config")
    assert change is not None
    rows = lake.read(slice_key("x.A", "2023-01")).to_pylist()
    assert [(row["archive"], row["source_row"]) for row in rows] == [
        ("a", 1), ("a", 2), ("b", 1), ("b", 2)]  # fmt: skip


def test_changes_tell_digests_before_and_after(lake: Lake):
    first = put(lake, raw("a", [0, 90]), "a")
    assert [(c.month, c.before, c.rows) for c in first] == [
        ("2023-01", None, 1),
        ("2023-02", None, 1),
    ]
    assert put(lake, raw("a", [0, 90]), "a") == []
    (second,) = put(lake, raw("b", [91], known=1), "b")
    assert (second.month, second.before, second.rows) == ("2023-02", first[1].after, 2)
    assert slices(lake) == {("x.A", "2023-01"): first[0].after, ("x.A", "2023-02"): second.after}


def test_deliveries_stand_side_by_side_in_order_of_arrival_whatever_order_they_came_in(lake: Lake):
    put(lake, raw("b", [0, 1], known=1, price=2.0), "b")
    put(lake, raw("a", [0, 1], known=0), "a")
    rows = lake.read(slice_key("x.A", "2023-01")).to_pylist()
    assert [(row["archive"], row["source_row"]) for row in rows] == [
        ("a", 1), ("a", 2), ("b", 1), ("b", 2)]  # fmt: skip
    assert dict(lake.footer(slice_key("x.A", "2023-01")).lineage.inputs) == {
        "archives/a": "a",
        "archives/b": "b",
    }


def test_reading_an_archive_anew_replaces_its_rows_everywhere(lake: Lake):
    put(lake, raw("a", [0, 90]), "a")
    put(lake, raw("b", [1], known=1), "b")
    changes = put(lake, raw("a", [91, 92]), "a", earlier=("2023-01", "2023-02"))
    assert [(each.month, each.rows) for each in changes] == [("2023-01", 1), ("2023-02", 2)]
    january = lake.read(slice_key("x.A", "2023-01"))
    assert january.column("archive").to_pylist() == ["b"]
    assert list(lake.footer(slice_key("x.A", "2023-01")).lineage.inputs) == ["archives/b"]
