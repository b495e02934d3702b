"""Flat token ids on a time line of good bars, and the sequences that are cut from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fints_pipeline.base.lake import BundleKey, Lake
from fints_pipeline.training.config import DataConfig
from fints_pipeline.training.dataset import BoolArray, Columns, Series, Stamps, load_dataset
from fints_pipeline.training.windows import WindowTable, window_fits
from fints_pipeline.walkforward.folds import Span

Ids = NDArray[np.int64]
FRAME = 2  # positions that `<cls>` and `<sep>` take


@dataclass(frozen=True)
class TokenLine:
    """One instrument's good bars, each with its id in the fold's vocabulary.

    Filled bars are left out: the grammar's windows count good bars only.

    Attributes:
        series: without filled bars.
        ids: (T,) int64.
    """

    series: Series
    ids: Ids


class Encoder(Protocol):
    """A fold's vocabulary, as far as training needs it; tokenizers are out of its reach."""

    def __len__(self) -> int:
        """Return the number of ids, the special ones included."""

    def encode(self, tokens: NDArray[np.int8]) -> Ids:
        """Return the flat ids (T,) of factorised tokens (T, K)."""


@dataclass(frozen=True)
class FoldVocabulary:
    """A fold's vocabulary and where it comes from.

    Attributes:
        encoder: gives ids.
        fields: token columns (K) that it encodes, in order.
        key: of its bundle.
        digest: of its bundle.
    """

    encoder: Encoder
    fields: tuple[str, ...]
    key: BundleKey
    digest: str


@dataclass(frozen=True)
class TokenData:
    """Token lines of a span, and the digests of what was read."""

    lines: tuple[TokenLine, ...]
    inputs: dict[str, str]


def load_tokens(
    lake: Lake,
    data: DataConfig,
    vocabulary: FoldVocabulary,
    span: Span,
    labels: tuple[str, ...] = (),
) -> TokenData:
    """Read and encode every instrument's good bars whose session lies in ``span``.

    Raises:
        KeyNotFoundError: tokens, labels or one of their columns are missing.
        LakeError: tokens and labels do not hold the same bars.
    """
    read = load_dataset(lake, data, Columns(labels=labels, tokens=vocabulary.fields), span)
    good = [one.good_bars() for one in read.series]
    lines = tuple(TokenLine(one, vocabulary.encoder.encode(one.tokens)) for one in good)
    return TokenData(lines, {**read.inputs, str(vocabulary.key): vocabulary.digest})


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
