from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.frames import to_arrow, to_pandas

SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("stamp", pa.timestamp("us", tz="UTC")),
        ("day", pa.date32()),
        ("value", pa.float64()),
        ("flag", pa.bool_()),
        ("small", pa.int8()),
    ]
)


def make_table() -> pa.Table:
    return pa.table(
        {
            "text": ["a", None],
            "stamp": [0, 1_700_000_000_000_001],
            "day": [date(1970, 1, 1), date(2024, 2, 29)],
            "value": [None, 1.5],
            "flag": [True, False],
            "small": [-1, 9],
        },
        schema=SCHEMA,
    )


def test_round_trip() -> None:
    assert to_arrow(to_pandas(make_table()), SCHEMA).equals(make_table())


def test_types_in_pandas() -> None:
    frame = to_pandas(make_table())
    assert str(frame["stamp"].dtype) == "datetime64[us, UTC]"
    assert str(frame["day"].dtype) == "datetime64[us]"
    assert np.isnan(frame["value"][0])


def test_nan_becomes_null() -> None:
    frame = to_pandas(make_table()).assign(value=[np.nan, 2.0])
    assert to_arrow(frame, SCHEMA)["value"].null_count == 1


def test_missing_column_and_wrong_type_are_named() -> None:
    frame = to_pandas(make_table())
    with pytest.raises(SchemaError, match="small"):
        to_arrow(frame.drop(columns="small"), SCHEMA)
    with pytest.raises(SchemaError, match=r"'small'.*int8"):
        to_arrow(frame.assign(small=[1000, 1]), SCHEMA)
    with pytest.raises(SchemaError, match="'value'"):
        to_arrow(pd.DataFrame({**frame, "value": ["x", "y"]}), SCHEMA)
