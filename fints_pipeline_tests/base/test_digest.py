import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.digest import table_digest, text_digest

VALUES = st.lists(
    st.tuples(
        st.floats(allow_nan=True) | st.none(), st.text(max_size=4) | st.none(), st.booleans()
    ),
    max_size=20,
)


def make(rows: list) -> pa.Table:
    return pa.table(
        {
            "number": pa.array([row[0] for row in rows], pa.float64()),
            "text": pa.array([row[1] for row in rows], pa.string()),
            "flag": pa.array([row[2] for row in rows], pa.bool_()),
        }
    )


@given(VALUES, st.integers(0, 20))
def test_chunks_and_encoding_do_not_matter(rows: list, cut: int) -> None:
    table = make(rows)
    chunked = pa.concat_tables([table.slice(0, cut), table.slice(cut)])
    encoded = table.set_column(1, "text", table["text"].dictionary_encode())
    assert table_digest(chunked) == table_digest(table) == table_digest(encoded)


@given(VALUES.filter(lambda rows: len(rows) > 0), st.data())
def test_a_changed_value_changes_the_digest(rows: list, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(rows) - 1))
    number, text, flag = rows[row]
    changed = [*rows[:row], (number, text, not flag), *rows[row + 1 :]]
    assert table_digest(make(changed)) != table_digest(make(rows))
    changed = [*rows[:row], (number, (text or "") + "x", flag), *rows[row + 1 :]]
    assert table_digest(make(changed)) != table_digest(make(rows))
    other = 1.0 if number is None or np.isnan(number) else None
    changed = [*rows[:row], (other, text, flag), *rows[row + 1 :]]
    assert table_digest(make(changed)) != table_digest(make(rows))


def test_names_types_nulls_and_order_count() -> None:
    one = pa.table({"a": [1.0, 2.0]})
    assert table_digest(one) != table_digest(one.rename_columns(["b"]))
    assert table_digest(one) != table_digest(pa.table({"a": [1, 2]}))
    assert table_digest(one) != table_digest(pa.table({"a": [2.0, 1.0]}))
    null = pa.table({"a": pa.array([0.0, None], pa.float64())})
    assert table_digest(null) != table_digest(pa.table({"a": [0.0, 0.0]}))


def test_equal_numbers_have_equal_digests() -> None:
    assert table_digest(pa.table({"a": [0.0]})) == table_digest(pa.table({"a": [-0.0]}))
    payload = np.array([0x7FF8000000000001, 0xFFF8000000000000], dtype=np.uint64).view(float)
    first, second = (pa.table({"a": payload[i : i + 1]}) for i in range(2))
    assert table_digest(first) == table_digest(second)


def test_text_digest_respects_boundaries() -> None:
    assert text_digest("ab", "c") != text_digest("a", "bc")
