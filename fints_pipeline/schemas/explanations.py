"""What explains an experiment's models: `IMPORTANCES`, `ATTRIBUTION`, `COMPLETENESS`, `ATTENTION`.

docs/explain.md says how each is read.
"""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa
import pyarrow

from fints_pipeline.schemas.contract import TableContract, column, flag, number, text

METHODS = ["integrated_gradients", "tree_shap", "permutation", "attention"]
GROUPS = ["feature", "lag", "family", "field", "position", "patch"]


def _count(description: str) -> pa.Column:
    return column("int64", pyarrow.int64(), description, checks=[pa.Check.ge(0)])


def _share(description: str) -> pa.Column:
    return number(description, checks=[pa.Check.in_range(0, 1)])


def _band_rises(frame: pd.DataFrame) -> pd.Series:
    return frame["low"] <= frame["high"]


def _null_rises(frame: pd.DataFrame) -> pd.Series:
    return frame["null_low"] <= frame["null_high"]


def _diagnostic_is_attention(frame: pd.DataFrame) -> pd.Series:
    return frame["diagnostic"] == (frame["method"] == "attention")


def _passes_within_tolerance(frame: pd.DataFrame) -> pd.Series:
    return frame["passed"] == (frame["error"] <= frame["tolerance"])


IMPORTANCES = TableContract(
    "importances",
    pa.DataFrameSchema(
        {
            "model": text("model's name in the experiment"),
            "fold": text('fold\'s key; "all" is the mean over the folds'),
            "method": text("how it was measured", isin=METHODS),
            "group": text("what was grouped", isin=GROUPS),
            "name": text("of the input; lags and positions count back from the current bar, 0"),
            "value": number("mean absolute attribution; or the metric lost by permuting"),
            "low": number("lower end of the interval, over sessions"),
            "high": number("upper end of the interval, over sessions"),
            "unit": text("of value, low and high"),
            "windows": _count("test windows"),
            "diagnostic": flag("attention: where it looks, not why it says what it says"),
        },
        checks=[
            pa.Check(_band_rises, name="interval_rises"),
            pa.Check(_diagnostic_is_attention, name="attention_is_a_diagnostic"),
        ],
        unique=["model", "fold", "method", "group", "unit", "name"],
        strict=True,
        ordered=True,
    ),
)

ATTRIBUTION = TableContract(
    "attribution",
    pa.DataFrameSchema(
        {
            "model": text("model's name in the experiment"),
            "form": text("of its tokens", isin=["flat", "factorised"]),
            "field": text('token field; "nothing" where no token pushed towards the trade'),
            "value": text("of the field, in words"),
            "trades": _count("closed trades that it pushed towards"),
            "entries": _count("fills that opened or added to them"),
            "winners": _count("of the trades, those with a net profit"),
            "losers": _count("the others"),
            "net": number("net profit of the trades", unit="account currency"),
            "attributed": number("its shares of their net profits", unit="account currency"),
            "push_winners": number("mean attribution towards the trade, winners", unit="log odds"),
            "push_losers": number("mean attribution towards the trade, losers", unit="log odds"),
            "null_low": number("band of `attributed` when profits are shuffled, lower end"),
            "null_high": number("band of `attributed` when profits are shuffled, upper end"),
            "p": _share("of shuffles that are as far from their mean"),
            "p_adjusted": _share("p for all rows of the model together (Benjamini-Hochberg)"),
        },
        checks=[pa.Check(_null_rises, name="band_rises")],
        unique=["model", "field", "value"],
        strict=True,
        ordered=True,
    ),
)

COMPLETENESS = TableContract(
    "completeness",
    pa.DataFrameSchema(
        {
            "model": text("model's name in the experiment"),
            "fold": text("fold's key"),
            "method": text("what was checked", isin=METHODS[:3]),
            "input": text("which of the model's inputs"),
            "windows": _count("test windows"),
            "steps": _count("points of the path; repeats of a permutation"),
            "error": number("largest gap of a sum; share of windows that could not be exchanged"),
            "tolerance": number("largest error that passes"),
            "passed": flag("error within tolerance"),
        },
        checks=[pa.Check(_passes_within_tolerance, name="passed_is_within_tolerance")],
        unique=["model", "fold", "method", "input"],
        strict=True,
        ordered=True,
    ),
)

ATTENTION = TableContract(
    "attention",
    pa.DataFrameSchema(
        {
            "model": text("model's name in the experiment"),
            "fold": text("fold's key"),
            "input": text("what it attends to", isin=["tokens", "patches"]),
            "layer": text('1 is next to the inputs; "rollout" all of them'),
            "head": text('number of the head; "mean" over them'),
            "query": _count("position that looks; 0 is the oldest"),
            "key": _count("position that is looked at; 0 is the oldest"),
            "weight": _share("mean over the windows"),
        },
        unique=["model", "fold", "input", "layer", "head", "query", "key"],
        strict=True,
        ordered=True,
    ),
)

TABLES = {
    contract.name: contract for contract in (IMPORTANCES, ATTRIBUTION, COMPLETENESS, ATTENTION)
}
"""Contracts of the bundle's Parquet files, by the files' stems."""
