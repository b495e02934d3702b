"""What a backtest reads from the lake: predictions, the folds they belong to, bars, rates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import pandas as pd

from fints_pipeline.base.errors import KeyNotFoundError, LakeError, LookAheadError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import BundleKey, Lake, TableKey, fold_key, series_key
from fints_pipeline.base.time import month_of, next_month
from fints_pipeline.evaluation.config import BacktestConfig, Conversion
from fints_pipeline.evaluation.grid import Rate, stamps
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS
from fints_pipeline.schemas.predictions import PREDICTIONS
from fints_pipeline.walkforward.folds import Fold

RECORD_FILE = "training.json"
SESSIONS_A_MONTH = 15
"""Fewer than any market's month has, so that counting back by it never falls short."""


@dataclass
class Inputs:
    """Everything that a backtest reads, with the digest of each partition.

    Attributes:
        predictions: rows of all folds.
        folds: in time order.
        bars: rows of the bars table by instrument.
        rates: conversion rate of each foreign instrument.
        dividends: `ex_date` and `value` of each instrument that has some, as first delivered.
        trained: fingerprint of the experiment config that each model was trained with.
        horizon: bars that a label runs over, where a model's record tells; 0 where none does.
        digests: by the key's string.
    """

    predictions: pd.DataFrame
    folds: tuple[Fold, ...]
    bars: dict[str, pd.DataFrame] = field(default_factory=dict)
    rates: dict[str, Rate] = field(default_factory=dict)
    dividends: dict[str, pd.DataFrame] = field(default_factory=dict)
    trained: dict[str, str] = field(default_factory=dict)
    horizon: int = 0
    digests: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Months:
    """Which months a backtest reads: bars from one, conversion rates from another, to the last."""

    bars: str
    rates: str
    last: str

    @classmethod
    def of(cls, config: BacktestConfig, folds: Sequence[Fold]) -> Self:
        """Return those of a backtest over folds in time order."""
        first, last = month_of(folds[0].test.first), month_of(folds[-1].test.last)
        warm_up = 1 + config.sessions_before // SESSIONS_A_MONTH
        return cls(next_month(first, -warm_up), next_month(first, -1), last)


def conversion_of(config: BacktestConfig, instrument: str) -> Conversion | None:
    """Return how what an instrument earns becomes the account's currency; None if it is that."""
    currency = config.quote_currency.get(instrument, config.account_currency)
    return None if currency == config.account_currency else config.conversion.get(currency)


def dividends_key(instrument: str) -> TableKey:
    """Return the key of an instrument's corporate actions."""
    return series_key("corporate_actions", "event", instrument, "all")


def trained_with(found: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Name what models were trained with, from the fingerprints that their folds' records tell."""
    return {model: "+".join(sorted(set(each))) for model, each in found.items()}


def read_inputs(
    lake: Lake,
    config: BacktestConfig,
    folds: Sequence[Fold],
    instruments: Sequence[str],
    frequency: str,
) -> Inputs:
    """Read and validate what the run of `config` needs.

    Args:
        lake: the lake.
        config: the backtest.
        folds: those of the experiment as its config is now. The ones that have predictions are
            used; what an earlier fold scheme left in the lake is not.
        instruments: dataset.SYMBOL of the experiment.
        frequency: of its bars.

    Raises:
        KeyNotFoundError: predictions, a model's record or bars are missing.
        LakeError: a model was trained on other spans, or again since it predicted.
        LookAheadError: predictions lie outside the spans that their model was trained for.
    """
    inputs = _read_predictions(lake, config, folds)
    months = Months.of(config, inputs.folds)
    for instrument in instruments:
        first, last = months.bars, months.last
        inputs.bars[instrument] = _read_bars(lake, inputs, instrument, frequency, first, last)
        _read_dividends(lake, inputs, instrument)
        if conversion := conversion_of(config, instrument):
            first = months.rates
            known = _read_bars(lake, inputs, conversion.instrument, frequency, first, last)
            value = known["close"].to_numpy(float)
            rate = 1 / value if conversion.invert else value
            inputs.rates[instrument] = Rate(stamps(known["close_time"]), rate)
    return inputs


def _read_predictions(lake: Lake, config: BacktestConfig, folds: Sequence[Fold]) -> Inputs:
    experiment = config.experiment
    predicted = {
        key: fold
        for fold in sorted(folds, key=lambda fold: fold.test.first)
        if lake.exists(key := fold_key("predictions", experiment, fold.key))
    }
    if not predicted:
        raise KeyNotFoundError(
            f"experiment {experiment!r} has no predictions in the lake",
            where=lake.location,
            fix="run the train job for its folds first",
        )
    tables, digests, horizon = [], {}, 0
    trained: dict[str, set[str]] = {model: set() for model in config.models}
    for key, fold in predicted.items():
        table = lake.read(key)
        PREDICTIONS.validate(table)
        frame = to_pandas(table)
        for model in config.models:
            learned, config_fingerprint, steps = recorded(lake, experiment, fold.key, model)
            horizon = max(horizon, steps)
            _require_same(learned, fold, str(key), model)
            _require_inside(frame[frame["model"] == model], fold)
            _require_made_by(lake, key, model)
            trained[model].add(config_fingerprint)
        tables.append(frame)
        digests[str(key)] = lake.footer(key).digest
    return Inputs(
        pd.concat(tables, ignore_index=True),
        tuple(predicted.values()),
        trained=trained_with(trained),
        horizon=horizon,
        digests=digests,
    )


def recorded(lake: Lake, experiment: str, fold: str, model: str) -> tuple[Fold, str, int]:
    """Spans, config's fingerprint and label steps (0 if unknown) of a training, from its record.

    Raises:
        KeyNotFoundError: the model was not trained.
        LakeError: the record is damaged.
    """
    key = BundleKey.of("models", experiment=experiment, fold=fold, model=model)
    path = lake.open_bundle(key) / RECORD_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        steps = int(record.get("label_steps") or 0)
        return Fold.from_json(record["fold"]), str(record["experiment_fingerprint"]), steps
    except (OSError, ValueError, KeyError) as error:
        raise LakeError(f"the training record cannot be read: {error}", where=str(path)) from None


def _require_same(learned: Fold, fold: Fold, where: str, model: str) -> None:
    if learned != fold:
        raise LakeError(
            f"{model} was trained on other spans than the experiment's config gives now",
            where=f"{where}: {learned.to_json()}",
            fix="train the fold again, or undo the change of `folds`",
        )


def _require_made_by(lake: Lake, key: TableKey, model: str) -> None:
    bundle = BundleKey.of("models", experiment=key["experiment"], fold=key["fold"], model=model)
    used = lake.footer(key).lineage.inputs.get(str(bundle))
    if used != lake.bundle_manifest(bundle).digest:
        raise LakeError(
            f"the predictions were not made by the {model} that is in the lake now",
            where=str(key),
            fix="materialise the fold's predictions again",
        )


def _require_inside(predictions: pd.DataFrame, fold: Fold) -> None:
    for name, span in (("validation", fold.validation), ("test", fold.test)):
        session = predictions.loc[predictions["span"] == name, "session"]
        outside = session[~span.mask(session.to_numpy())]
        if len(outside):
            raise LookAheadError(
                f"{len(outside)} {name} predictions lie outside the span"
                f" {span.first} … {span.last} that the model was trained for",
                where=f"fold {fold.key}, first at session {outside.iloc[0]:%Y-%m-%d}",
                fix="materialise the fold's models and predictions again",
            )


def _read_dividends(lake: Lake, inputs: Inputs, instrument: str) -> None:
    """What was paid, as first delivered; within one delivery the later row of an ex-date counts.

    A dividend is public from its ex-date on, whenever the file that tells of it was bought.
    """
    key = dividends_key(instrument)
    if not lake.exists(key):
        return
    table = lake.read(key)
    CORPORATE_ACTIONS.validate(table)
    inputs.digests[str(key)] = lake.footer(key).digest
    frame = to_pandas(table)
    paid = frame[(frame["kind"] == "dividend") & (frame["instrument"] == instrument)]
    first = paid.groupby("ex_date")["known_at"].transform("min")
    paid = paid[paid["known_at"] == first].drop_duplicates("ex_date", keep="last")
    if len(paid):
        inputs.dividends[instrument] = paid.sort_values("ex_date", ignore_index=True)


def _read_bars(
    lake: Lake, inputs: Inputs, instrument: str, frequency: str, first: str, last: str
) -> pd.DataFrame:
    table = lake.read_range("bars", frequency, instrument, first, last)
    BARS.validate(table)
    for month in lake.months("bars", frequency, instrument):
        if first <= month <= last:
            key = series_key("bars", frequency, instrument, month)
            inputs.digests[str(key)] = lake.footer(key).digest
    return to_pandas(table)
