"""How many words of an item lean which way: the lexicon, and negations before a word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fints_pipeline.data.news.lexicon import NEGATIONS, NEGATIVE, POSITIVE

REACH = 3
"""How many words after a negation it turns."""


@dataclass(frozen=True)
class Sentiment:
    """Counts of one item.

    Attributes:
        words: All of its words.
        positive: Words with good tidings, turned bad ones included.
        negative: Words with bad tidings, turned good ones included.
    """

    words: int
    positive: int
    negative: int

    @property
    def leaning(self) -> float:
        """From -1 (bad) to 1 (good); 0 where no word leans or as many lean each way."""
        return leaning(self.positive, self.negative)


def score(words: Sequence[str]) -> Sentiment:
    """Count the words of an item that lean; ``not bullish`` leans the other way."""
    plain = [_plain(word) for word in words]
    good = bad = 0
    for position, word in enumerate(plain):
        is_good, is_bad = word in POSITIVE, word in NEGATIVE
        if not (is_good or is_bad):
            continue
        if _is_negated(plain[max(0, position - REACH) : position]):
            is_good, is_bad = is_bad, is_good
        good += is_good
        bad += is_bad
    return Sentiment(len(plain), good, bad)


def leaning(positive: int, negative: int) -> float:
    """Return (positive - negative) / (positive + negative), 0 where nothing leans."""
    both = positive + negative
    return (positive - negative) / both if both else 0.0


def _plain(word: str) -> str:
    return word.casefold().replace("\u2019", "'").strip('#.,:;!?"()')


def _is_negated(before: Iterable[str]) -> bool:
    return sum(word in NEGATIONS for word in before) % 2 == 1
