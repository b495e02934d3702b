"""Flat vocabularies: a training span's composites, most frequent first, after five specials."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from fints_pipeline.base.errors import ConfigError, FormatError, LookAheadError
from fints_pipeline.tokenizers.brooks import FIELDS, Parameters, grammar_hash
from fints_pipeline.tokenizers.composite import composite_ids, from_text, to_text, to_word
from fints_pipeline.tokenizers.config import CORE5

SPECIALS = ("<pad>", "<unk>", "<mask>", "<cls>", "<sep>")
PAD, UNK, MASK, CLS, SEP = range(5)
FILE = "vocabulary.json"


@dataclass(frozen=True)
class Vocabulary:
    """What was fitted on one span; apply it to any later one.

    Attributes:
        grammar: Hash of the grammar whose tokens it counts.
        parameters: That grammar's thresholds.
        fields: Fields of a composite, in order.
        min_freq: Composites seen less often were left out.
        fit_until: End of the fitting span, ISO 8601 UTC: no counted bar closed later.
        composites: Composite ids by falling count, then id; the first has id 5.
        counts: How often each was seen.
    """

    grammar: str
    parameters: dict[str, Any]
    fields: tuple[str, ...]
    min_freq: int
    fit_until: str
    composites: tuple[int, ...]
    counts: tuple[int, ...]

    @classmethod
    def fit(
        cls,
        tokens: NDArray[np.int8],
        close_times: ArrayLike,
        fit_until: object,
        *,
        fields: Sequence[str] = CORE5,
        min_freq: int = 2,
        parameters: Parameters | None = None,
    ) -> Vocabulary:
        """Count the composites of a training span.

        Args:
            tokens: (T, 10), of any instruments.
            close_times: (T,) when each row became known; naive stamps are UTC.
            fit_until: End of the training span; anything pandas reads as a stamp.
            fields: Fields of a composite, in order.
            min_freq: How often a composite must occur.
            parameters: Thresholds that the tokens were made with.

        Raises:
            LookAheadError: a row closes after ``fit_until``.
            FormatError: the arrays' lengths differ, or tokens are not of shape (T, 10).
        """
        end = _utc(fit_until)
        closed = pd.DatetimeIndex(pd.to_datetime(np.asarray(close_times), utc=True))
        if tokens.ndim != 2 or tokens.shape != (len(closed), len(FIELDS)):
            raise FormatError(f"tokens of shape {tokens.shape} for {len(closed)} close times")
        late = np.flatnonzero(closed > end)
        if len(late):
            raise LookAheadError(
                f"{len(late)} rows close after the end of the fitting span, {end.isoformat()}",
                where=f"first at row {late[0]}, {closed[late[0]].isoformat()}",
                fix="fit on the training span's rows only",
            )
        found, counts = np.unique(composite_ids(tokens, fields), return_counts=True)
        kept = counts >= min_freq
        found, counts = found[kept], counts[kept]
        order = np.lexsort((found, -counts))
        parameters = parameters or Parameters()
        return cls(
            grammar=grammar_hash(parameters, FIELDS),
            parameters=parameters.model_dump(),
            fields=tuple(fields),
            min_freq=min_freq,
            fit_until=end.isoformat(),
            composites=tuple(found[order].tolist()),
            counts=tuple(counts[order].tolist()),
        )

    def __len__(self) -> int:
        """Return the number of ids, the special ones included."""
        return len(SPECIALS) + len(self.composites)

    def encode(self, tokens: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return (T,) flat ids of (T, 10) tokens; composites outside the vocabulary are 1."""
        composites = np.array(self.composites, dtype=np.int64)
        order = np.argsort(composites)
        wanted = composite_ids(tokens, self.fields)
        if len(composites) == 0:
            return np.full(len(wanted), UNK, dtype=np.int64)
        place = np.minimum(np.searchsorted(composites[order], wanted), len(order) - 1)
        hit = composites[order[place]] == wanted
        return np.where(hit, order[place] + len(SPECIALS), UNK)

    def words(self) -> tuple[str, ...]:
        """Return every id's word, such as ``up|bull_long|HL|range|none``, specials first."""
        return SPECIALS + tuple(to_word(composite, self.fields) for composite in self.composites)

    def text(self, token_id: int) -> str:
        """Return for example ``[trend=up, bar=bull_long, …]``, or a special's name.

        Raises:
            FormatError: no such id.
        """
        if not 0 <= token_id < len(self):
            raise FormatError(f"id {token_id} is outside the vocabulary of {len(self)}")
        if token_id < len(SPECIALS):
            return SPECIALS[token_id]
        return to_text(self.composites[token_id - len(SPECIALS)], self.fields)

    def id_of(self, text: str) -> int:
        """Return the id of what `text` gave; 1 for a composite outside the vocabulary.

        Raises:
            FormatError: the text is no token of these fields.
        """
        if text in SPECIALS:
            return SPECIALS.index(text)
        composite = from_text(text, self.fields)
        if composite not in self.composites:
            return UNK
        return self.composites.index(composite) + len(SPECIALS)

    def require(self, grammar: str, where: str | None = None) -> None:
        """Refuse tokens of another grammar.

        Raises:
            ConfigError: ``grammar`` is not the hash that this vocabulary was fitted with.
        """
        if grammar != self.grammar:
            raise ConfigError(
                f"the vocabulary is of grammar {self.grammar}, the tokens are of {grammar}",
                where=where,
                fix="fit a vocabulary on these tokens, or tokenize with its parameters",
            )

    def save(self, folder: Path) -> None:
        """Write ``vocabulary.json`` into a folder."""
        content = json.dumps(asdict(self), indent=1, sort_keys=True)
        (folder / FILE).write_text(content + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, grammar: str | None = None) -> Vocabulary:
        """Read what `save` wrote.

        Args:
            path: The file, or the folder that holds it.
            grammar: Hash of the grammar of the tokens to encode; checked when given.

        Raises:
            FormatError: there is no such file, or it is damaged.
            ConfigError: the vocabulary is of another grammar.
        """
        file = path / FILE if path.is_dir() else path
        vocabulary = _parse(file)
        known = grammar_hash(Parameters(**vocabulary.parameters), FIELDS)
        vocabulary.require(known if grammar is None else grammar, str(file))
        return vocabulary


def _parse(file: Path) -> Vocabulary:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        for name in ("fields", "composites", "counts"):
            content[name] = tuple(content[name])
        return Vocabulary(**content)
    except FileNotFoundError:
        raise FormatError("there is no vocabulary", where=str(file)) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise FormatError(f"not a vocabulary: {error}", where=str(file)) from None


def _utc(stamp: object) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(stamp)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        raise FormatError(f"{stamp!r} is not a date or time") from None
    return moment.tz_localize("UTC") if moment.tz is None else moment.tz_convert("UTC")
