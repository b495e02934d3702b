import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.frames import to_arrow
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS
from fints_pipeline.schemas.features import features_contract
from fints_pipeline.schemas.labels import labels_contract
from fints_pipeline.schemas.predictions import PREDICTIONS, QUANTILES
from fints_pipeline.schemas.raw_bars import RAW_BARS
from fints_pipeline.schemas.tokens import tokens_contract
from fints_pipeline_tests.strategies import random_bars


def bars(**changed: object) -> pd.DataFrame:
    return random_bars(60, seed=1).assign(**changed)


def check(frame: pd.DataFrame) -> None:
    BARS.validate(to_arrow(frame, BARS.arrow_schema))


def test_good_bars_pass() -> None:
    check(bars())


def at(frame: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    changed = frame.copy()
    changed.loc[row, column] = value
    return changed


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("high", 1e-3, r"high_is_highest fails in 1 rows: row 7"),
        ("low", 1e9, r"low_is_lowest fails in 1 rows: row 7"),
        ("open", -1.0, r"open fails greater_than\(0\) in 1 rows: row 7 \(open = -1.0\)"),
        ("close", np.nan, r"close holds 1 nulls(?s:.*)row 7"),
        ("volume", -1.0, r"volume fails greater_than_or_equal_to\(0\)"),
        ("split_factor", np.inf, r"split_factor fails is_finite"),
    ],
)
def test_violations_name_column_check_row_and_value(
    column: str, value: float, expected: str
) -> None:
    with pytest.raises(SchemaError, match=expected):
        check(at(bars(), 7, column, value))


def test_time_must_ascend_and_lie_in_its_session() -> None:
    with pytest.raises(SchemaError, match="close_time_strictly_ascending fails in 1 rows: row 1"):
        check(bars().iloc[[0, 0, 1, 2]].reset_index(drop=True))
    frame = bars()
    late = at(frame, 0, "session_open", frame.loc[0, "open_time"] + pd.Timedelta("1min"))
    with pytest.raises(SchemaError, match="lies_in_session"):
        check(late)


def test_a_label_ends_after_its_bar() -> None:
    contract = labels_contract(["up"])
    frame = bars()[["instrument", "open_time", "close_time", "session"]]
    frame = frame.assign(up=1.0, up_end=frame["close_time"] + pd.Timedelta("1h"))
    contract.validate(to_arrow(frame, contract.arrow_schema))
    early = at(frame, 3, "up_end", frame.loc[3, "close_time"])
    with pytest.raises(SchemaError, match="up_ends_after_its_bar fails in 1 rows: row 3"):
        contract.validate(to_arrow(early, contract.arrow_schema))


def test_tokens_must_be_values_of_their_field() -> None:
    contract = tokens_contract({"trend": ["na", "up"]})
    frame = bars()[["instrument", "open_time", "close_time", "session", "is_filled"]]
    good = frame.assign(trend=np.int8(1))
    contract.validate(to_arrow(good, contract.arrow_schema))
    with pytest.raises(SchemaError, match="trend fails in_range"):
        contract.validate(to_arrow(frame.assign(trend=np.int8(2)), contract.arrow_schema))


def test_probabilities_sum_to_one() -> None:
    frame = bars()[["instrument", "close_time", "session"]].assign(
        experiment="e",
        fold="f",
        model="m",
        span="test",
        expected_return=np.nan,
        label=np.nan,
        p_down=0.2,
        p_flat=0.3,
        p_up=0.5,
        **dict.fromkeys(QUANTILES, np.nan),
    )
    PREDICTIONS.validate(to_arrow(frame, PREDICTIONS.arrow_schema))
    with pytest.raises(SchemaError, match="probabilities_sum_to_one"):
        PREDICTIONS.validate(to_arrow(frame.assign(p_up=0.4), PREDICTIONS.arrow_schema))
    crossed = frame.assign(q10=0.1, q50=0.0)
    with pytest.raises(SchemaError, match="quantiles_rise"):
        PREDICTIONS.validate(to_arrow(crossed, PREDICTIONS.arrow_schema))
    twice = pd.concat([frame, frame.iloc[:1]], ignore_index=True)
    with pytest.raises(SchemaError, match="row 0, row 60"):
        PREDICTIONS.validate(to_arrow(twice, PREDICTIONS.arrow_schema))


def test_fingerprints_follow_the_schema() -> None:
    contracts = [BARS, RAW_BARS, CORPORATE_ACTIONS, PREDICTIONS, features_contract(["a"])]
    contracts += [features_contract(["b"]), labels_contract(["a"]), tokens_contract({"t": ["x"]})]
    contracts += [tokens_contract({"t": ["x", "y"]})]
    assert len({contract.fingerprint for contract in contracts}) == len(contracts)
    assert features_contract(["a"]).fingerprint == features_contract(["a"]).fingerprint


def test_columns_are_described_with_units() -> None:
    described = {name: text for name, _, text, _ in BARS.describe()}
    assert described["close"] == "last price [quote currency, unadjusted]"
    assert described["close_time"].endswith("[UTC]")
