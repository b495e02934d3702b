"""Tokens as tensors for other programs: safetensors or Arrow, each row with its bar's time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from fints_pipeline.base.errors import FormatError
from fints_pipeline.base.lake.atomic import replacing
from fints_pipeline.tokenizers.brooks import FIELDS
from fints_pipeline.tokenizers.composite import composite_ids
from fints_pipeline.tokenizers.vocabulary import CLS, SEP, Vocabulary

NO_BAR = -1


def token_tensors(
    tokens: NDArray[np.int8],
    close_times: pd.Series | pd.DatetimeIndex,
    vocabulary: Vocabulary | None = None,
    fields: Sequence[str] | None = None,
) -> dict[str, NDArray[np.integer]]:
    """Return the tensors of one instrument's bars.

    Args:
        tokens: (T, 10), columns as in `FIELDS`.
        close_times: (T,) when each bar became known.
        vocabulary: Adds flat ids.
        fields: Fields of the composite; the vocabulary's, or all ten, unless given.

    Returns:
        ``factorised`` int8 (T, 10); ``composite`` int64 (T,); ``close_time`` int64 (T,) in
        microseconds since 1970 UTC. With a vocabulary also ``input_ids`` int64 (T + 2,), framed by
        ``<cls>`` and ``<sep>``, and ``bar_time`` int64 (T + 2,), which leads from a position to its
        bar's close_time: -1 for specials.

    Raises:
        FormatError: the lengths differ, or ``tokens`` is not of shape (T, 10).
    """
    if tokens.shape != (len(close_times), len(FIELDS)):
        raise FormatError(f"tokens of shape {tokens.shape} for {len(close_times)} close times")
    stamps = pd.DatetimeIndex(pd.to_datetime(close_times, utc=True)).tz_localize(None)
    closed = stamps.to_numpy().astype("datetime64[us]").astype(np.int64)
    names = tuple(fields or (vocabulary.fields if vocabulary else FIELDS))
    tensors: dict[str, NDArray[np.integer]] = {
        "factorised": np.ascontiguousarray(tokens, dtype=np.int8),
        "composite": composite_ids(tokens, names),
        "close_time": closed,
    }
    if vocabulary is not None:
        tensors["input_ids"] = np.concatenate([[CLS], vocabulary.encode(tokens), [SEP]])
        tensors["bar_time"] = np.concatenate([[NO_BAR], closed, [NO_BAR]])
    return tensors


def save_safetensors(
    path: Path, tensors: dict[str, NDArray[np.integer]], metadata: dict[str, str]
) -> None:
    """Write tensors and their description (grammar, fields) into one safetensors file."""
    from safetensors.numpy import save_file

    with replacing(path) as temporary:
        save_file(dict(tensors), temporary, metadata=metadata)


def save_arrow(
    path: Path, tensors: dict[str, NDArray[np.integer]], metadata: dict[str, str]
) -> None:
    """Write one Arrow IPC file with a row a position: specials have -1 in every bar's column.

    Without ``input_ids`` a position is a bar.
    """
    framed = "input_ids" in tensors
    columns: dict[str, NDArray[np.integer]] = {}
    if framed:
        columns["input_ids"] = tensors["input_ids"]
    columns["bar_time"] = _framed(tensors["close_time"], framed)
    columns["composite"] = _framed(tensors["composite"], framed)
    for column, name in enumerate(FIELDS):
        columns[name] = _framed(tensors["factorised"][:, column], framed)
    table = pa.table(columns).replace_schema_metadata(metadata)
    with (
        replacing(path) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_file(file, table.schema) as writer,
    ):
        writer.write_table(table)


def _framed(values: NDArray[np.integer], framed: bool) -> NDArray[np.integer]:
    return np.pad(values, 1, constant_values=NO_BAR) if framed else values
