"""The predictions table: what a model said of a bar, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fints_pipeline.base.lake import ArrowContract
from fints_pipeline.training.dataset import FloatArray, Label, Series, Stamps
from fints_pipeline.training.outlook import QUANTILE_COLUMNS
from fints_pipeline.training.predicted import Predicted
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline.walkforward.folds import Fold, fold_masks, purged

UTC = pa.timestamp("us", tz="UTC")
_TEXT = ("experiment", "fold", "model", "instrument")
_NUMBERS = ("expected_return", "p_down", "p_flat", "p_up", *QUANTILE_COLUMNS, "label")
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

SpanOf = Callable[[Stamps], NDArray[np.object_]]


def prediction_rows(
    record: TrainingRecord,
    fold: Fold,
    series: Series,
    predicted: Predicted,
    label: str,
    span_of: SpanOf | None = None,
) -> pa.Table:
    """Return one model's rows for one instrument, ascending.

    The realised label of a fold's predictions is left null on validation bars whose label reaches
    into the test span, so that nothing calibrated on these rows has seen a test price.

    Args:
        record: of the model.
        fold: that the model belongs to.
        series: with the label.
        predicted: what the model said of some of its rows.
        label: column of the label.
        span_of: names the span of each session; None tells "test" from "validation".
    """
    rows = predicted.rows
    sessions = series.session[rows]
    count = len(rows)
    text = (record.experiment, fold.key, record.model, series.instrument)
    realised = series.labels[label]
    known = _known_labels(fold, series, realised) if span_of is None else realised.value
    numbers = [
        _column(predicted.expected_return, count),
        *_columns(predicted.probabilities, count, 3),
        *_columns(predicted.quantiles, count, len(QUANTILE_COLUMNS)),
        known[rows],
    ]
    span = span_of(sessions) if span_of is not None else fold_span(fold, sessions)
    columns = [
        *(pa.array([value] * count, pa.string()) for value in text),
        pa.array(series.close_time[rows]).cast(UTC),
        pa.array(sessions).cast(pa.date32()),
        pa.array(span),
        *(pa.array(values, pa.float64(), from_pandas=True) for values in numbers),
    ]
    return pa.Table.from_arrays(columns, schema=PREDICTIONS.arrow_schema)


def fold_span(fold: Fold, sessions: Stamps) -> NDArray[np.object_]:
    """Return "test" for a fold's test sessions, "validation" for the others."""
    return np.where(fold.test.mask(sessions), "test", "validation").astype(object)


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return all models' rows as one table."""
    return pa.concat_tables([PREDICTIONS.arrow_schema.empty_table(), *tables]).combine_chunks()


def row_counts(table: pa.Table) -> dict[str, float]:
    """Return the number of rows of each span."""
    spans = table.column("span").to_pylist()
    return {f"{name}_rows": float(spans.count(name)) for name in ("validation", "test")}


def _column(values: FloatArray | None, count: int) -> FloatArray:
    return values if values is not None else np.full(count, np.nan)


def _columns(values_NK: FloatArray | None, count: int, columns: int) -> FloatArray:
    return values_NK.T if values_NK is not None else np.full((columns, count), np.nan)


def _known_labels(fold: Fold, series: Series, label: Label) -> FloatArray:
    test = fold.test.mask(series.session)
    if not test.any():
        return label.value
    if fold.is_ordered:
        known = purged(label.end, series.open_time[test].min()) | test
    else:
        times = series.session, series.open_time, series.close_time
        known = fold_masks(fold, *times, label.end).validation | test
    return np.where(known, label.value, np.nan)
