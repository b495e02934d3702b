"""Batch inference: a fold's models over its validation and test bars, into one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake import ArrowContract, Lake
from fints_pipeline.training.bundles import Loaded, load_model, model_key
from fints_pipeline.training.classify import probabilities
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.dataset import (
    BoolArray,
    Columns,
    FloatArray,
    Label,
    Series,
    Stamps,
    load_dataset,
)
from fints_pipeline.training.forecast import finite_rows, target_forecasts
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline.training.samples import LabelledTokens
from fints_pipeline.training.seeds import reproducible
from fints_pipeline.training.tokens import FoldVocabulary, TokenLine, id_table, load_tokens
from fints_pipeline.training.windows import WindowTable, window_fits
from fints_pipeline.walkforward.folds import Fold, Span, purged

UTC = pa.timestamp("us", tz="UTC")
_TEXT = ("experiment", "fold", "model", "instrument")
_NUMBERS = ("expected_return", "p_down", "p_flat", "p_up", "label")
PREDICTIONS = ArrowContract(
    "predictions",
    pa.schema(
        [
            *(pa.field(name, pa.string(), nullable=False) for name in _TEXT),
            pa.field("close_time", UTC, nullable=False),
            pa.field("session", pa.date32(), nullable=False),
            pa.field("span", pa.string(), nullable=False),
            *(pa.field(name, pa.float64()) for name in _NUMBERS),
        ]
    ),
)
"""The predictions table without Pandera; `fints_pipeline.schemas.predictions` says the same."""


@dataclass(frozen=True)
class Predicted:
    """One model's output for one series.

    Attributes:
        rows: (N,) places in the series.
        expected_return: (N,) log return over the label's interval, None for classifiers.
        probabilities: (N, 3) of down, flat, up, None for forecasters.
    """

    rows: NDArray[np.int64]
    expected_return: FloatArray | None = None
    probabilities: FloatArray | None = None


@dataclass(frozen=True)
class Part:
    """One model's rows for all instruments, and the digests of what was read."""

    tables: tuple[pa.Table, ...]
    inputs: dict[str, str]


def forecasts(lake: Lake, experiment: ExperimentConfig, fold: Fold) -> Part:
    """Return the rows of the fold's PatchTST.

    Raises:
        KeyNotFoundError: it has not been trained.
        LookAheadError: it was trained on some of these bars.
    """
    model = load_model(lake, experiment.experiment, fold.key, "patchtst")
    columns = Columns(features=model.record.columns, labels=(experiment.data.label,))
    data = load_dataset(lake, experiment.data, columns, _whole(fold))
    found = expected_returns(model, data.series, fold)
    return _part(experiment, fold, model, data.series, found, data.inputs)


def directions(
    lake: Lake, experiment: ExperimentConfig, fold: Fold, vocabulary: FoldVocabulary
) -> Part:
    """Return the rows of the fold's direction classifier.

    Raises:
        KeyNotFoundError: it has not been trained.
        LookAheadError: it was trained on some of these bars.
        LakeError: it was trained with another vocabulary.
    """
    model = load_model(lake, experiment.experiment, fold.key, "classifier")
    if model.record.vocabulary_digest != vocabulary.digest:
        raise LakeError(
            f"the classifier of fold {fold.key} was trained with another vocabulary",
            where=str(vocabulary.key),
            fix="pretrain and fine-tune the fold again",
        )
    labels = (experiment.data.label,)
    data = load_tokens(lake, experiment.data, vocabulary, _whole(fold), labels)
    found = direction_probabilities(model, data.lines, fold)
    series = [line.series for line in data.lines]
    return _part(experiment, fold, model, series, found, data.inputs)


def joined(parts: Sequence[Part]) -> tuple[pa.Table, dict[str, str]]:
    """Return all models' rows as one table, and the digests of everything that was read."""
    empty = PREDICTIONS.arrow_schema.empty_table()
    table = pa.concat_tables([empty, *(table for part in parts for table in part.tables)])
    inputs = {key: digest for part in parts for key, digest in part.inputs.items()}
    return table.combine_chunks(), inputs


def row_counts(table: pa.Table) -> dict[str, float]:
    """Return the number of rows of each span."""
    spans = table.column("span").to_pylist()
    return {f"{name}_rows": float(spans.count(name)) for name in ("validation", "test")}


def expected_returns(model: Loaded, series: Sequence[Series], fold: Fold) -> list[Predicted]:
    """Forecast the log return over the label's interval for every bar that can be forecast.

    Bars without a whole, finite window and filled bars are left out.

    Args:
        model: a "patchtst" bundle.
        series: with the model's `columns` as features, from its training span's start (for the
            scalers) to the fold's end.
        fold: its validation and test bars are forecast; earlier ones are context.

    Raises:
        LookAheadError: a bar to forecast lies in the span that the model was trained on, as its
            own record tells it, or a series starts before the span its scaler was fitted on.
    """
    record = model.record
    place = record.columns.index(record.target or "")
    scaled = [record.scalers[s.instrument].apply(s.features, s.close_time) for s in series]
    table = WindowTable(scaled)
    results = []
    with reproducible(record.seed, record.threads):
        for number, one in enumerate(series):
            chosen = ~one.is_filled & window_fits(finite_rows(one), record.lookback)
            chosen &= _scored_rows(record, fold, one.session)
            rows = torch.from_numpy(table.global_rows(number, chosen).astype(np.int64))
            y_NH = target_forecasts(model.network, table, rows, record.lookback, place)
            returns = record.scalers[one.instrument].undo(y_NH, record.columns[place])
            total = returns[:, : record.label_steps].sum(axis=1)
            results.append(Predicted(np.flatnonzero(chosen), expected_return=total))
    return results


def direction_probabilities(
    model: Loaded, lines: Sequence[TokenLine], fold: Fold
) -> list[Predicted]:
    """Return the probabilities of down, flat and up for every bar with a whole sequence.

    Args:
        model: a "classifier" bundle.
        lines: tokens in the model's vocabulary, with enough bars before the validation span.
        fold: its validation and test bars are classified; earlier ones are context.

    Raises:
        LookAheadError: a bar to classify lies in the span that the model was trained on.
    """
    record = model.record
    table = id_table(lines)
    weights = np.array(record.class_weights)
    results = []
    with reproducible(record.seed, record.threads):
        for number, line in enumerate(lines):
            chosen = window_fits(np.ones(len(line.ids), bool), record.lookback)
            chosen &= _scored_rows(record, fold, line.series.session)
            rows = torch.from_numpy(table.global_rows(number, chosen).astype(np.int64))
            samples = LabelledTokens(table, rows, record.lookback, torch.zeros_like(rows))
            p_NK = probabilities(model.network, samples, weights)
            results.append(Predicted(np.flatnonzero(chosen), probabilities=p_NK))
    return results


def prediction_rows(
    record: TrainingRecord, fold: Fold, series: Series, predicted: Predicted, label: str
) -> pa.Table:
    """Return one model's rows for one instrument, ascending.

    The realised label is left null on validation bars whose label reaches into the test span, so
    that nothing calibrated on these rows has seen a test price.
    """
    rows = predicted.rows
    sessions = series.session[rows]
    count = len(rows)
    unknown = np.full((count, 3), np.nan)
    p_NK = predicted.probabilities if predicted.probabilities is not None else unknown
    expected = predicted.expected_return
    text = (record.experiment, fold.key, record.model, series.instrument)
    numbers = [
        expected if expected is not None else unknown[:, 0],
        *p_NK.T,
        _known_labels(fold, series, series.labels[label])[rows],
    ]
    columns = [
        *(pa.array([value] * count, pa.string()) for value in text),
        pa.array(series.close_time[rows]).cast(UTC),
        pa.array(sessions).cast(pa.date32()),
        pa.array(np.where(fold.test.mask(sessions), "test", "validation").astype(object)),
        *(pa.array(values, pa.float64(), from_pandas=True) for values in numbers),
    ]
    return pa.Table.from_arrays(columns, schema=PREDICTIONS.arrow_schema)


def _part(
    experiment: ExperimentConfig,
    fold: Fold,
    model: Loaded,
    series: Sequence[Series],
    found: Sequence[Predicted],
    inputs: dict[str, str],
) -> Part:
    tables = tuple(
        prediction_rows(model.record, fold, one, predicted, experiment.data.label)
        for one, predicted in zip(series, found, strict=True)
    )
    key = model_key(experiment.experiment, fold.key, model.record.model)
    return Part(tables, {**inputs, str(key): model.digest})


def _whole(fold: Fold) -> Span:
    return Span(fold.train.first, fold.test.last)


def _scored_rows(record: TrainingRecord, fold: Fold, session: Stamps) -> BoolArray:
    chosen = fold.validation.mask(session) | fold.test.mask(session)
    record.refuse_training_span(session[chosen])
    return chosen


def _known_labels(fold: Fold, series: Series, label: Label) -> FloatArray:
    test = fold.test.mask(series.session)
    if not test.any():
        return label.value
    known = purged(label.end, series.open_time[test].min()) | test
    return np.where(known, label.value, np.nan)
