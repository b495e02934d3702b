"""The token report: its numbers, its surrogate, and a page that loads nothing and draws."""

import json
import re
from itertools import pairwise
from math import log2
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.tokenizers import statistics
from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.tokenizers.report.measures import Series
from fints_pipeline.tokenizers.report.render import write
from fints_pipeline.tokenizers.report.surrogate import PRICES, random_walk
from fints_pipeline_tests.browser import WIDTHS, Browser
from fints_pipeline_tests.strategies import random_bars

CHARTS = 2 + len(FIELDS) + 4


@pytest.fixture(scope="module")
def series() -> list[Series]:
    return [
        Series(f"test.{name}", random_bars(n, seed, splits=0.1, instrument=f"test.{name}"), 0.01, m)
        for name, n, seed, m in (("AAA", 900, 1, "reset"), ("BBB", 700, 2, "continuous"))
    ]


@pytest.fixture(scope="module")
def folder(series, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write(folder, series, TokenizeConfig())
    return folder


def test_the_json_agrees_with_the_tokens(folder: Path, series) -> None:
    content = json.loads((folder / "tokens.json").read_text())
    tokens = [BrooksTokenizer(0.01, one.session_mode).encode(one.bars) for one in series]
    codes = np.concatenate(tokens)
    assert content["bars"] == len(codes) == 1_600
    for column, (name, values) in enumerate(FIELDS.items()):
        row = content["fields"][name]
        counts = np.bincount(codes[:, column], minlength=len(values))
        assert row["counts"] == dict(zip(values, counts.tolist(), strict=True))
        assert row["entropy"] == pytest.approx(statistics.entropy(counts))
        assert sum(row["surrogate_counts"].values()) == 1_600
        assert 0 < row["next_bar"]["p"] <= 1
    months = content["vocabulary"]["months"]
    assert sum(month["bars"] for month in months.values()) == 1_600
    assert set(content["drift"]["psi"]["bar"]) == set(months)
    assert 0 <= content["vocabulary"]["out_of_vocabulary_fitted"] < 1


def test_the_same_bars_give_the_same_bytes(folder: Path, series, tmp_path: Path) -> None:
    write(tmp_path, series, TokenizeConfig())
    for name in ("tokens.html", "tokens.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_surrogate_has_the_same_bars_in_another_order() -> None:
    bars = random_bars(400, 3, filled=0.1)
    made = random_walk(bars, 0)
    kept = ~bars["is_filled"].to_numpy()
    real, dealt = (
        np.rint(frame.loc[kept, PRICES].to_numpy() / 0.01).astype(int) for frame in (bars, made)
    )
    for shape in (lambda x: x - x[:, :1], lambda x: (x[1:, 0] - x[:-1, 3])[:, None]):
        assert sorted(map(tuple, shape(real))) == sorted(map(tuple, shape(dealt)))
    assert not np.array_equal(real, dealt)
    pd.testing.assert_frame_equal(made.loc[~kept, PRICES], bars.loc[~kept, PRICES])
    pd.testing.assert_frame_equal(random_walk(bars, 0), made)


def test_divergences_against_closed_forms() -> None:
    a, b = np.array([3, 1]), np.array([1, 3])
    entropy = -(0.75 * log2(0.75) + 0.25 * log2(0.25))
    assert statistics.jensen_shannon(a, b) == pytest.approx(1 - entropy)
    assert statistics.jensen_shannon(a, 5 * a) == pytest.approx(0)
    assert statistics.jensen_shannon(np.array([1, 0]), np.array([0, 1])) == pytest.approx(1)
    assert statistics.population_stability(a, a) == 0
    p, q = 3.5 / 5, 1.5 / 5
    expected = 2 * (p - q) * np.log(p / q)
    assert statistics.population_stability(a, b) == pytest.approx(expected)


def test_information_is_found_where_it_is_and_not_beyond_the_null_where_it_is_not() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 9, 3_000), rng.integers(0, 3, 3_000)
    assert statistics.mutual_information(x, x % 3) == pytest.approx(log2(3), abs=0.01)
    null = statistics.shift_null(x, y, 200, 0)
    assert np.quantile(null, 0.001) <= statistics.mutual_information(x, y) <= null.max() * 1.3
    assert statistics.mutual_information(x, x % 3) > 50 * null.max()


def test_the_page_loads_nothing(folder: Path) -> None:
    page = (folder / "tokens.html").read_text()
    markup = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(src|href)=["'](https?:)?//""", markup)
    assert "url(" not in page.split("</style>")[0]
    figures = re.findall(r'id="figure-([\w-]+)">(.*?)</script>', page, re.DOTALL)
    assert len(figures) == CHARTS
    drawn = json.loads(dict(figures)["candles-0"])["data"]
    names = {trace["name"] for trace in drawn}
    assert names == {"bars", "swings", "breakouts", "target up", "target down",
                     "H1 H2 H3", "L1 L2 L3"}  # fmt: skip
    kinds = [label[1] for label in drawn[1]["text"] if label]
    assert len(kinds) > 20
    assert all(kind != other for kind, other in pairwise(kinds))  # replaced ones are gone


def test_swings_on_the_chart_are_the_tokens_own(series) -> None:
    """A pivot drawn at its bar has the price that the bar's high or low had."""
    one = series[1]
    tokenizer = BrooksTokenizer(0.01, one.session_mode)
    tokenizer.encode(one.bars)
    real = one.bars[~one.bars["is_filled"]].iloc[::-1].reset_index()
    assert len(tokenizer.swings) == 8
    for swing in tokenizer.swings:
        bar = real.iloc[swing.bars_ago]
        adjusted = bar[swing.kind] * bar["split_factor"]
        assert swing.price == pytest.approx(adjusted, abs=0.0051)  # rounded to the tick
        assert swing.label in FIELDS["swing"]


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_whole_in_a_browser(folder: Path, browser: Browser, width: int) -> None:
    page = (folder / "tokens.html").read_text(encoding="utf-8")
    boxes = set(re.findall(r'id="figure-([\w-]+)"', page))
    assert len(boxes) == CHARTS
    browser.look(folder / "tokens.html", width).require_whole(boxes)
