import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.data.rows import Rows
from fints_pipeline.data.versions import Versions, by_delivery, winners

ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from("ab"), st.integers(1, 9)),
    max_size=25,
    unique_by=lambda row: row[1:],
)
HOUR = np.timedelta64(1, "h")
START = np.datetime64("2024-01-01", "us")


def table(rows: list[tuple[int, int, str, int]]) -> Rows:
    stamp, known, archive, row = zip(*rows, strict=True) if rows else ((),) * 4
    return Rows(
        {
            "open_time": START + np.array(stamp, dtype=np.int64) * HOUR,
            "known_at": START + np.array(known, dtype=np.int64) * HOUR,
            "archive": np.array(["abc".index(name) for name in archive], dtype=np.int64),
            "source_row": np.array(row, dtype=np.int64),
            "at": np.arange(len(rows)),
        }
    )


def slow(
    rows: list[tuple[int, int, str, int]], stamp: int, versions: Versions, as_of: int | None
) -> tuple[int, int, str, int]:
    same = sorted(row for row in rows if row[0] == stamp)
    first = [row for row in same if row[1:3] == same[0][1:3]][-1]
    if as_of is not None:
        there = [row for row in same if row[1] <= as_of]
        return there[-1] if there else first
    return same[-1] if versions == "latest" else first


@given(ROWS, st.sampled_from(["latest", "first_known"]), st.none() | st.integers(-1, 5))
def test_equals_a_slow_twin(
    rows: list[tuple[int, int, str, int]], versions: Versions, as_of: int | None
):
    ordered = by_delivery(table(rows))
    moment = None if as_of is None else START + as_of * HOUR
    found = winners(ordered, versions, moment)
    keys = [rows[i] for i in ordered["at"]]
    assert [keys[i] for i in found] == [slow(rows, key[0], versions, as_of) for key in keys]


@given(ROWS, st.tuples(st.integers(0, 4), st.just("c"), st.integers(1, 9)))
def test_what_was_first_known_stays_when_more_is_delivered(
    rows: list[tuple[int, int, str, int]], more: tuple[int, str, int]
):
    later = [*rows, (more[0], 9, *more[1:])]

    def chosen(given_rows: list[tuple[int, int, str, int]]) -> dict[int, tuple[int, ...]]:
        ordered = by_delivery(table(given_rows))
        keys = [given_rows[i] for i in ordered["at"]]
        return {keys[i][0]: keys[i] for i in winners(ordered, "first_known")}

    before, after = chosen(rows), chosen(later)
    assert {stamp: after[stamp] for stamp in before} == before
