import xml.etree.ElementTree as ET

import numpy as np
import pytest

from fints_pipeline.base.page import sketch

ENDS = ("2023-01-02", "2023-01-31")
SVG = "{http://www.w3.org/2000/svg}"


def test_a_long_series_keeps_its_lowest_and_highest():
    values = np.random.default_rng(0).normal(size=100_000)
    values[5] = np.nan
    shown = sketch.extremes(values)
    assert len(shown) <= 400
    assert {int(np.nanargmin(values)), int(np.nanargmax(values))} <= set(shown)
    assert shown == sorted(set(shown))


@pytest.mark.parametrize("values", [np.array([1.0]), np.full(9, np.nan), np.ones(5)])
def test_dull_series_are_drawn_too(values):
    ET.fromstring(sketch.line(values, ENDS))
    ET.fromstring(sketch.rows({"a": values}))


def test_marks_are_counted_and_kept():
    values = np.arange(5000.0)
    marks = {"filled": values % 1000 == 0, "never": values < 0}
    picture = ET.fromstring(sketch.line(values, ENDS, marks))
    texts = [element.text for element in picture.iter(f"{SVG}text")]
    assert "filled (5)" in texts
    assert not any("never" in str(text) for text in texts)
    paths = picture.iter(f"{SVG}path")
    (dots,) = [element for element in paths if element.get("stroke-linecap")]
    assert dots.get("d").count("M") == 5


def test_columns_stack_to_their_sum():
    picture = ET.fromstring(
        sketch.columns({"delivered": np.array([4.0, 2.0]), "filled": np.array([0.0, 2.0])}, ENDS)
    )
    columns = [rect for rect in picture.iter(f"{SVG}rect") if float(rect.get("y") or 0) > 5]
    heights = [float(rect.get("height")) for rect in columns]
    assert heights[0] == pytest.approx(heights[1] + heights[2], abs=0.2)


def test_shares_fill_the_row_whatever_the_weights():
    picture = ET.fromstring(sketch.shares({"field": {"up": 3.0, "<down>": 1.0}}))
    widths = [
        float(r.get("width")) for r in picture.iter(f"{SVG}rect") if "%" not in r.get("width")
    ]
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.01)
    assert "&lt;down&gt;" in sketch.shares({"field": {"up": 3.0, "<down>": 1.0}})


def test_markdown_carries_the_picture():
    assert sketch.as_markdown("<svg/>", "price").startswith("![price](data:image/svg+xml;base64,")
