"""Tokens as files: one an instrument, with flat ids where there is a vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fints_pipeline.base.lake.atomic import replacing
from fints_pipeline.base.lake.keys import encode_part
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.tokenizers.summary import Tokens
from fints_pipeline.tokenizers.tensors import save_arrow, save_safetensors, token_tensors
from fints_pipeline.tokenizers.vocabulary import UNK, Vocabulary

Format = Literal["parquet", "arrow", "safetensors"]


def fit_vocabulary(
    tokens: Sequence[Tokens], until: pd.Timestamp, config: TokenizeConfig
) -> Vocabulary:
    """Fit the config's vocabulary on every bar closed by ``until``."""
    seen = [one.frame["close_time"] <= until for one in tokens]
    return Vocabulary.fit(
        np.concatenate([one.codes[mask] for one, mask in zip(tokens, seen, strict=True)]),
        pd.concat([one.frame["close_time"][m] for one, m in zip(tokens, seen, strict=True)]),
        until,
        fields=config.vocabulary.fields,
        min_freq=config.vocabulary.min_freq,
        parameters=config.parameters,
    )


def write_tokens(
    tokens: Iterable[Tokens],
    folder: Path,
    config: TokenizeConfig,
    vocabulary: Vocabulary | None,
    kind: Format = "parquet",
) -> dict[str, float]:
    """Write one file an instrument; return each one's share of bars outside the vocabulary.

    Parquet holds the key columns, the fields and ``flat_id``; Arrow and safetensors hold the
    tensors of `token_tensors`.
    """
    metadata = {"grammar": config.grammar_hash}
    if vocabulary is not None:
        metadata |= {"vocabulary_fields": ",".join(vocabulary.fields)}
    unknown = {}
    for one in tokens:
        if vocabulary is not None:
            unknown[one.instrument] = float((vocabulary.encode(one.codes) == UNK).mean())
        path = folder / f"{encode_part(one.instrument)}.{kind}"
        if kind == "parquet":
            _write_parquet(path, one, vocabulary, metadata)
            continue
        tensors = token_tensors(one.codes, one.frame["close_time"], vocabulary)
        save = save_arrow if kind == "arrow" else save_safetensors
        save(path, tensors, metadata)
    return unknown


def _write_parquet(
    path: Path, one: Tokens, vocabulary: Vocabulary | None, metadata: dict[str, str]
) -> None:
    frame = one.frame
    if vocabulary is not None:
        frame = frame.assign(flat_id=vocabulary.encode(one.codes))
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)
