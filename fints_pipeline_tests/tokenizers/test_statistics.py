"""Entropies against closed forms, and against a sum written out."""

from collections import Counter
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.errors import FormatError
from fints_pipeline.tokenizers import statistics
from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer
from fints_pipeline.tokenizers.summary import Tokens, summary
from fints_pipeline_tests.tokenizers.bars import walk

codes = st.lists(st.integers(0, 11), min_size=2, max_size=200).map(np.array)


def test_entropy_of_known_distributions() -> None:
    assert statistics.entropy(np.array([5, 5, 5, 5])) == 2.0
    assert statistics.entropy(np.array([7, 0])) == 0.0
    assert statistics.entropy(np.array([0, 0])) == 0.0
    assert statistics.entropy(np.array([1, 1, 2])) == 1.5
    assert statistics.perplexity(1.5) == pytest.approx(2.8284271)


@given(codes)
def test_conditional_entropy_equals_the_sum_over_pairs(x: np.ndarray) -> None:
    pairs = Counter(zip(x[:-1].tolist(), x[1:].tolist(), strict=True))
    first = Counter(x[:-1].tolist())
    n = len(x) - 1
    expected = -sum(c / n * log2(c / first[a]) for (a, _), c in pairs.items())
    assert statistics.conditional_entropy(x) == pytest.approx(expected, abs=1e-9)


def test_pairs_across_a_gap_do_not_count() -> None:
    x = np.array([0, 1, 0, 1, 1, 1])
    assert statistics.conditional_entropy(x) > 0
    within = np.array([True, True, True, False, False])
    assert statistics.conditional_entropy(x, within) == 0.0
    with pytest.raises(FormatError):
        statistics.conditional_entropy(x, within[1:])


def test_coverage_by_token_and_by_type() -> None:
    found = statistics.coverage(np.array([1, 1, 1, 2]), np.array([1, 9]))
    assert (found.tokens, found.types) == (0.75, 0.5)
    with pytest.raises(FormatError):
        statistics.coverage(np.array([], dtype=int), np.array([1]))


def test_field_frequencies_add_up() -> None:
    tokens = BrooksTokenizer(tick=1.0).encode(walk(500, 0))
    counts = statistics.field_frequencies(tokens)
    assert list(counts) == list(FIELDS)
    assert all(sum(values.values()) == 500 for values in counts.values())
    assert counts["trend"]["na"] == 40


def test_the_summary_names_every_field() -> None:
    bars = walk(500, 0)
    frame = bars[["session"]].copy()
    frame[list(FIELDS)] = BrooksTokenizer(tick=1.0).encode(bars)
    text = summary([Tokens("a", frame, "reset"), Tokens("b", frame, "continuous")])
    assert text.startswith("1000 bars of 2 instruments")
    assert all(f"\n{name} " in text for name in FIELDS)
    assert Tokens("a", frame, "reset").follows.sum() == 500 - frame["session"].nunique()
    assert Tokens("a", frame, "continuous").follows.sum() == 499
