from collections.abc import Callable

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaErrors

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.schemas.contract import TableContract, column
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS
from fints_pipeline.schemas.exogenous import exogenous_contract
from fints_pipeline.schemas.features import features_contract
from fints_pipeline.schemas.labels import labels_contract
from fints_pipeline.schemas.news import NEWS
from fints_pipeline.schemas.predictions import PREDICTIONS, QUANTILES
from fints_pipeline.schemas.raw_bars import RAW_BARS
from fints_pipeline.schemas.screening import is_understood, is_valid
from fints_pipeline.schemas.ticker_history import TICKER_HISTORY
from fints_pipeline.schemas.tokens import tokens_contract
from fints_pipeline_tests.strategies import random_bars

TOKENS = tokens_contract({"trend": ["na", "up", "down"]})
LABELS = labels_contract(["up"])
FEATURES = features_contract(["a", "b"])
EXOGENOUS = exogenous_contract(["rate"])
ALL = [BARS, RAW_BARS, CORPORATE_ACTIONS, TICKER_HISTORY, NEWS, PREDICTIONS, TOKENS, LABELS,
       FEATURES, EXOGENOUS]  # fmt: skip
NUMBERS = st.sampled_from(
    [-np.inf, -1.0, -1e-300, -0.0, 0.0, 0.2, 1.0, 99.9, 100.0, 1e9, np.inf, np.nan, None]
)


def good(contract: TableContract, rows: int, seed: int) -> pd.DataFrame:
    """Return a valid frame of any contract."""
    bars = random_bars(max(rows, 1), seed=seed, volume="some", splits=0.3).iloc[:rows]
    times = bars["close_time"]
    later = times + pd.Timedelta("1h")
    values = {
        "up": 1.0, "up_end": later, "trend": np.int8(2), "a": np.nan, "b": 0.5, "kind": "split",
        "value": 2.0, "ex_date": bars["session"], "ticker": "A", "exchange": "Q",
        "first_day": bars["session"], "last_day": bars["session"], "known_at": later,
        "archive": "0a",
        "source_row": np.arange(rows), "text": "a b", "words": 2, "positive": 1, "negative": 0,
        "series": "rates", "period_end": times, "rate": 0.1, "experiment": "e", "fold": "f",
        "model": "m", "span": "test", "expected_return": np.nan, "label": 0.1, "p_down": 0.2,
        "p_flat": 0.3, "p_up": 0.5, **dict.fromkeys(QUANTILES, 0.0),
    }  # fmt: skip
    frame = bars.assign(**values)
    return frame[contract.arrow_schema.names].reset_index(drop=True)


def pandera_accepts(contract: TableContract, table: pyarrow.Table) -> bool:
    try:
        contract.schema.validate(to_pandas(table), lazy=True)
    except SchemaErrors:
        return False
    return True


def fit(contract: TableContract, frame: pd.DataFrame) -> pyarrow.Table | None:
    try:
        return to_arrow(frame, contract.arrow_schema)
    except SchemaError:
        return None


def has_forbidden_nulls(table: pyarrow.Table) -> bool:
    return any(not field.nullable and table[field.name].null_count for field in table.schema)


@pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.name)
def test_every_schema_is_understood_and_good_tables_pass(contract: TableContract) -> None:
    assert is_understood(contract.schema, contract.arrow_schema)
    for rows in (0, 1, 40):
        assert is_valid(contract.schema, to_arrow(good(contract, rows, 1), contract.arrow_schema))


@pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.name)
@settings(max_examples=30)
@given(data=st.data())
def test_it_accepts_what_pandera_accepts(contract: TableContract, data: st.DataObject) -> None:
    frame = good(contract, data.draw(st.integers(2, 30)), data.draw(st.integers(0, 20)))
    for _ in range(data.draw(st.integers(0, 2))):
        name = data.draw(st.sampled_from(list(frame.columns)))
        row = data.draw(st.integers(0, len(frame) - 1))
        frame = data.draw(st.sampled_from([put, put_from_elsewhere]))(frame, name, row, data.draw)
    table = fit(contract, frame)
    if table is None or has_forbidden_nulls(table):
        return
    accepted = pandera_accepts(contract, table)
    assert is_valid(contract.schema, table) == accepted
    try:
        contract.validate(table)
    except SchemaError:
        assert not accepted
    else:
        assert accepted


def put(frame: pd.DataFrame, name: str, row: int, draw: Callable) -> pd.DataFrame:
    """Put another value of its kind into a cell."""
    kind = frame[name].dtype.kind
    values = {
        "f": NUMBERS,
        "i": st.sampled_from([-1, 0, 1, 2, 3, 100]),
        "b": st.booleans(),
        "O": st.sampled_from(["split", "dividend", "merger", "validation", "", None]),
    }
    if kind == "M":
        hours = draw(st.integers(-5, 5))
        return frame.assign(**{name: frame[name].where(
            frame.index != row, frame[name] + pd.Timedelta(hours=hours))})  # fmt: skip
    column = frame[name].tolist()
    column[row] = draw(values[kind])
    return frame.assign(**{name: pd.Series(column, dtype=None if kind != "f" else "float64")})


def put_from_elsewhere(frame: pd.DataFrame, name: str, row: int, draw: Callable) -> pd.DataFrame:
    """Put another row's value, or with stamps none, into a cell."""
    other = draw(st.integers(0, len(frame) - 1))
    mended = frame[name].copy()
    mended[row] = pd.NaT if mended.dtype.kind == "M" and other == row else frame[name][other]
    return frame.assign(**{name: mended})


@given(st.lists(NUMBERS, max_size=5), st.booleans())
@example([np.nan, np.nan], True)
def test_numbers_that_arrow_does_not_call_null(values: list, nullable: bool) -> None:
    bounded = column(
        "float64", pyarrow.float64(), "x", nullable=nullable, checks=[pa.Check.in_range(0, 100)]
    )
    contract = TableContract("t", pa.DataFrameSchema({"x": bounded}, strict=True, ordered=True))
    numbers = [np.nan if value is None else value for value in values]
    table = pyarrow.table({"x": pyarrow.array(numbers, pyarrow.float64())})
    assert is_valid(contract.schema, table) == pandera_accepts(contract, table)


def test_a_stamp_that_pandas_reads_as_none_is_refused() -> None:
    frame = good(FEATURES, 3, 1)
    table = to_arrow(frame, FEATURES.arrow_schema)
    least = pyarrow.array([np.iinfo(np.int64).min, 0, 1]).cast(pyarrow.timestamp("us", "UTC"))
    spoiled = table.set_column(1, "open_time", least)
    assert not is_valid(FEATURES.schema, spoiled)
    with pytest.raises(SchemaError, match="open_time fails not_nullable"):
        FEATURES.validate(spoiled)


@pytest.mark.parametrize(
    "spec",
    [
        pa.Column("float64", pa.Check(lambda value: value > 0, element_wise=True)),
        pa.Column("float64", unique=True),
        pa.Column("float64", coerce=True),
        pa.Column("int64"),
    ],
)
def test_what_it_does_not_understand_is_left_to_pandera(spec: pa.Column) -> None:
    arrow_schema = pyarrow.schema([pyarrow.field("x", pyarrow.float64())])
    assert not is_understood(pa.DataFrameSchema({"x": spec}), arrow_schema)


def test_a_check_of_neighbours_sees_the_whole_column() -> None:
    ascends = pa.Check(lambda values: values.diff().fillna(1) > 0, name="ascends")
    spec = column("float64", pyarrow.float64(), "x", checks=[ascends])
    schema = pa.DataFrameSchema({"x": spec})
    assert is_valid(schema, pyarrow.table({"x": [1.0, 2.0, 3.0]}))
    assert not is_valid(schema, pyarrow.table({"x": [1.0, 3.0, 2.0]}))


@settings(max_examples=40)
@given(st.data())
def test_the_rules_of_bars_equal_plain_words(data: st.DataObject) -> None:
    frame = good(BARS, data.draw(st.integers(2, 20)), data.draw(st.integers(0, 20)))
    for _ in range(data.draw(st.integers(0, 4))):
        name = data.draw(st.sampled_from([*BARS.arrow_schema.names[1:10], "is_halted"]))
        row, other = (data.draw(st.integers(0, len(frame) - 1)) for _ in range(2))
        column = frame[name].copy()
        column[row] = frame[name][other]
        frame = frame.assign(**{name: column})
    closes = frame["close_time"].tolist()
    words = {
        "close_time_strictly_ascending": [
            i == 0 or closes[i] > closes[i - 1] for i in range(len(closes))
        ],
        "high_is_highest": [b.high == max(b.open, b.high, b.low, b.close) for b in rows(frame)],
        "low_is_lowest": [b.low == min(b.open, b.high, b.low, b.close) for b in rows(frame)],
        "lies_in_session": [
            b.session_open <= b.open_time and b.close_time <= b.session_close for b in rows(frame)
        ],
        "no_trade_no_open": [
            b.opens_filled or not (b.is_filled or b.is_halted) for b in rows(frame)
        ],
    }
    for check in BARS.schema.checks:
        assert check._check_fn(frame).tolist() == words[check.name], check.name
    passes = all(all(truths) for truths in words.values())
    assert is_valid(BARS.schema, to_arrow(frame, BARS.arrow_schema)) == passes


def rows(frame: pd.DataFrame) -> list:
    return list(frame.itertuples())


@given(
    st.lists(NUMBERS.filter(lambda x: x is not None), min_size=1, max_size=4),
    st.sampled_from([0.2, 1.0]),
    st.booleans(),
    st.booleans(),
)
def test_every_interval_is_panderas(
    values: list, bound: float, least_included: bool, most_included: bool
) -> None:
    checks = [
        pa.Check.gt(bound),
        pa.Check.ge(bound),
        pa.Check.lt(bound),
        pa.Check.le(bound),
        pa.Check.in_range(bound, 100, least_included, most_included),
    ]
    table = pyarrow.table({"x": pyarrow.array(values, pyarrow.float64())})
    for check in checks:
        spec = column("float64", pyarrow.float64(), "x", nullable=True, checks=[check])
        contract = TableContract("t", pa.DataFrameSchema({"x": spec}, strict=True, ordered=True))
        assert is_valid(contract.schema, table) == pandera_accepts(contract, table), check.name
