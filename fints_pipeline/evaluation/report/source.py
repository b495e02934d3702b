"""What a report is made from: the backtest's bundle, and bars, tokens and quality from the lake."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import BundleKey, Lake, series_key
from fints_pipeline.base.time import month_of
from fints_pipeline.evaluation import artefacts
from fints_pipeline.evaluation.artefacts import Artefacts
from fints_pipeline.evaluation.config import BacktestConfig
from fints_pipeline.evaluation.explained import (
    Explanations,
    explanations_key,
    read_explanations,
)

CHARTED_INSTRUMENTS = 6
"""Whose trades are shown on candles."""


@dataclass(frozen=True)
class Quality:
    """What is known of one instrument's bars over the test span, and of their cleaning.

    Attributes:
        instrument: dataset.SYMBOL.
        bars: in the months of the test span.
        filled: of them, carried forward.
        partial: of them, cut short by the session's end.
        rules: rows that each cleaning rule applied to, zeros left out.
        months: months whose cleaning is known.
    """

    instrument: str
    bars: int
    filled: int
    partial: int
    rules: dict[str, int]
    months: int


@dataclass(frozen=True)
class Tracked:
    """Where the fits were logged.

    Attributes:
        not_told: why there are no runs; None when there are some.
        runs: one a fold and model: `fold`, `model`, `run_id` and `url`.
    """

    not_told: str | None
    runs: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Folds:
    """The experiment's fold table; `walkforward.fold_table.FoldTable` says what the frames hold."""

    spans: pd.DataFrame
    intervals: pd.DataFrame
    paths: pd.DataFrame


@dataclass
class Material:
    """Everything that the page shows.

    Attributes:
        config: the backtest's config.
        frequency: of the bars.
        backtest: tables and numbers of the run.
        folds: what each fold of the experiment is made of.
        code_version: of the backtest.
        config_fingerprint: of backtest and experiment together.
        experiment: the experiment's config, as JSON values.
        fields: token fields and their values.
        tracked: runs of the fits.
        explanations: what the models looked at; None where nobody has asked.
        candles: test bars by instrument; a column of codes a token field, where there are tokens.
        quality: one an instrument.
        inputs: digest of what the backtest read, by key.
        digests: digest of what the report read, by key.
    """

    config: BacktestConfig
    frequency: str
    backtest: Artefacts
    folds: Folds
    code_version: str
    config_fingerprint: str
    experiment: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tracked: Tracked = Tracked("nothing was asked for them")
    explanations: Explanations | None = None
    candles: dict[str, pd.DataFrame] = field(default_factory=dict)
    quality: list[Quality] = field(default_factory=list)
    inputs: Mapping[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, Any]:
        """The run's numbers."""
        return self.backtest.metrics

    @property
    def primary(self) -> dict[str, Any]:
        """The primary model's numbers."""
        model: dict[str, Any] = self.metrics["models"][self.metrics["primary"]]
        return model


def collect(
    lake: Lake,
    config: BacktestConfig,
    frequency: str,
    fields: Mapping[str, Sequence[str]],
    experiment: Mapping[str, Any],
    tracked: Tracked,
) -> Material:
    """Read what the report shows.

    Args:
        lake: the lake.
        config: the backtest's config.
        frequency: of the experiment's bars.
        fields: token fields and their values, to put tokens into words.
        experiment: the experiment's config, as JSON values.
        tracked: runs of the fits.

    Raises:
        KeyNotFoundError: the experiment has no backtest or no fold table yet.
        LakeError: the backtest lacks numbers that the report shows.
    """
    key = BundleKey.of("backtests", experiment=config.experiment)
    folds = BundleKey.of("fold_tables", experiment=config.experiment)
    manifest = lake.bundle_manifest(key)
    material = Material(
        config=config,
        frequency=frequency,
        backtest=artefacts.read(lake.open_bundle(key)),
        folds=_folds(lake.open_bundle(folds)),
        code_version=manifest.lineage.code_version,
        config_fingerprint=manifest.lineage.config_fingerprint,
        experiment=experiment,
        fields=fields,
        tracked=tracked,
        inputs=manifest.lineage.inputs,
        digests={str(one): lake.bundle_manifest(one).digest for one in (key, folds)},
    )
    _require_numbers(material, key)
    material.explanations = read_explanations(lake, config.experiment, manifest.digest)
    if material.explanations is not None:
        named = str(explanations_key(config.experiment))
        material.digests[named] = material.explanations.digest
    first, last = material.backtest.folds[0].test.first, material.backtest.folds[-1].test.last
    for instrument in material.metrics["instruments"]:
        bars = _read(lake, material, "bars", frequency, instrument, month_of(first), month_of(last))
        material.quality.append(_quality(lake, instrument, bars, month_of(first), month_of(last)))
        if len(material.candles) < CHARTED_INSTRUMENTS:
            tested = (bars["session"] >= pd.Timestamp(first)) & (
                bars["session"] <= pd.Timestamp(last)
            )
            shown = bars[tested].reset_index(drop=True)
            material.candles[instrument] = _with_tokens(lake, material, instrument, shown)
    return material


def _require_numbers(material: Material, key: BundleKey) -> None:
    for name, model in material.metrics["models"].items():
        if "reliability" not in model:
            raise LakeError(
                f"the backtest is of an earlier version: it has no `reliability` of {name}",
                where=str(key),
                fix="run the backtest again, then the report",
            )


def strategy_name(material: Material) -> str:
    """Names the rules that were traded, as the trial ledger does."""
    return fingerprint([material.config.strategy_fingerprint, material.metrics["primary"]])


def _read(
    lake: Lake, material: Material, table: str, freq: str, instrument: str, first: str, last: str
) -> pd.DataFrame:
    for month in lake.months(table, freq, instrument):
        if first <= month <= last:
            key = series_key(table, freq, instrument, month)
            material.digests[str(key)] = lake.footer(key).digest
    return to_pandas(lake.read_range(table, freq, instrument, first, last))


def _folds(folder: Path) -> Folds:
    return Folds(
        pd.read_parquet(folder / "folds.parquet"),
        pd.read_parquet(folder / "intervals.parquet"),
        pd.read_csv(folder / "paths.csv", parse_dates=["first", "last"]),
    )


def _with_tokens(
    lake: Lake, material: Material, instrument: str, bars: pd.DataFrame
) -> pd.DataFrame:
    """The bars with a column of codes a token field; as they are where there are no tokens."""
    frequency = material.frequency
    if bars.empty or not lake.months("tokens", frequency, instrument):
        return bars
    first, last = (month_of(bars["session"].iloc[end].date()) for end in (0, -1))
    tokens = _read(lake, material, "tokens", frequency, instrument, first, last)
    aligned = tokens.set_index("close_time").reindex(bars["close_time"])
    codes = {name: aligned[name].fillna(0).to_numpy(np.int8) for name in material.fields}
    return bars.assign(**codes)


def _quality(lake: Lake, instrument: str, bars: pd.DataFrame, first: str, last: str) -> Quality:
    rules: dict[str, int] = {}
    reports = _cleaning(lake, instrument, first, last)
    for report in reports.values():
        for rule in report["rules"]:
            if rule["rows"]:
                rules[rule["rule"]] = rules.get(rule["rule"], 0) + rule["rows"]
    return Quality(
        instrument=instrument,
        bars=len(bars),
        filled=int(bars["is_filled"].sum()),
        partial=int(bars["is_partial"].sum()),
        rules=rules,
        months=len(reports),
    )


def _cleaning(lake: Lake, instrument: str, first: str, last: str) -> dict[str, dict[str, Any]]:
    """Cleaning's report by month: it stands with the bars of the source's own frequency."""
    found: dict[str, dict[str, Any]] = {}
    for frequency in lake.values("bars", (), "freq"):
        for month in lake.months("bars", frequency, instrument):
            if first <= month <= last and month not in found:
                notes = lake.footer(series_key("bars", frequency, instrument, month)).notes
                if "quality" in notes:
                    found[month] = json.loads(notes["quality"])
    return found
