"""Each field on bars drawn by hand, after a neutral prelude that ends the warm-up.

The prelude's bars are 10 ticks high, so A is 10 and thresholds can be read off the drawings.
"""

from __future__ import annotations

import pandas as pd
import pytest

from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer
from fints_pipeline_tests.tokenizers.bars import PRICES

BASE = 1000
#: Doji bars of one range: no swing, no trigger, nothing broken.
PRELUDE = [(BASE, BASE + 5, BASE - 5, BASE)] * 40
BULL = (-4, 5, -5, 4)


def tokens(rows: list[tuple[int, int, int, int]], mode: str = "continuous", sessions=None):
    """Tokens of the prelude and of `rows` (relative to 1000), as a frame of value names."""
    drawn = [tuple(BASE + x for x in row) for row in rows]
    bars = pd.DataFrame([*PRELUDE, *drawn], columns=PRICES).astype(float)
    bars["session"] = 0 if sessions is None else [0] * len(PRELUDE) + sessions
    codes = BrooksTokenizer(tick=1.0, session_mode=mode).encode(bars)
    names = {
        name: [FIELDS[name][code] for code in codes[:, column]]
        for column, name in enumerate(FIELDS)
    }
    return pd.DataFrame(names)


def after(rows, name: str, mode: str = "continuous", sessions=None) -> list[str]:
    return tokens(rows, mode, sessions)[name].tolist()[len(PRELUDE) :]


def test_warm_up_prints_na() -> None:
    frame = tokens([(0, 5, -5, 0)])
    assert (frame["bar"][:20] == "na").all()
    assert (frame["bar"][20:] == "doji").all()
    assert (frame["combo"] != "na").all()
    late = ["trend", "context", "pullback", "entry", "breakout", "magnet", "event"]
    assert (frame.loc[:39, late] == "na").all(axis=None)
    assert (frame.loc[40:, late] != "na").all(axis=None)


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ((3, 3, 3, 3), "flat"),
        ((0, 5, -5, 0), "doji"),
        ((0, 5, -5, 2), "doji"),  # a body of a fifth
        ((-2, 4, -5, 4), "bull_trend"),  # a body of two thirds, close at the high
        ((-6, 9, -6, 9), "bull_long"),  # 15 ticks are 1.5 A
        ((-6, 8, -6, 8), "bull_trend"),  # 14 are not
        ((9, 9, -6, -6), "bear_long"),
        ((-4, 9, -5, 2), "bull_weak"),  # a body of 6/14
        ((2, 4, -6, 4), "bull_rev"),  # a tail of 8/10 below the low before
        ((2, 4, -5, 4), "doji"),  # the same tail, the low before not taken out
        ((-2, 6, -4, -4), "bear_rev"),
    ],
)
def test_bar(row: tuple[int, int, int, int], value: str) -> None:
    assert after([row], "bar") == [value]


def test_a_session_s_first_bar_is_no_reversal_in_reset_mode() -> None:
    row = [(2, 4, -6, 4)]
    assert after(row, "bar", "reset", [1]) == ["doji"]
    assert after(row, "bar", "continuous", [1]) == ["bull_rev"]


APART = (0, 9, -2, 0)  # neither inside nor outside the prelude's last bar
WIDE = (0, 10, -10, 0)


def inside(n: int) -> list[tuple[int, int, int, int]]:
    return [(0, 10 - i, -10 + i, 0) for i in range(1, n + 1)]


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ([APART], "none"),
        ([APART, WIDE, *inside(1)], "inside"),
        ([APART, WIDE, *inside(1), *inside(1)], "ii"),  # equal bars are inside
        ([APART, WIDE, *inside(3)], "iii"),
        ([APART, WIDE, *inside(4)], "iii"),
        ([APART, WIDE, *inside(1), WIDE, *inside(1)], "ioi"),
        ([(0, 9, -9, 1)], "out_up"),
        ([(0, 5, -6, -1)], "out_dn"),
        ([WIDE], "out_nt"),
        ([(4, 4, -6, -6), (-7, 3, -7, 3)], "none"),  # takes back too little
        ([(4, 4, -6, -6), (-7, 6, -7, 4)], "out_up"),
        ([(4, 4, -6, -6), (-5, 6, -5, 4)], "tbr_up"),
        ([(-4, 6, -4, 6), (5, 5, -6, -4)], "tbr_dn"),
    ],
)
def test_combo(rows: list[tuple[int, int, int, int]], value: str) -> None:
    assert after(rows, "combo")[-1] == value


def test_combo_starts_over_with_a_session_in_reset_mode() -> None:
    rows = [APART, WIDE, *inside(3)]
    sessions = [0, 0, 0, 1, 1]
    starts_over = ["none", "out_nt", "inside", "none", "inside"]
    assert after(rows, "combo", "reset", sessions) == starts_over
    assert after(rows, "combo", "continuous", sessions)[2:] == ["inside", "ii", "iii"]


def test_a_swing_is_stored_three_bars_later_and_labelled_from_the_second_of_its_type() -> None:
    peak, pit = (0, 20, -5, 0), (0, 5, -20, 0)
    calm = (0, 5, -5, 0)
    rows = [peak, calm, calm, calm, pit, calm, calm, calm, (0, 30, -5, 0), calm, calm, calm]
    # The first high has nothing to compare with, nor has the low; the second high is a HH.
    assert after(rows, "swing") == ["na"] * 11 + ["HH"]


def test_an_equal_high_lies_within_a_fifth_of_a() -> None:
    calm = (0, 5, -5, 0)

    def second(high: int) -> str:
        pit = [(0, 5, -20, 0), calm, calm, calm]
        return after([(0, 20, -5, 0), calm, calm, calm, *pit, (0, high, -5, 0), calm, calm, calm],
                     "swing")[-1]  # fmt: skip

    # A has grown to 14.25 at the labelling bar: a fifth of it is 2.85.
    assert [second(high) for high in (16, 17, 18, 22, 23, 24)] == [
        "LH",
        "LH",
        "EH",
        "EH",
        "HH",
        "HH",
    ]


def test_two_strong_bars_start_a_trend_and_a_close_below_the_last_low_ends_it() -> None:
    rows = [(0, 8, 0, 8), (8, 16, 8, 16)]
    assert after(rows, "trend") == ["flat", "up"]
    assert after([(0, 8, 0, 8), (8, 14, 8, 14)], "trend") == ["flat", "flat"]  # 14 ticks < 1.5 A
    across = after(rows, "trend", "reset", [0, 1])
    assert across == ["flat", "flat"]
    calm = (16, 20, 12, 16)
    pit = [calm, calm, calm, (16, 17, 2, 16), calm, calm, calm]
    assert after([*rows, *pit, (4, 6, 2, 3)], "trend")[-1] == "up"
    assert after([*rows, *pit, (4, 6, 0, 1)], "trend")[-1] == "flat"


def test_a_trend_is_forgotten_after_a_hundred_bars() -> None:
    rows = [(0, 8, 0, 8), (8, 16, 8, 16)]
    trend = after([*rows, *[(16, 20, 12, 16)] * 101], "trend")
    assert trend[1:102] == ["up"] * 101
    assert trend[102] == "flat"


def test_context() -> None:
    assert after([(0, 5, -5, 0)], "context") == ["tight"]
    rising = [(10 * i, 10 * i + 10, 10 * i, 10 * i + 10) for i in range(12)]
    assert after(rising, "context")[-1] == "bull_trend"
    falling = [(-a, -c, -b, -d) for a, b, c, d in rising]
    assert after(falling, "context")[-1] == "bear_trend"
    swings = [*rising[:4], *[(o, h, low, c) for c, h, low, o in rising[3::-1]]] * 3
    assert after(swings, "context")[-1] == "range"


def test_entry_counts_breaks_of_the_high_before() -> None:
    rows = [(0, 30, 0, 5), (5, 20, 0, 5), (5, 21, 0, 5), (5, 15, 0, 5), (5, 16, 0, 5)]
    rows += [(5, 10, 0, 5), (5, 11, 0, 5), (5, 9, 0, 5), (5, 10, 0, 5)]
    found = [value for value in after(rows, "entry") if value.startswith("H")]
    assert found == ["H1", "H2", "H3", "H3"]


def test_a_box_break_is_tried_then_holds_or_fails() -> None:
    def breakout(rows: list[tuple[int, int, int, int]]) -> list[str]:
        # A session a bar: there is never an opening range to break.
        return after(rows, "breakout", sessions=list(range(1, len(rows) + 1)))

    assert breakout([(0, 6, 0, 6)]) == ["none"]  # the level was touched a bar ago
    low = [(-6, -4, -8, -6)] * 4
    assert breakout([*low[1:], (-2, 6, -2, 6)])[-1] == "none"  # four bars ago
    tried = [*low, (-2, 6, -2, 6)]
    assert breakout(tried)[-1] == "up_try"
    assert breakout([*tried, (6, 9, 5, 5)])[-1] == "up_fail"  # back at the level
    assert breakout([*tried, (6, 12, 6, 12)])[-1] == "up_ok"  # beyond it by half an A
    waiting = [(6, 7, 6, 6)] * 5
    assert breakout([*tried, *waiting])[-5:] == ["up_try"] * 4 + ["up_ok"]


def test_the_opening_range_counts_from_the_seventh_bar_and_each_side_once() -> None:
    rows = [(0, 4, -4, 0)] * 6 + [(0, 5, -4, 4), (4, 4, -4, 4), (4, 5, -4, 5)]
    sessions = [1] * len(rows)
    assert after(rows, "breakout", sessions=sessions) == ["none"] * 6 + [
        "up_try",  # above 4 for the first time
        "up_fail",
        "none",  # no news any more
    ]


def test_gap_and_micro_channel() -> None:
    assert after([(10, 12, 8, 11)], "event") == ["gap_up"]
    assert after([(-10, -8, -12, -11)], "event") == ["gap_dn"]
    creeping = [(i, i + 5, i - 5, i + 1) for i in range(1, 6)]
    assert after(creeping, "event")[-1] == "micro_up"
    assert after(creeping, "event", "reset", [1] * 5)[-1] == "none"  # six bars of one session


def test_climax_is_long_at_an_extreme_and_far_from_the_average() -> None:
    assert after([(0, 40, 0, 40)], "event") == ["climax_up"]
    assert after([(0, 0, -40, -40)], "event") == ["climax_dn"]
    assert after([(-2, 19, -6, 19)], "event") == ["none"]


def test_magnets() -> None:
    assert after([(0, 15, -5, 12)], "magnet") == ["none"]
    assert after([(0, 5, -5, 0)], "magnet") == ["ema"]
    day = [(0, 20, -5, 0), (0, 5, -20, 0), (0, 5, -5, 1)]
    near = {price: after([*day, (price, 22, -22, price)], "magnet", "reset", [0, 0, 0, 1])[-1]
            for price in (20, -20, 12)}  # fmt: skip
    assert near == {20: "pdh", -20: "pdl", 12: "none"}
    assert after([*day, (0, 22, -22, 1)], "magnet", "reset", [0, 0, 0, 1])[-1] == "pdc"


def test_a_measured_move_is_aimed_at_and_hit() -> None:
    up = [(0, 4, -12, 0), (0, 10, 0, 10), (10, 20, 10, 20), (20, 28, 20, 28), (28, 36, 28, 30)]
    back = [(30, 31, 24, 25), (25, 26, 20, 21), (21, 22, 16, 18)]
    again = [(18, 26, 18, 26), (26, 34, 26, 34), (34, 42, 34, 42), (42, 50, 42, 50)]
    # From -12 to 36, back to 16: the second leg's target is 16 + 48 = 64.
    further = [(50, 58, 50, 58), (58, 64, 58, 60)]
    events = after([*up, *back, *again, *further], "event")
    assert events[-1] == "mm_up"
    assert "mm_up" not in events[:-1]
