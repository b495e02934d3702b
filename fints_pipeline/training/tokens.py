"""Flat token ids on a time line of good bars, and the sequences that are cut from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fints_pipeline.base.lake import BundleKey, Lake
from fints_pipeline.training.class_labels import noted_names
from fints_pipeline.training.config import DataConfig
from fints_pipeline.training.dataset import BoolArray, Columns, Series, Stamps, load_dataset
from fints_pipeline.training.token_form import Encoder, FactorisedForm, FlatForm, TokenForm
from fints_pipeline.training.windows import WindowTable, window_fits
from fints_pipeline.walkforward.folds import Span

Ids = NDArray[np.int64]
FRAME = 2  # positions that `<cls>` and `<sep>` take


@dataclass(frozen=True)
class TokenLine:
    """One instrument's good bars, each with its id in the fold's vocabulary, or an id a field.

    Filled bars are left out: the grammar's windows count good bars only.

    Attributes:
        series: without filled bars.
        ids: (T,) int64, (T, F) where fields are kept apart.
    """

    series: Series
    ids: Ids


@dataclass(frozen=True)
class FoldVocabulary:
    """A fold's vocabulary and where it comes from.

    Attributes:
        encoder: gives ids.
        fields: token columns (K) that it encodes, in order.
        values: number of the grammar's values of each.
        key: of its bundle.
        digest: of its bundle.
    """

    encoder: Encoder
    fields: tuple[str, ...]
    values: tuple[int, ...]
    key: BundleKey
    digest: str


@dataclass(frozen=True)
class TokenData:
    """Token lines of a span.

    Attributes:
        lines: one an instrument.
        inputs: digests of what was read.
        form: of the ids.
        class_names: what the labels table says of its columns' values.
    """

    lines: tuple[TokenLine, ...]
    inputs: dict[str, str]
    form: TokenForm
    class_names: dict[str, dict[str, str]]

    @property
    def series(self) -> tuple[Series, ...]:
        """The lines' good bars."""
        return tuple(line.series for line in self.lines)


def load_tokens(
    lake: Lake,
    data: DataConfig,
    vocabulary: FoldVocabulary,
    span: Span,
    labels: tuple[str, ...] = (),
    features: tuple[str, ...] = (),
    *,
    factorised: bool = False,
) -> TokenData:
    """Read and encode every instrument's good bars whose session lies in ``span``.

    Args:
        lake: where the tables are.
        data: instruments and frequency.
        vocabulary: the fold's.
        span: first and last session.
        labels: columns of the labels table.
        features: columns of the features table.
        factorised: keep a bar's fields apart rather than encode them as one id.

    Raises:
        KeyNotFoundError: tokens, labels or one of their columns are missing.
        LakeError: tables do not hold the same bars.
    """
    read = load_dataset(lake, data, Columns(features, labels, vocabulary.fields), span)
    good = [one.good_bars() for one in read.series]
    form = form_of(vocabulary, factorised=factorised)
    lines = tuple(TokenLine(one, form.ids(one.tokens)) for one in good)
    inputs = {**read.inputs, str(vocabulary.key): vocabulary.digest}
    return TokenData(lines, inputs, form, noted_names(read.footers.values()))


def form_of(vocabulary: FoldVocabulary, *, factorised: bool) -> TokenForm:
    """Return the form in which networks read a fold's tokens."""
    return FactorisedForm(vocabulary.values) if factorised else FlatForm(vocabulary.encoder)


def id_table(lines: Sequence[TokenLine]) -> WindowTable:
    """Return all lines' ids as one table."""
    return WindowTable([line.ids for line in lines])


def sequence_rows(
    table: WindowTable, masks: Sequence[BoolArray], length: int, stride: int
) -> Tensor:
    """Return the rows that end sequences lying wholly in the masked rows of their line.

    Args:
        table: of all lines.
        masks: per line the rows (T,) that sequences may take.
        length: tokens a sequence.
        stride: tokens from sequence to sequence, counted from the first; the last one that fits is
            always taken, so that no line's end is lost.
    """
    rows = []
    for number, mask in enumerate(masks):
        ends = np.flatnonzero(window_fits(mask, length))
        if len(ends):
            taken = np.union1d(ends[::stride], ends[-1:])
            rows.append(table.offsets[number] + taken)
    joined = np.concatenate(rows) if rows else np.empty(0, np.int64)
    return torch.from_numpy(joined.astype(np.int64))


def last_sessions(session: Stamps, share: float) -> np.datetime64:
    """Return the first of the last ``share`` of the distinct sessions, at least one of them."""
    distinct = np.unique(session)
    kept = max(1, round(share * len(distinct)))
    first: np.datetime64 = distinct[-kept]
    return first
