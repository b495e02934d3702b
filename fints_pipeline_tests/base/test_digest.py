from datetime import date

import numpy as np
import pyarrow as pa
import pytest
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


STAMPS = [0, 1_700_000_000_000_001, None, -1, 5]
DAYS = [date(1970, 1, 1), date(2024, 2, 29), None, date(1969, 1, 1), date(2000, 1, 1)]
EVERY_TYPE = pa.table(
    {
        "text": pa.array(["a", "", "é日", None, "a"], pa.string()),
        "large": pa.array(["x", "yy", None, "", "ß"], pa.large_string()),
        "stamp": pa.array(STAMPS, pa.timestamp("us", "UTC")),
        "day": pa.array(DAYS, pa.date32()),
        "value": pa.array([0.0, -0.0, None, float("nan"), 1.5], pa.float64()),
        "flag": pa.array([True, False, None, True, True], pa.bool_()),
        "small": pa.array([-1, 9, None, 0, 127], pa.int8()),
        "whole": pa.array([1, 2, 3, 4, 5], pa.int64()),
        "code": pa.array(["u", "v", None, "u", "u"]).dictionary_encode(),
    }
)


@pytest.mark.parametrize(
    ("table", "digest"),
    [
        (EVERY_TYPE, "754003189865b410f3ab02760bbf3c89"),
        (EVERY_TYPE.slice(1, 3), "c66075e08a18ba449a27072cbac37569"),
        (EVERY_TYPE.slice(0, 0), "1aecac8ecdb9c50bc1a605e9ae55860a"),
        (EVERY_TYPE.select(["text"]), "7b4de95816bb1605de2843d5ca32ac4e"),
        (EVERY_TYPE.select(["large"]), "0540f7ef58c0c03d628917f79b4a66c4"),
        (EVERY_TYPE.select(["stamp"]), "a05d02a01ca4c3f1a306e3387ba16888"),
        (EVERY_TYPE.select(["day"]), "b0229a658cef8b9cd3de99379495ff89"),
        (EVERY_TYPE.select(["value"]), "1e0443faee6865a97da6d6375f80ffdf"),
        (EVERY_TYPE.select(["flag"]), "f8d7a0fcc20d6cf4195de50451d14979"),
        (EVERY_TYPE.select(["small"]), "791ef8a53626cc7fb3ce9cd42c3bd163"),
        (EVERY_TYPE.select(["whole"]), "3cc104afabaa30624191a70d8c567f1a"),
        (EVERY_TYPE.select(["code"]), "4534e5a01e3f93006cda3d1bb320425f"),
    ],
)
def test_digests_stay_what_they_were(table: pa.Table, digest: str) -> None:
    assert table_digest(table) == digest
    halves = pa.concat_tables([table.slice(0, 2), table.slice(2)])
    assert table_digest(halves) == digest
