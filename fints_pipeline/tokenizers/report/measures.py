"""Every number of the token report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.tokenizers import statistics
from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer
from fints_pipeline.tokenizers.brooks.tokenizer import SessionMode
from fints_pipeline.tokenizers.composite import composite_ids
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.tokenizers.report.surrogate import random_walk
from fints_pipeline.tokenizers.summary import Tokens
from fints_pipeline.tokenizers.vocabulary import UNK, Vocabulary

SHIFTS = 100
#: The vocabulary is fitted on this share of the time unless a date is given.
FITTED_SHARE = 0.7


@dataclass(frozen=True)
class Series:
    """One instrument's bars and how to tokenize them.

    Attributes:
        tick: Price of one tick; None infers it.
    """

    instrument: str
    bars: pd.DataFrame
    tick: float | None
    session_mode: SessionMode

    def tokens(self, config: TokenizeConfig, bars: pd.DataFrame | None = None) -> Tokens:
        """Tokenize the bars, or others with the same tick and mode."""
        tick = self.tick
        if tick is None and bars is not None:
            known = BrooksTokenizer(None, self.session_mode, config.parameters)
            known.encode(self.bars)
            tick = known.tick
        tokenizer = BrooksTokenizer(tick, self.session_mode, config.parameters)
        frame = self.bars[["close_time", "session"]].reset_index(drop=True)
        codes = tokenizer.encode(self.bars if bars is None else bars)
        columns = dict(zip(FIELDS, codes.T, strict=True))
        return Tokens(self.instrument, frame.assign(**columns), self.session_mode)


def measure(
    series: Sequence[Series], config: TokenizeConfig, fit_until: pd.Timestamp | None, seed: int
) -> dict[str, Any]:
    """Return the report's content, ready for JSON.

    Args:
        series: Instruments to count together.
        config: The grammar and the vocabulary's fields.
        fit_until: End of the span that the vocabulary and the drift's reference come from; None
            takes the first 70 % of the time.
        seed: Of the surrogate and of the shift null.
    """
    tokens = [one.tokens(config) for one in series]
    chance = [one.tokens(config, random_walk(one.bars, seed)) for one in series]
    closed = pd.concat([one.frame["close_time"] for one in tokens], ignore_index=True)
    until = (
        fit_until or closed.sort_values(ignore_index=True)[int(FITTED_SHARE * (len(closed) - 1))]
    )
    codes = np.concatenate([one.codes for one in tokens])
    fitted = (closed <= until).to_numpy()
    months = closed.dt.strftime("%Y-%m").to_numpy()
    return {
        "instruments": [one.instrument for one in series],
        "bars": len(codes),
        "first": closed.min().isoformat(),
        "last": closed.max().isoformat(),
        "fit_until": until.isoformat(),
        "grammar": config.grammar_hash,
        "seed": seed,
        "shifts": SHIFTS,
        "fields": _fields(series, tokens, chance, seed),
        "vocabulary": _vocabulary(codes, closed, fitted, months, until, config),
        "drift": _drift(codes, fitted, months),
    }


def _fields(
    series: Sequence[Series], tokens: Sequence[Tokens], chance: Sequence[Tokens], seed: int
) -> dict[str, Any]:
    codes, shuffled = (np.concatenate([one.codes for one in each]) for each in (tokens, chance))
    linked = np.concatenate([one.follows for one in tokens])[1:]
    move = np.concatenate([_next_moves(one) for one in series])[:-1]
    known = linked & (move >= 0)
    counts, by_chance = map(statistics.field_frequencies, (codes, shuffled))
    return {
        name: {
            "counts": counts[name],
            "surrogate_counts": by_chance[name],
            **_spread(codes[:, column], counts[name], linked),
            "surrogate": _spread(shuffled[:, column], by_chance[name], linked),
            "next_bar": _information(codes[:-1, column][known], move[known], seed),
        }
        for column, name in enumerate(FIELDS)
    }


def _spread(
    codes: NDArray[np.int8], counts: dict[str, int], linked: NDArray[np.bool_]
) -> dict[str, float]:
    bits = statistics.entropy(np.array(list(counts.values())))
    return {
        "entropy": bits,
        "perplexity": statistics.perplexity(bits),
        "conditional_entropy": statistics.conditional_entropy(codes, linked),
    }


def _next_moves(one: Series) -> NDArray[np.int64]:
    """(T,) 0, 1, 2 for a next close below, at, above this one; -1 where there is none."""
    factor = one.bars.get("split_factor", 1.0)
    close = (one.bars["close"] * factor).to_numpy(float)
    change = np.append(np.diff(close), np.nan)
    return np.where(np.isnan(change), -1, np.sign(np.nan_to_num(change)) + 1).astype(np.int64)


def _information(codes: NDArray[np.int8], move: NDArray[np.int64], seed: int) -> dict[str, float]:
    """Mutual information with the next bar's direction, and what shifted ones give."""
    found = statistics.mutual_information(codes, move)
    null = statistics.shift_null(codes, move, SHIFTS, seed)
    return {
        "mutual_information": found,
        "null_mean": float(null.mean()),
        "null_95": float(np.quantile(null, 0.95)),
        "p": float((1 + (null >= found).sum()) / (1 + len(null))),
    }


def _vocabulary(
    codes: NDArray[np.int8],
    closed: pd.Series,
    fitted: NDArray[np.bool_],
    months: NDArray[np.str_],
    until: pd.Timestamp,
    config: TokenizeConfig,
) -> dict[str, Any]:
    """The vocabulary of the fitting span, and what it knows of every month."""
    wanted = config.vocabulary
    vocabulary = Vocabulary.fit(
        codes[fitted], closed[fitted], until,
        fields=wanted.fields, min_freq=wanted.min_freq, parameters=config.parameters,
    )  # fmt: skip
    composites = composite_ids(codes, wanted.fields)
    unknown = vocabulary.encode(codes) == UNK
    known = np.array(vocabulary.composites, dtype=np.int64)
    by_month = {}
    for month in np.unique(months):
        here = months == month
        covered = statistics.coverage(composites[here], known)
        by_month[str(month)] = {
            "bars": int(here.sum()),
            "out_of_vocabulary": 1 - covered.tokens,
            "types_known": covered.types,
        }
    later = ~fitted
    return {
        "fields": list(wanted.fields),
        "size": len(vocabulary),
        "min_freq": wanted.min_freq,
        "commonest": [
            [word, count]
            for word, count in zip(vocabulary.words()[5:25], vocabulary.counts, strict=False)
        ],
        "out_of_vocabulary_fitted": float(unknown[fitted].mean()),
        "out_of_vocabulary_later": float(unknown[later].mean()) if later.any() else None,
        "months": by_month,
    }


def _drift(
    codes: NDArray[np.int8], fitted: NDArray[np.bool_], months: NDArray[np.str_]
) -> dict[str, dict[str, dict[str, float]]]:
    """Each field's distance, by month, from the fitting span."""
    drift: dict[str, dict[str, dict[str, float]]] = {"jensen_shannon": {}, "psi": {}}
    for column, (name, values) in enumerate(FIELDS.items()):
        reference = statistics.frequencies(codes[fitted, column], len(values))
        here = {
            str(month): statistics.frequencies(codes[months == month, column], len(values))
            for month in np.unique(months)
        }
        drift["jensen_shannon"][name] = {
            month: statistics.jensen_shannon(counts, reference) for month, counts in here.items()
        }
        drift["psi"][name] = {
            month: statistics.population_stability(counts, reference)
            for month, counts in here.items()
        }
    return drift
