"""Feature channels, tokens and text on one time line, and windows of all of them.

The time line is that of the tables, filled bars included, as forecasters have it: a label runs over
so many rows of it. The token of a filled bar is what the grammar says of it, a flat bar.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import torch
from torch import Tensor

from fints_pipeline.base.lake import Lake
from fints_pipeline.training.batches import Batch
from fints_pipeline.training.class_labels import noted_names
from fints_pipeline.training.config import ExperimentConfig, FusionModel
from fints_pipeline.training.dataset import Columns, Series, load_dataset
from fints_pipeline.training.samples import PastAndFuture
from fints_pipeline.training.text_cache import CachedText, load_text, text_key
from fints_pipeline.training.text_windows import TextWindows, on_bars
from fints_pipeline.training.token_form import TokenForm
from fints_pipeline.training.tokens import FoldVocabulary, form_of
from fints_pipeline.training.windows import WindowTable
from fints_pipeline.walkforward.folds import Span


@dataclass(frozen=True)
class FusionData:
    """What a fusion model reads of a span.

    Attributes:
        series: with the model's channels as features.
        inputs: digests of what was read.
        class_names: what the labels table says of its columns' values.
        ids: token ids of all series, None without a token tower.
        form: of the ids.
        text: of all series, None without text.
    """

    series: tuple[Series, ...]
    inputs: dict[str, str]
    class_names: dict[str, dict[str, str]]
    ids: WindowTable | None
    form: TokenForm | None
    text: TextWindows | None

    def windows(
        self, table: WindowTable, rows: Tensor, lookback: int, horizon: int, cumulative: bool
    ) -> FusedWindows:
        """Return the windows of a table of scaled channels that end at ``rows``."""
        return FusedWindows(
            table, rows, lookback, horizon, cumulative, ids=self.ids, text=self.text
        )


@dataclass(frozen=True)
class FusedWindows(PastAndFuture):
    """Windows of channels, with the tokens and the text of the same bars."""

    ids: WindowTable | None = field(default=None, repr=False)
    text: TextWindows | None = field(default=None, repr=False)

    def inputs(self, rows: Tensor) -> Batch:
        """Return what is known at the close of ``rows``; ids carry no frame."""
        batch = super().inputs(rows)
        if self.ids is not None:
            batch["input_ids"] = self.ids.past(rows, self.lookback)
        if self.text is not None:
            batch["text"], batch["text_mask"] = self.text.past(rows, self.lookback)
        return batch


@dataclass(frozen=True)
class LabelledWindows:
    """Windows with the class of their last bar."""

    windows: FusedWindows
    classes: Tensor

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.windows)

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return the windows' inputs and labels (B,)."""
        rows = self.windows.rows[positions]
        return {**self.windows.inputs(rows), "labels": self.classes[positions]}


def load_fusion(
    lake: Lake,
    experiment: ExperimentConfig,
    model: FusionModel,
    vocabulary: FoldVocabulary | None,
    span: Span,
) -> FusionData:
    """Read what a fusion model learns from, or predicts from, of the bars in ``span``.

    Raises:
        KeyNotFoundError: tables, columns, or news embedded with the model's encoder are missing.
        LakeError: tables do not hold the same bars.
    """
    channels = model.computed_channels(experiment.data.features)
    labels = tuple(dict.fromkeys(name for name in (experiment.data.label, model.label) if name))
    known = cast(FoldVocabulary, vocabulary) if model.reads_tokens else None
    columns = Columns(channels, labels, known.fields if known is not None else ())
    read = load_dataset(lake, experiment.data, columns, span)
    inputs = dict(read.inputs)
    ids = form = text = None
    if known is not None:
        form = form_of(known, factorised=experiment.reads_fields(model))
        ids = WindowTable([form.ids(one.tokens) for one in read.series])
        inputs[str(known.key)] = known.digest
    if model.text is not None:
        text, digests = _text(lake, model, model.text, read.series)
        inputs |= digests
    names = noted_names(read.footers.values())
    return FusionData(read.series, inputs, names, ids, form, text)


def _text(
    lake: Lake, model: FusionModel, encoder: str, series: tuple[Series, ...]
) -> tuple[TextWindows, dict[str, str]]:
    names = {one.instrument: model.subject_of(one.instrument) for one in series}
    found = load_text(lake, encoder, names.values())
    width = next(iter(found.values())).vectors.shape[1]
    lag = timedelta(minutes=model.text_lag)
    nothing = CachedText.nothing(width)
    blocks = [
        on_bars(one.open_time, one.close_time, found.get(names[one.instrument], nothing), lag)
        for one in series
    ]
    keys = [text_key(encoder, name) for name in found]
    return TextWindows(blocks, width), {str(key): lake.bundle_manifest(key).digest for key in keys}
