import pandas as pd
import pytest

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.lake import BundleKey, Lake, Lineage
from fints_pipeline.evaluation.explained import (
    Explanations,
    explanations_key,
    read_explanations,
    write_explanations,
)

BACKTEST = str(BundleKey.of("backtests", experiment="some"))


def explanations(**changes: object) -> Explanations:
    importance = {
        "model": "net", "fold": "all", "method": "permutation", "group": "field",
        "name": "trend", "value": 0.2, "low": 0.1, "high": 0.3, "unit": "rank IC",
        "windows": 10, "diagnostic": False,
    }  # fmt: skip
    attribution = {
        "model": "net", "form": "flat", "field": "trend", "value": "up", "trades": 3,
        "entries": 4, "winners": 1, "losers": 2, "net": -5.0, "attributed": -4.0,
        "push_winners": 0.1, "push_losers": 0.2, "null_low": -6.0, "null_high": 2.0,
        "p": 0.4, "p_adjusted": 0.8,
    }  # fmt: skip
    completeness = {
        "model": "net", "fold": "2024-01-01", "method": "tree_shap", "input": "past",
        "windows": 10, "steps": 1, "error": 0.0, "tolerance": 1e-6, "passed": True,
    }  # fmt: skip
    attention = {
        "model": "net", "fold": "2024-01-01", "input": "tokens", "layer": "1", "head": "mean",
        "query": 0, "key": 0, "weight": 1.0,
    }  # fmt: skip
    rows = (importance, attribution, completeness, attention)
    return Explanations(
        *(pd.DataFrame([{**row, **{k: v for k, v in changes.items() if k in row}}])
          for row in rows),
        not_told={"net": {"integrated_gradients": "it draws paths"}}, null_level=0.8,
    )  # fmt: skip


def publish(lake: Lake, found: Explanations, digest: str) -> None:
    lineage = Lineage("1", "some", {BACKTEST: digest})
    lake.write_bundle(explanations_key("some"), lambda f: write_explanations(f, found), lineage)


def test_what_was_written_is_read_back(lake: Lake) -> None:
    found = explanations()
    publish(lake, found, "digest")
    read = read_explanations(lake, "some", "digest")
    assert read is not None
    for name in ("importances", "attribution", "completeness", "attention"):
        pd.testing.assert_frame_equal(getattr(read, name), getattr(found, name), check_dtype=False)
    assert read.not_told == found.not_told
    assert read.null_level == found.null_level


def test_explanations_of_another_backtest_are_not_shown(lake: Lake) -> None:
    assert read_explanations(lake, "some", "digest") is None
    publish(lake, explanations(), "an older one")
    assert read_explanations(lake, "some", "digest") is None


@pytest.mark.parametrize(
    "changes",
    [{"low": 0.4}, {"method": "guess"}, {"value": float("inf")}, {"diagnostic": True},
     {"p": 1.2}, {"weight": -0.1}, {"error": 1.0}, {"trades": -1}],
)  # fmt: skip
def test_a_table_that_breaks_its_schema_is_not_published(
    lake: Lake, changes: dict[str, object]
) -> None:
    with pytest.raises(SchemaError):
        publish(lake, explanations(**changes), "digest")
