"""What came out of a tokenizing run, as a table to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.tokenizers import statistics
from fints_pipeline.tokenizers.brooks import FIELDS
from fints_pipeline.tokenizers.brooks.tokenizer import SessionMode

COMMONEST = 4


@dataclass(frozen=True)
class Tokens:
    """One instrument's tokens: key columns, an int8 column a field; and their session mode."""

    instrument: str
    frame: pd.DataFrame
    session_mode: SessionMode

    @property
    def codes(self) -> NDArray[np.int8]:
        """(T, 10) int8, columns as in `FIELDS`."""
        return self.frame[list(FIELDS)].to_numpy(np.int8)

    @property
    def follows(self) -> NDArray[np.bool_]:
        """(T,) whether a row continues the one before; in reset mode not across sessions."""
        if self.session_mode == "continuous":
            return np.arange(len(self.frame)) > 0
        session = self.frame["session"].to_numpy()
        return np.concatenate([[False], session[1:] == session[:-1]])[: len(session)]


def summary(tokens: Sequence[Tokens]) -> str:
    """Return a table of each field: entropies in bits and the commonest values."""
    codes = np.concatenate([one.codes for one in tokens])
    linked = np.concatenate([one.follows for one in tokens])[1:]
    lines = [
        f"{len(codes)} bars of {len(tokens)} instruments",
        f"{'field':<10} {'H bits':>7} {'H | last':>9}   commonest values",
    ]
    for column, (name, counts) in enumerate(statistics.field_frequencies(codes).items()):
        bits = statistics.entropy(np.array(list(counts.values())))
        conditional = statistics.conditional_entropy(codes[:, column], linked)
        lines.append(f"{name:<10} {bits:7.3f} {conditional:9.3f}   {_commonest(counts)}")
    return "\n".join(lines)


def _commonest(counts: dict[str, int]) -> str:
    total = max(1, sum(counts.values()))
    ranked = sorted(counts.items(), key=lambda item: -item[1])[:COMMONEST]
    return ", ".join(f"{value} {count / total:.1%}" for value, count in ranked if count)
