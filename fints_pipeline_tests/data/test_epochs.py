import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.epochs import to_microseconds

SECONDS = st.integers(10**8, 10**10 - 1)
FACTORS = {0: 1, 1: 1000, 2: 10**6, 3: 10**9}


@given(rows=st.lists(st.tuples(SECONDS, st.sampled_from(sorted(FACTORS))), min_size=1))
def test_unit_is_told_by_value_row_by_row(rows: list[tuple[int, int]]):
    # int64 nanoseconds end in 2262.
    rows = [(s % (9 * 10**9) + 10**8, unit) for s, unit in rows]
    epochs = np.array([s * FACTORS[unit] for s, unit in rows], dtype=np.int64)
    micros, _ = to_microseconds(epochs, "x", "open_time")
    assert micros.tolist() == [s * 10**6 for s, _ in rows]


def test_change_of_unit_is_told():
    epochs = np.array([1_735_689_540_000] * 3 + [1_735_689_600_000_000] * 2)
    micros, notes = to_microseconds(epochs, "x", "open_time", first_row=2)
    assert np.diff(micros).tolist() == [0, 0, 60_000_000, 0]
    assert notes == ("rows 2 to 4: epochs in ms", "rows 5 to 6: epochs in µs")
    assert to_microseconds(epochs[:3], "x", "open_time")[1] == ()


def test_many_changes_are_counted():
    epochs = np.array([1_735_689_540_000, 1_735_689_600] * 5)
    notes = to_microseconds(epochs, "x", "open_time")[1]
    assert len(notes) == 7
    assert notes[-1] == "… and 4 more changes of unit"


@pytest.mark.parametrize("value", [0, -5, 99_999_999, 10**10, 10**13, 9 * 10**16])
def test_what_is_no_epoch_is_refused_with_its_row(value: int):
    with pytest.raises(ArchiveError, match="not an epoch") as refusal:
        to_microseconds(np.array([1_735_689_540, value]), "f.csv", "open_time", first_row=2)
    assert refusal.value.where == "f.csv, row 3, column open_time"
