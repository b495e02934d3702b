from datetime import date

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.data.splits import SplitDoubts, sessions_of, split_doubts
from fints_pipeline_tests.data.raw import rows_of
from fints_pipeline_tests.hand import hand_bars, opens

DAYS = pd.bdate_range("2024-06-03", periods=8)


def days(close: list[float], open_: list[float], volume: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {"session": DAYS[: len(close)], "open": open_, "close": close, "volume": volume}
    )


def after(
    ratio: float, volume: float = 100.0, recorded: dict[date, float] | None = None
) -> SplitDoubts:
    """Five sessions at 120 on volume 100, and a sixth that opens at 120 / ratio."""
    opened = 120 / ratio
    table = days([120] * 5 + [opened], [120] * 5 + [opened], [100] * 5 + [volume])
    return split_doubts(rows_of(table), recorded or {}, 0.03)


@pytest.mark.parametrize(
    ("ratio", "volume", "words"),
    [
        (2.0, 210, "like a 2:1 split"),
        (1.96, 180, "like a 2:1 split"),  # near enough, with the volume's confirmation
        (2.01, 70, "like a 2:1 split; volume x 0.7"),  # so near that it needs none
        (0.1, 12, "like a 1:10 split"),
        (1.5, 140, "like a 1.5:1 split"),
        (7.0, 700, "like a 7:1 split"),
        (2.0, np.nan, "no volume to compare"),
    ],
)
def test_a_split_that_nobody_recorded(ratio: float, volume: float, words: str):
    (found,) = after(ratio, volume).unrecorded
    assert found.startswith("2024-06-10: 120 to ")
    assert words in found


@pytest.mark.parametrize(
    ("ratio", "volume"),
    [(1.0, 200), (1.1, 200), (1.96, 100), (1.7, 170), (0.75, 160), (0.9, 100)],
)
def test_moves_that_are_no_split(ratio: float, volume: float):
    assert after(ratio, volume).unrecorded == ()


EX_DATE = {date(2024, 6, 10): 2.0}


def test_a_recorded_split_that_the_price_shows_is_in_order():
    assert after(2.0, 200, EX_DATE) == SplitDoubts((), ())
    assert after(1.8, 90, EX_DATE) == SplitDoubts((), ())


def test_an_adjusted_price_beside_unadjusted_volume():
    assert "adjusted price beside unadjusted volume" in after(1.01, 210, EX_DATE).unshown[0]
    (words,) = after(1.01, 95, EX_DATE).unshown
    assert "prices already adjusted" in words


def test_sessions_of_bars():
    bars = hand_bars(opens(1, 2, 3, 4), sessions=["2024-03-04"] * 3 + ["2024-03-05"])
    table = sessions_of(rows_of(bars))
    assert table["open"].tolist() == [1, 4]
    assert table["close"].tolist() == [3, 4]
    assert table["volume"].tolist() == [300, 100]
    nothing = sessions_of(rows_of(bars[:0]))
    assert len(nothing) == 0
    assert split_doubts(nothing, {}, 0.03) == SplitDoubts((), ())
