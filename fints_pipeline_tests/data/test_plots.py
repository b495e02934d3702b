"""Pictures for an asset's page."""

import struct

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.data import plots
from fints_pipeline_tests.data.catalog.lakes import bars_frame


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    frame = bars_frame("test.AAA", "1m", "2023-01", sessions=20, bars=200)
    frame.loc[50:80, "is_filled"] = True
    return frame


def size(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_pictures_are_small_and_the_same_each_time(bars: pd.DataFrame):
    for draw in (plots.coverage, plots.price_with_flags):
        png = draw(bars)
        assert size(png) == (700, 220)
        assert len(png) < 40_000
        assert png == draw(bars)


def test_what_is_flagged_or_missing_shows(bars: pd.DataFrame):
    clean = bars.assign(is_filled=False)
    assert plots.coverage(bars) != plots.coverage(clean)
    assert plots.price_with_flags(bars) != plots.price_with_flags(clean)
    assert plots.coverage(bars) != plots.coverage(bars, empty_sessions=["2023-01-25"])


def test_a_long_series_keeps_its_lowest_and_highest_close():
    values = np.random.default_rng(0).normal(size=100_000)
    shown = plots._extremes(values)
    assert len(shown) <= 2000
    assert {values.argmin(), values.argmax()} <= set(shown.tolist())
    assert (np.diff(shown) > 0).all()
    assert plots._extremes(values[:9]).tolist() == list(range(9))


def test_one_bar_and_no_flags_are_enough(bars: pd.DataFrame):
    plots.coverage(bars.iloc[:1])
    plots.price_with_flags(bars.iloc[:1][["close_time", "close"]])


def test_wrong_input_is_refused(bars: pd.DataFrame):
    with pytest.raises(SchemaError, match="is_filled"):
        plots.coverage(bars[["session"]])
    with pytest.raises(SchemaError, match="no bars"):
        plots.price_with_flags(bars.iloc[:0])


def test_markdown_carries_the_picture(bars: pd.DataFrame):
    text = plots.as_markdown(plots.coverage(bars), "coverage")
    assert text.startswith("![coverage](data:image/png;base64,iVBOR")
