"""Open a fold's model for explanation, with the rows of its test span and nothing later."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from fints_pipeline.base.lake import Lake
from fints_pipeline.base.time import minutes
from fints_pipeline.explain.subject import Subject, Timeline
from fints_pipeline.training.bundles import load_model, model_key
from fints_pipeline.training.calendar_columns import CalendarColumns
from fints_pipeline.training.calls import asks_for
from fints_pipeline.training.channels import finite_rows, scaled_table
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.dataset import Series
from fints_pipeline.training.scope import Scope
from fints_pipeline.training.tasks import task_module
from fints_pipeline.training.tokens import FoldVocabulary, id_table
from fints_pipeline.training.windows import WindowTable, window_fits
from fints_pipeline.walkforward.folds import Fold, Span


def open_subject(
    lake: Lake,
    experiment: ExperimentConfig,
    fold: Fold,
    name: str,
    vocabulary: FoldVocabulary | None,
) -> tuple[Subject, dict[str, str]]:
    """Return a fold's model with its test windows, and the digests of what was read.

    Causal: a window ends within the test span; what it looks back on lies before it, and no row
    after the test span is read.

    Raises:
        KeyNotFoundError: the model has not been trained, or a table is missing.
        LookAheadError: a window lies in the span that the model was trained on.
    """
    model = load_model(lake, experiment.experiment, fold.key, name)
    config = experiment.model(name)
    data: Any = task_module(config.kind).load(
        lake, experiment, config, vocabulary, Span(fold.extent.first, fold.test.last)
    )
    record = model.record
    series: tuple[Series, ...] = data.series
    usable = []
    for one in series:
        fits = ~one.is_filled & window_fits(finite_rows(one), record.lookback)
        usable.append(fits & Scope((fold.test,)).rows(record, one))
    offsets = np.cumsum([0, *(len(one) for one in series)])[:-1].astype(np.int64)
    number = np.repeat(np.arange(len(series)), [int(rows.sum()) for rows in usable])
    place = np.concatenate([np.flatnonzero(rows) for rows in usable])
    windows = Timeline(series, number, place, offsets)
    windows.require_within(fold)
    digests = {**data.inputs, str(model_key(experiment.experiment, fold.key, name)): model.digest}
    subject = Subject(
        model,
        fold,
        windows,
        record.lookback,
        1 + (record.label_steps or _reach(series, record.label or experiment.data.label)),
        **_inputs(config.kind, model, data, vocabulary, fold),
    )
    return subject, digests


def _inputs(
    kind: str, model: Any, data: Any, vocabulary: FoldVocabulary | None, fold: Fold
) -> dict[str, Any]:
    """Return what the inputs of a kind of model are, as `Subject` takes them."""
    record, series = model.record, data.series
    found: dict[str, Any] = {}
    if record.columns:
        found["channels"] = record.columns
        found["values"] = scaled_table(series, record.scalers)
    if kind in ("classify_tokens", "tag_tokens"):
        found["ids"], found["form"] = id_table(data.lines), data.form
    if kind == "fusion" and data.ids is not None:
        found["ids"], found["form"], found["framed"] = data.ids, data.form, False
    if "ids" in found and vocabulary is not None:
        found["fields"] = vocabulary.fields
        found["tokens"] = WindowTable([one.tokens for one in series])
        trained = torch.from_numpy(np.concatenate([fold.train.mask(s.session) for s in series]))
        found["usual"] = found["ids"].values[trained].reshape(int(trained.sum()), -1).mode(0)[0]
    if kind in ("forecast", "fusion"):
        found["extra"] = _Extra(model, data, found["values"])
    if kind == "fusion" and model.network.patches is None:
        del found["values"], found["channels"]  # it has no tower that reads them
    return found


class _Extra:
    """Gives the inputs of forecasters that are neither channels nor tokens."""

    def __init__(self, model: Any, data: Any, table: WindowTable) -> None:
        record = model.record
        self.table, self.lookback = table, record.lookback
        self.text = getattr(data, "text", None)
        self.horizon = int(getattr(record.network, "horizon", 1))
        self.calendar = None
        if {"past_time", "future_time"} & asks_for(model.network):
            times = [one.close_time for one in data.series]
            self.calendar = CalendarColumns(times, minutes(record.frequency))

    def __call__(self, rows: Any) -> dict[str, Any]:
        """Return the inputs of global rows."""
        found = {"instrument": self.table.series_of(rows)}
        if self.calendar is not None:
            found["past_time"] = self.calendar.past(rows, self.lookback)
            found["future_time"] = self.calendar.future(rows, self.horizon)
        if self.text is not None:
            found["text"], found["text_mask"] = self.text.past(rows, self.lookback)
        return found


def _reach(series: tuple[Series, ...], label: str) -> int:
    """Return the most rows that a label reaches beyond its own."""
    longest = 0
    for one in series:
        if label not in one.labels:
            continue
        end = one.labels[label].end
        known = np.flatnonzero(end <= one.open_time[-1])  # False for NaT
        if len(known):
            reach = np.searchsorted(one.open_time, end[known]) - known
            longest = max(longest, int(reach.max()))
    return longest
