"""The report's page: its explorer of trades, its explanations, and all of it in a browser."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fints_pipeline import backtest
from fints_pipeline.base.lake import BundleKey, Lineage
from fints_pipeline.evaluation import artefacts
from fints_pipeline.evaluation.explained import (
    Explanations,
    explanations_key,
    write_explanations,
)
from fints_pipeline.evaluation.report import explorer
from fints_pipeline.evaluation.report.explorer import NOTABLE
from fints_pipeline.evaluation.report.render import SECTIONS
from fints_pipeline.evaluation.report.tones import tone
from fints_pipeline.schemas.explanations import TABLES
from fints_pipeline.walkforward.folds import CrossValidation
from fints_pipeline_tests.browser import WIDTHS, Browser
from fints_pipeline_tests.evaluation.reports import CHARTS, REPORT, arguments, parsed, with_rules
from fints_pipeline_tests.evaluation.world import EXPERIMENT, World


def explanations(passed: bool = True) -> Explanations:
    """Two methods, a family and a lag chart, and two token values."""
    named = [("feature", "log_return", 0.4), ("feature", "range", -0.1)]
    named += [("lag", str(n), 0.3 / (n + 1)) for n in range(6)]
    importances = [
        ("classifier", "all", method, group, name, value, value - 0.05, value + 0.05, "log odds",
         50, method == "attention")
        for method, rows in (("integrated_gradients", named), ("attention", named[2:]))
        for group, name, value in rows
    ]  # fmt: skip
    attribution = [
        ("classifier", "factorised", field, value, 9, 12, 5, 4, net, net / 2, 0.1, 0.2, -50.0, 50.0,
         0.01, 0.02)
        for field, value, net in (("bar", "bull_trend", 400.0), ("entry", "H2", -300.0))
    ]  # fmt: skip
    check = ("classifier", "2023-02-06", "integrated_gradients", "tokens", 50, 32, 1e-4, 1e-3)
    parts = {
        "importances": importances, "attribution": attribution,
        "completeness": [(*check, True) if passed else (*check[:-2], 0.5, 1e-3, False)],
        "attention": [("classifier", "2023-02-06", "tokens", "1", "mean", 0, 0, 1.0)],
    }  # fmt: skip
    frames = {
        name: pd.DataFrame(rows, columns=TABLES[name].arrow_schema.names)
        for name, rows in parts.items()
    }
    not_told = {"patchtst": {"attention": "it was not asked for"}}
    return Explanations(**frames, not_told=not_told, null_level=0.975)


def explained(world: World, backtest_digest: str, passed: bool = True) -> Path:
    """Publish explanations of a backtest, and the report again."""
    inputs = {str(BundleKey.of("backtests", experiment=EXPERIMENT)): backtest_digest}
    world.lake.write_bundle(
        explanations_key(EXPERIMENT),
        lambda folder: write_explanations(folder, explanations(passed)),
        Lineage("test", "made-up", inputs),
    )
    config = backtest.load_backtest(world.locations.backtest_config(EXPERIMENT))
    backtest.write_report(world.locations, config)
    return world.lake.open_bundle(REPORT)


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> tuple[World, Path]:
    """A report with explanations, one of which does not add up."""
    world = World(tmp_path_factory.mktemp("explained"))
    assert backtest.main(arguments(world)) == 0
    digest = world.lake.bundle_manifest(BundleKey.of("backtests", experiment=EXPERIMENT)).digest
    return world, explained(world, digest, passed=False)


def test_explanations_are_shown_with_what_is_wrong_and_what_is_missing(told):
    _, folder = told
    text = " ".join(" ".join(parsed(folder).text).split())
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    for page in (text, markdown):
        for words_ in ("DOES NOT ADD UP", "bull_trend", "Integrated gradients",
                       "it was not asked for", "log odds"):  # fmt: skip
            assert words_ in page, words_
    assert "a diagnostic and no explanation" in text
    assert "The whiskers hold 97.5 % of" in text
    for page in (text, " ".join(markdown.split())):
        assert "By chance, 97.5 %" in page
    assert "by chance, 97.5" in (folder / "report.html").read_text(encoding="utf-8")
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert len(content["explanations"]["attribution"]) == 2
    assert content["not_explained"] == {"patchtst, Attention": "it was not asked for"}


def test_without_explanations_the_report_says_so(folder: Path):
    for name in ("report.html", "report.md"):
        assert "no explanations of this backtest" in (folder / name).read_text(encoding="utf-8")
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert content["explanations"] is None


def test_explanations_of_another_backtest_are_not_shown(tmp_path: Path):
    world = World(tmp_path)
    assert backtest.main(arguments(world)) == 0
    page = explained(world, "another") / "report.md"
    assert "no explanations of this backtest" in page.read_text(encoding="utf-8")


def test_the_explorer_holds_the_bars_fills_and_trades(world: World, folder: Path):
    page = (folder / "report.html").read_text(encoding="utf-8")
    found = re.search(r'id="explorer-data">(.*?)</script>', page, re.DOTALL)
    content = json.loads(found[1])
    made = artefacts.read(world.lake.open_bundle(BundleKey.of("backtests", experiment=EXPERIMENT)))
    own = made.fills[made.fills["model"] == "classifier"]
    pages = [part for one in content["instruments"] for part in one["pages"]]
    assert sum(len(part["fills"]) for part in pages) == len(own)
    first = pd.Timestamp(world.folds[0].test.first)
    last = pd.Timestamp(world.folds[-1].test.last)
    for one in content["instruments"]:
        bars = world.bars[one["name"]]
        bars = bars[(bars["session"] >= first) & (bars["session"] <= last)]
        closes = [value for part in one["pages"] for value in part["c"]]
        assert closes == pytest.approx(bars["close"].tolist(), rel=1e-6)
        minutes = np.concatenate([np.cumsum(part["t"]) for part in one["pages"]])
        assert (np.diff(minutes) > 0).all()
    trades = made.trades[made.trades["model"] == "classifier"]
    begun = [trade for part in pages for trade in part["trades"] if trade["entry"] is not None]
    assert sum(trade["net"] for trade in begun) == pytest.approx(trades["net"].sum(), rel=1e-4)
    assert len(content["notable"]) == 2 * NOTABLE


def test_too_many_bars_keep_the_days_that_matter(world: World):
    bars = world.bars["made.UP"]
    pages = explorer._cut(bars)
    assert {page["session"].nunique() for page in pages} == {5}
    notable = pd.DataFrame({"entry_time": [bars["open_time"].iloc[3]]})
    kept = explorer._chosen(pages, notable, 3 * len(pages[0]))
    places = [next(n for n, page in enumerate(pages) if page is one) for one in kept]
    assert places == [0, len(pages) - 2, len(pages) - 1]


@pytest.mark.parametrize(
    ("value", "points"),
    [("na", None), ("none", None), ("up", 1), ("bear_rev", -1), ("H2", 1), ("L1", -1),
     ("up_try", 1), ("up_fail", -1), ("dn_fail", 1), ("gap_dn", -1), ("doji", 0), ("multi", 0)],
)  # fmt: skip
def test_tones_of_tokens(value: str, points: int | None):
    assert tone(value) == points


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_explanations_are_drawn(told, browser: Browser, width: int):
    _, folder = told
    seen = browser.look(folder / "report.html", width)
    seen.require_whole(CHARTS | {"importance-0", "importance-1", "importance-2", "attribution"})


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> Path:
    """A report of a cross-validation with quantiles and impact, which has all charts."""
    scheme = CrossValidation(
        kind="combinatorial", groups=4, test_groups=2, sessions=16, validation=4
    )
    world = World(tmp_path_factory.mktemp("everything"), scheme=scheme, quantiles=True, skill=0.3)
    with_rules(world)
    assert backtest.main(arguments(world)) == 0
    return world.lake.open_bundle(REPORT)


def test_a_cross_validation_shows_its_splits_and_paths(everything: Path):
    text = " ".join(" ".join(parsed(everything).text).split())
    assert "split 6 2023-02-15 + 2023-03-09 · · path 3 path 3" in text
    markdown = (everything / "report.md").read_text(encoding="utf-8")
    assert "| split 6 | 2023-02-15 + 2023-03-09 | · | · | path 3 | path 3 |" in markdown
    content = json.loads((everything / "report.json").read_text(encoding="utf-8"))
    assert len(content["path_groups"]) == 3 * 4
    assert {row["span"] for row in content["fold_table"]} == {
        "train", "validation", "test", "embargo"
    }  # fmt: skip


def test_quantiles_and_capacity_are_told_in_numbers(everything: Path):
    content = json.loads((everything / "report.json").read_text(encoding="utf-8"))
    rows = content["models"]["patchtst"]["reliability"]["histogram"]
    assert sum(row["observed"] for row in rows) == pytest.approx(1)
    text = " ".join(" ".join(parsed(everything).text).split())
    assert "return at or below the quantile" in text
    assert "Capital, USD" in text


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_every_chart_that_there_can_be_is_drawn(everything: Path, browser: Browser, width: int):
    seen = browser.look(everything / "report.html", width)
    seen.require_whole(CHARTS | {"histogram", "capacity"})


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_whole_in_a_browser(folder: Path, browser: Browser, width: int, scheme: str):
    seen = browser.look(folder / "report.html", width, scheme)
    seen.require_whole(CHARTS)
    assert seen.sections == list(SECTIONS)


@pytest.mark.browser
def test_a_day_and_a_trade_can_be_chosen(folder: Path, browser: Browser):
    page, seen = browser.open(folder / "report.html", 1280)
    x_range = "document.getElementById('candles').layout.xaxis.range.map(Number)"
    days = page.locator("[data-part=page] option").count()
    assert days > 1
    latest = page.locator("[data-part=page]").input_value()
    assert int(latest) == days - 1
    page.click("[data-part=before]")
    assert int(page.locator("[data-part=page]").input_value()) == days - 2
    whole = page.evaluate(x_range)
    page.select_option("[data-part=notable]", index=1)
    assert page.locator("[data-part=trades] tr.chosen").count() == 1
    best = page.locator("#trades > .scroll tbody tr").first.inner_text().split()
    chosen = page.locator("[data-part=trades] tr.chosen").inner_text().split()
    assert chosen[:2] == best[2:4]
    near = page.evaluate(x_range)
    assert near[1] - near[0] < whole[1] - whole[0]
    page.select_option("[data-part=instrument]", index=1)
    assert page.locator("[data-part=trades] tr.chosen").count() == 0
    assert seen.errors == []
    page.close()
