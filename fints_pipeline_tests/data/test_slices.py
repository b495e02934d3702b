from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.lake import Lake
from fints_pipeline.data.calendars import calendar_for
from fints_pipeline.data.slices import by_month, merge, slice_key, slices
from fints_pipeline.schemas.raw_bars import RAW_BARS

CRYPTO = calendar_for("crypto_24_7")
START = datetime(2023, 1, 31, 23, 0, tzinfo=UTC)


def raw(archive: str, minutes: list[int], known: int = 0, price: float = 1.0) -> pa.Table:
    opened = [START + timedelta(minutes=minute) for minute in minutes]
    columns = {
        "instrument": ["x.A"] * len(minutes),
        "open_time": opened,
        "close_time": [each + timedelta(minutes=1) for each in opened],
        **{name: [price] * len(minutes) for name in ("open", "high", "low", "close", "volume")},
        "archive": [archive] * len(minutes),
        "source_row": range(1, len(minutes) + 1),
        "known_at": [START + timedelta(days=40 + known)] * len(minutes),
    }
    return pa.table(columns, schema=RAW_BARS.arrow_schema)


def put(lake: Lake, rows: pa.Table, archive: str, earlier: tuple[str, ...] = ()):
    return merge(lake, "x.A", archive, by_month(rows, CRYPTO), earlier, RAW_BARS, "config")


@given(minutes=st.lists(st.integers(-100_000, 100_000), min_size=1, max_size=50))
def test_months_keep_every_row_in_its_order(minutes: list[int]):
    rows = raw("a", minutes)
    months = by_month(rows, CRYPTO)
    assert list(months) == sorted(months)
    assert sum(part.num_rows for part in months.values()) == len(minutes)
    for month, part in months.items():
        found = part.to_pylist()
        assert {f"{each['open_time']:%Y-%m}" for each in found} == {month}
        assert [each["source_row"] for each in found] == sorted(e["source_row"] for e in found)


def test_fx_month_is_that_of_the_session():
    rows = raw("a", [-120, 0])  # 2023-01-31 16:00 and 18:00 New York: before and after the close
    assert list(by_month(rows, calendar_for("fx_24_5"))) == ["2023-01", "2023-02"]


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
