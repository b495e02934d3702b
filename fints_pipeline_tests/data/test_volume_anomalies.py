from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.data.rule_parameters import VolumeAnomalies
from fints_pipeline.data.volume_anomalies import (
    LEAST_DEVIATION,
    NORMAL,
    Floats,
    Index,
    volume_anomalies,
)

SEEDS = st.integers(0, 2**32 - 1)


def market(seed: int, n: int = 400, slots: int = 3) -> tuple[Floats, Index]:
    """Busy and quiet slots, some bars without a trade, some without a volume, some far off."""
    rng = np.random.default_rng(seed)
    slot = np.arange(n) // 5 % slots
    volume = np.round(rng.lognormal(3 + slot, 0.5, n), 1)
    volume[rng.random(n) < 0.02] *= 1e4
    volume[rng.random(n) < 0.05] = 0.0
    volume[rng.random(n) < 0.05] = np.nan
    return volume, slot.astype(np.int64)


def slow(volume: Floats, slot: Index, rule: VolumeAnomalies) -> list[bool]:
    past: dict[int, list[float]] = {}
    flags = []
    for value, k in zip(volume, slot, strict=True):
        if not value > 0:
            flags.append(False)
            continue
        before = np.array(past.setdefault(int(k), [])[-rule.window :])
        x = np.rint(1000 * np.log1p(value)) / 1000
        far = False
        if len(before) >= rule.least:
            median = np.median(before)
            deviation = np.sort(abs(before - median))[len(before) // 2]
            limit = rule.threshold * NORMAL * max(deviation, LEAST_DEVIATION)
            far = bool(abs(x - median) > limit)
        flags.append(far)
        past[int(k)].append(x)
    return flags


@given(SEEDS, st.integers(10, 60), st.integers(10, 30), st.sampled_from([3.0, 6.0]))
@settings(max_examples=25)
def test_equals_a_slow_twin(seed: int, window: int, least: int, threshold: float):
    rule = VolumeAnomalies(window=window, least=least, threshold=threshold)
    volume, slot = market(seed)
    assert volume_anomalies(volume, slot, rule)[0].tolist() == slow(volume, slot, rule)


@given(SEEDS, st.integers(1, 400))
@settings(max_examples=25)
def test_flags_do_not_depend_on_what_follows(seed: int, cut: int):
    rule = VolumeAnomalies(window=50, least=10, threshold=4.0)
    volume, slot = market(seed)
    whole = volume_anomalies(volume, slot, rule)[0]
    other = market(seed + 1)[0]
    shocked = np.where(np.arange(len(volume)) < cut, volume, other)
    np.testing.assert_array_equal(volume_anomalies(shocked, slot, rule)[0][:cut], whole[:cut])


def test_a_change_of_units_is_found_and_a_busy_open_is_not():
    rng = np.random.default_rng(0)
    slot = np.tile(np.repeat(np.arange(2), 30), 10).astype(np.int64)
    volume = rng.lognormal(np.where(slot == 0, 9.0, 4.0), 0.4)
    rule = VolumeAnomalies()
    assert not volume_anomalies(volume, slot, rule)[0].any()
    volume[500] *= 1000
    assert np.flatnonzero(volume_anomalies(volume, slot, rule)[0]).tolist() == [500]


def test_equal_volumes_do_not_make_every_other_one_an_anomaly():
    volume = np.full(200, 1000.0)
    volume[150] = 1200.0
    assert not volume_anomalies(volume, np.zeros(200, dtype=np.int64), VolumeAnomalies())[0].any()


def test_nothing_in_nothing_out():
    flags, held = volume_anomalies(np.empty(0), np.empty(0, dtype=np.int64), VolumeAnomalies())
    assert (flags.size, held) == (0, {})


@given(SEEDS, st.lists(st.integers(0, 400), max_size=5), st.integers(10, 60))
@settings(max_examples=60)
def test_cut_anywhere_and_continued_it_is_one_pass(seed: int, cuts: list[int], window: int):
    rule = VolumeAnomalies(window=window, least=10, threshold=3.0)
    volume, slot = market(seed)
    whole, after = volume_anomalies(volume, slot, rule)
    parts, held = [], {}
    ends = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    for first, last in pairwise(ends):
        part, held = volume_anomalies(volume[first:last], slot[first:last], rule, held)
        parts.append(part)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert {k: v.tolist() for k, v in held.items()} == {k: v.tolist() for k, v in after.items()}
