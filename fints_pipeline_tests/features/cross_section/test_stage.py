from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from fints_pipeline import features
from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.features import FeaturesConfig
from fints_pipeline.features.cross_section import CrossSectionConfig, run
from fints_pipeline_tests.contracts import laws
from fints_pipeline_tests.strategies import random_bars

NAMES = ("test.A", "test.B", "test.C", "test.D")
FEATURES = FeaturesConfig(features=[{"name": "log_return"}, {"name": "body_wick"}])
CONFIG = CrossSectionConfig(universe=NAMES, features=("log_return", "body_share"))


def tables(seed: int, missing: float = 0.2, rows: int = 80) -> dict[str, pd.DataFrame]:
    return {
        name: features.run(
            FEATURES, random_bars(rows, seed + i, instrument=name, missing=missing, filled=0.2)
        )
        for i, name in enumerate(NAMES)
    }


def test_equal_to_scipy_and_pandas_where_all_have_a_bar() -> None:
    made = tables(1)
    got = run(CONFIG, made)
    for feature in CONFIG.features:
        columns = {name: table.set_index("close_time")[feature] for name, table in made.items()}
        wide = pd.DataFrame(columns).dropna()
        assert 10 < len(wide) < 80
        rank = (rankdata(wide, axis=1) - 1) / 3
        spread = wide.std(axis=1)
        score = wide.sub(wide.mean(axis=1), axis=0).div(spread.where(spread > 0, 1.0), axis=0)
        for i, name in enumerate(NAMES):
            table = got[name].set_index("close_time")
            assert len(table) == len(made[name])
            known = table[f"{feature}_cross_rank"].dropna()
            assert list(known.index) == list(wide.index)
            np.testing.assert_allclose(known, rank[:, i])
            np.testing.assert_allclose(
                table[f"{feature}_cross_zscore"].dropna(), score[name], atol=1e-9
            )


@settings(max_examples=10)
@given(seed=st.integers(0, 1_000), cut=st.integers(1, 80))
def test_what_comes_later_changes_nothing(seed: int, cut: int) -> None:
    whole = tables(seed)
    moment = whole[NAMES[0]]["close_time"].iloc[cut - 1]
    early = {n: t[t["close_time"] <= moment].reset_index(drop=True) for n, t in whole.items()}
    before, after = run(CONFIG, early), run(CONFIG, whole)
    for name in NAMES:
        rows = len(early[name])
        laws.assert_same_rows(before[name], after[name].iloc[:rows], f"{name} up to {moment}")


def test_null_while_one_is_not_known() -> None:
    made = tables(3, missing=0.0)
    made["test.C"] = made["test.C"].iloc[:0]
    for table in run(CONFIG, made).values():
        assert table[list(CONFIG.columns)].isna().all(axis=None)


def test_ties_share_their_rank_and_have_no_score() -> None:
    made = {name: table.assign(body_share=0.25) for name, table in tables(3, 0.0).items()}
    got = run(CONFIG, made)["test.B"]
    assert (got["body_share_cross_rank"].dropna() == 0.5).all()
    assert (got["body_share_cross_zscore"].dropna() == 0.0).all()


def test_mistakes_are_named() -> None:
    made = tables(3)
    with pytest.raises(KeyNotFoundError, match=r"test\.D"):
        run(CONFIG, {name: made[name] for name in NAMES[:3]})
    wrong = CrossSectionConfig(universe=NAMES, features=("body_shar",))
    with pytest.raises(KeyNotFoundError, match="did you mean 'body_share'"):
        run(wrong, made)
