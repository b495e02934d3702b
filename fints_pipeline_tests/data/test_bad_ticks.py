from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.data.bad_ticks import Flags, Floats, bad_ticks
from fints_pipeline.data.carried import Band
from fints_pipeline.data.rule_parameters import BadTicks

RULE = BadTicks(window=12, least=5, trim=0.2, width=4.0, floor=0.01)


def found(
    close: Floats, high: Floats | None = None, restart: tuple[int, ...] = (0,)
) -> tuple[list[int], list[int]]:
    begins = np.isin(np.arange(len(close)), restart)
    flags, spikes, _ = bad_ticks(close if high is None else high, close, close, begins, RULE)
    return np.flatnonzero(flags).tolist(), np.flatnonzero(spikes).tolist()


def calm(n: int) -> Floats:
    return 100 + 0.1 * np.sin(np.arange(float(n)))


def test_a_calm_market_has_none():
    assert found(calm(200)) == ([], [])


def test_a_spike_is_flagged_at_its_own_time_and_known_as_one_later():
    close = calm(40)
    close[20] = 150
    assert found(close) == ([20], [20])
    assert found(close[:21]) == ([20], [])


def test_a_jump_costs_one_flag_and_is_no_spike():
    close = calm(60)
    close[20:] += 30
    assert found(close) == ([20], [])


def test_a_spike_does_not_widen_the_band_of_the_bars_after_it():
    close = calm(60)
    close[[20, 24, 28]] = 150
    assert found(close) == ([20, 24, 28], [20, 24, 28])


def test_a_wick_that_closes_inside_is_a_spike_at_once():
    close = calm(40)
    high = close.copy()
    high[20] = 150
    assert found(close, high) == ([20], [20])
    assert found(close[:21], high[:21]) == ([20], [20])


def test_spikes_to_both_sides_are_two():
    close = calm(40)
    close[20], close[21] = 150, 50
    assert found(close) == ([20, 21], [20, 21])


def test_after_a_pause_the_price_may_be_anywhere():
    close = calm(40)
    close[20:] += 30
    assert found(close, restart=(0, 20)) == ([], [])


def test_no_band_before_there_are_enough_closes():
    close = calm(40)
    close[4] = 150
    assert found(close)[0] == []
    close = calm(40)
    close[5] = 150
    assert found(close)[0] == [5]


def test_nothing_in_nothing_out():
    assert found(np.empty(0)) == ([], [])


def slow(
    high: Floats, low: Floats, close: Floats, restart: Flags, rule: BadTicks
) -> tuple[list[int], list[int]]:
    """The obvious twin: lists, sorted anew for every bar."""
    flags, spikes, window, pending = [], [], [], None
    for t in range(len(close)):
        if restart[t]:
            window, pending = [], None
        last = sorted(window[-rule.window :])
        if len(last) < rule.least:
            window.append(close[t])
            continue
        skip = int(len(last) * rule.trim / 2)
        kept = last[skip : len(last) - skip]
        mean = sum(kept) / len(kept)
        band = rule.width * np.std(kept, ddof=1) + rule.floor * mean
        if high[t] <= mean + band and low[t] >= mean - band:
            if pending is not None:
                spikes.append(pending[0])
            pending = None
            window.append(close[t])
            continue
        side = int(close[t] > mean + band) - int(close[t] < mean - band)
        if side and pending is not None and pending[1] == side:
            window, pending = [close[pending[0]], close[t]], None
            continue
        flags.append(t)
        if pending is not None:
            spikes.append(pending[0])
        if side == 0:
            spikes.append(t)
        pending = (t, side) if side else None
    return flags, sorted(spikes)


@st.composite
def markets(draw: st.DrawFn) -> tuple[Floats, Floats, Floats, Flags]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 150))
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, n)))
    close *= np.where(rng.random(n) < 0.05, 1 + rng.choice([-0.3, 0.3], n), 1)
    close[rng.integers(0, n) :] *= 1.5
    if draw(st.booleans()):
        close = np.round(close)  # ties
    high = close * np.where(rng.random(n) < 0.05, 1.4, 1.001)
    low = close * np.where(rng.random(n) < 0.05, 0.6, 0.999)
    restart = rng.random(n) < 0.02
    restart[0] = True
    return high, low, close, restart


@given(markets(), st.integers(4, 20), st.sampled_from([0.0, 0.1, 0.5]))
@settings(max_examples=60)
def test_equals_a_slow_twin(market: tuple[Floats, Floats, Floats, Flags], window: int, trim: float):
    rule = BadTicks(window=window, least=4, trim=trim, width=4.0, floor=0.01)
    flags, spikes, _ = bad_ticks(*market, rule)
    assert (np.flatnonzero(flags).tolist(), np.flatnonzero(spikes).tolist()) == slow(*market, rule)


@given(markets(), st.data())
@settings(max_examples=60)
def test_flags_do_not_depend_on_what_follows(
    market: tuple[Floats, Floats, Floats, Flags], data: st.DataObject
):
    cut = data.draw(st.integers(1, len(market[0])))
    whole, *_ = bad_ticks(*market, RULE)
    part, *_ = bad_ticks(*(column[:cut] for column in market), RULE)
    np.testing.assert_array_equal(part, whole[:cut])


@given(markets(), st.sampled_from([2.0, 0.5, 1024.0]))
@settings(max_examples=20)
def test_the_price_unit_does_not_matter(
    market: tuple[Floats, Floats, Floats, Flags], factor: float
):
    high, low, close, restart = market
    scaled = bad_ticks(high * factor, low * factor, close * factor, restart, RULE)
    np.testing.assert_array_equal(scaled[0], bad_ticks(*market, RULE)[0])


@pytest.mark.parametrize("window", [5, 6, 11])
def test_a_window_no_longer_than_least(window: int):
    rule = BadTicks(window=window, least=5, width=4.0, floor=0.01)
    close = calm(50)
    close[30] = 150
    flags, *_ = bad_ticks(close, close, close, np.arange(50) == 0, rule)
    assert np.flatnonzero(flags).tolist() == [30]


@given(markets(), st.lists(st.integers(0, 150), max_size=5))
@settings(max_examples=60)
def test_cut_anywhere_and_continued_it_is_one_pass(
    market: tuple[Floats, Floats, Floats, Flags], cuts: list[int]
):
    whole, _, after = bad_ticks(*market, RULE)
    parts, band = [], Band()
    ends = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    for first, last in pairwise(ends):
        part, _, band = bad_ticks(*(column[first:last] for column in market), RULE, band)
        parts.append(part)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert band == after
