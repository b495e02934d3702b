"""The report and the command that makes it: self-contained, repeatable, honest about the data."""

import json
import re
import shutil
from pathlib import Path

import pytest

from fints_pipeline import backtest
from fints_pipeline.base import cli
from fints_pipeline.base.errors import ConfigError, KeyNotFoundError, LakeError
from fints_pipeline.base.lake import BundleKey
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.page import words
from fints_pipeline.evaluation import artefacts, trials
from fints_pipeline.evaluation.report.render import SECTIONS, month_grid
from fints_pipeline.schemas.bars import BARS
from fints_pipeline_tests.evaluation.reports import (
    BACKTEST,
    CHARTS,
    REPORT,
    arguments,
    parsed,
    with_rules,
)
from fints_pipeline_tests.evaluation.world import EXPERIMENT, LINEAGE, World


def test_every_rule_is_told_and_its_artefacts_are_there(tmp_path: Path):
    world = World(tmp_path)
    with_rules(world)
    assert backtest.main(arguments(world)) == 0
    page = re.sub(r"\s+", " ", " ".join(parsed(world.lake.open_bundle(REPORT)).text))
    for told in ("30 % of Kelly", "1 σ √(Q / V)", "longs pay 5.0 %", "stop loss 0.01"):
        assert told in page, told
    made = artefacts.read(world.lake.open_bundle(BundleKey.of("backtests", experiment=EXPERIMENT)))
    assert set(made.costs["model"]) == {"classifier", "patchtst"}
    parts = ["spread", "slippage", "impact", "fee", "borrow", "funding"]
    assert made.costs[parts].sum(axis=1).to_numpy() == pytest.approx(made.costs["cost"].to_numpy())
    assert (made.costs[["spread", "slippage", "impact", "fee"]] > 0).all(axis=None)
    assert len(made.capacity) == 2 * 11
    assert {"stop_loss", "take_profit"} <= set(made.fills["reason"])
    assert {"stop_loss", "take_profit"} <= set(made.trades["exit_reason"])
    assert made.metrics["models"]["classifier"]["capacity"]["not_told"] is None


def test_the_page_loads_nothing(folder: Path):
    for tag, attributes in parsed(folder).tags:
        # A link is followed by the reader alone; anything else would be loaded.
        for name in ("src", "data", "srcset", *(("href",) if tag != "a" else ())):
            target = attributes.get(name) or ""
            assert not re.match(r"(https?:)?//", target), (tag, target)
        assert tag not in {"iframe", "object", "embed"}
        assert tag != "link" or attributes["href"] == "data:,"
        assert tag != "script" or "src" not in attributes
        if tag == "a":
            assert re.match(r"#|http://127\.0\.0\.1:", attributes["href"] or "")
    style = (folder / "report.html").read_text(encoding="utf-8").split("</style>")[0]
    assert "@import" not in style
    assert "url(" not in style


def test_every_chart_has_its_figure(folder: Path):
    page = (folder / "report.html").read_text(encoding="utf-8")
    boxes = {a["id"] for tag, a in parsed(folder).tags if "chart" in (a.get("class") or "").split()}
    assert boxes == CHARTS
    found = re.findall(
        r'<script type="application/json" id="figure-([\w-]+)">(.*?)</script>', page, re.DOTALL
    )
    figures = {name: json.loads(text) for name, text in found}
    # The candles' figures are made from the explorer's data when a day is chosen.
    assert figures.keys() == boxes - {"candles"}
    names = [trace["name"] for trace in figures["equity"]["data"]]
    assert {"classifier, net", "classifier, gross", "classifier, costs ×2", "patchtst, net",
            "buy and hold", "shifted signals, 5–95 %"} <= set(names)  # fmt: skip


def test_synthetic_data_say_so_everywhere(folder: Path):
    assert "SYNTHETIC DATA" in " ".join(parsed(folder).text)
    assert "SYNTHETIC DATA" in (folder / "report.md").read_text(encoding="utf-8")
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert content["synthetic"] is True
    assert "Synthetic data" in content["verdict"]["sentence"]


def test_the_three_formats_agree(world: World, folder: Path):
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    text = " ".join(" ".join(parsed(folder).text).split())
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    net = words.percent(content["models"]["classifier"]["net"]["total_return"])
    for page in (text, markdown):
        assert " ".join(net.split()) in " ".join(page.split())
        for fold in world.folds:
            assert fold.key in page
    for digest in content["inputs"].values():
        assert digest in text
        assert digest in markdown
    assert set(content["inputs"]) == set(world.lake.bundle_manifest(
        BundleKey.of("backtests", experiment=EXPERIMENT)).lineage.inputs)  # fmt: skip


def test_running_again_changes_nothing_and_is_no_trial(world: World):
    backtests = BundleKey.of("backtests", experiment=EXPERIMENT)
    before = [world.lake.bundle_manifest(key).digest for key in (backtests, REPORT)]
    counted = len(trials.read(world.lake))
    assert backtest.main(arguments(world)) == 0
    assert [world.lake.bundle_manifest(key).digest for key in (backtests, REPORT)] == before
    assert len(trials.read(world.lake)) == counted == 2


def test_the_command_prints_headline_verdict_and_path(world: World, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    backtest.main(arguments(world))
    printed = capsys.readouterr().out
    page = world.lake.open_bundle(REPORT) / "report.html"
    assert f"report: {page}" in printed
    assert "SYNTHETIC DATA" in printed
    assert "No evidence of skill in classifier" in printed
    assert "buy and hold" in printed


def test_a_universe_picked_with_hindsight_is_said_in_the_verdict(project: Path, tmp_path: Path):
    world = World(tmp_path)
    config = backtest.load_backtest(world.locations.backtest_config(EXPERIMENT))
    assert backtest.with_universe_note(world.locations, config, world.symbols) == config
    own = Locations(tmp_path / "lake", tmp_path / "inbox", project / "configs")
    noted = backtest.with_universe_note(own, config, ["yahoo.AAPL", "binance.BTCUSDT"])
    assert "leave out what failed" in (noted.universe_note or "")
    assert noted.strategy_fingerprint == config.strategy_fingerprint
    given = config.model_copy(update={"universe_note": "fixed in advance"})
    assert backtest.with_universe_note(own, given, ["yahoo.AAPL"]) == given
    path = world.locations.backtest_config(EXPERIMENT)
    path.write_text(path.read_text() + "universe_note: today's members\n")
    assert backtest.main(arguments(world)) == 0
    for name in ("report.html", "report.md", "report.json"):
        text = (world.lake.open_bundle(REPORT) / name).read_text(encoding="utf-8")
        assert re.search("Survivorship warning: today(&#39;|')s members", text), name


def test_cleaning_is_told_of_bars_of_any_base_frequency(tmp_path: Path):
    world = World(tmp_path)
    assert backtest.main(arguments(world)) == 0
    notes = {"quality": json.dumps({"rules": [{"rule": "negative_price", "rows": 2}]})}
    keys = [key for key in world.lake.keys("bars") if key["instrument"] == world.symbols[0]]
    for key in keys:
        world.lake.write(key, world.lake.read(key), BARS, LINEAGE, notes=notes)
    config = backtest.load_backtest(world.locations.backtest_config(EXPERIMENT))
    backtest.write_report(world.locations, config)
    told = json.loads((world.lake.open_bundle(REPORT) / "report.json").read_text(encoding="utf-8"))
    cleaned = {one["instrument"]: one for one in told["quality"]}
    first, second = (cleaned[symbol] for symbol in world.symbols[:2])
    assert 0 < first["months"] <= len(keys)
    assert first["rules"] == {"negative_price": 2 * first["months"]}
    assert (second["months"], second["rules"]) == (0, {})
    page = (world.lake.open_bundle(REPORT) / "report.md").read_text(encoding="utf-8")
    assert f"{world.symbols[1]} | not known" in page


def test_headline_numbers_are_floats(world: World):
    config = backtest.load_backtest(world.locations.backtest_config(EXPERIMENT))
    outcome = backtest.run_backtest(world.locations, config)
    assert {"sharpe", "deflated", "null_p", "total_return"} <= outcome.metrics.keys()
    assert all(isinstance(value, float) for value in outcome.metrics.values())
    assert outcome.verdict.sentence == outcome.summary["verdict"]["sentence"]


def test_users_mistakes_end_with_2_and_no_traceback(world: World, tmp_path: Path, capsys):
    assert cli.run(backtest.main, ["--config", str(tmp_path / "backtest" / "nope.yaml")]) == 2
    assert "config file not found" in capsys.readouterr().err
    assert cli.run(backtest.main, [*arguments(world)[:2], "--lake", str(tmp_path / "empty")]) == 2
    assert "no features of made.UP, made.TOO at 30m in the lake" in capsys.readouterr().err


def test_a_config_is_named_like_its_experiment(world: World, tmp_path: Path):
    other = tmp_path / "other.yaml"
    shutil.copy(world.locations.backtest_config(EXPERIMENT), other)
    with pytest.raises(ConfigError, match="the file is named 'other'"):
        backtest.load_backtest(other)


def test_a_report_needs_a_backtest(tmp_path: Path):
    world = World(tmp_path)
    config = backtest.load_backtest(world.locations.backtest_config(EXPERIMENT))
    with pytest.raises(KeyNotFoundError, match="backtests/tiny does not exist"):
        backtest.write_report(world.locations, config)


def test_a_backtest_of_an_earlier_version_is_to_be_run_again(tmp_path: Path):
    world = World(tmp_path)
    assert backtest.main(arguments(world)) == 0
    old = tmp_path / "old"
    shutil.copytree(world.lake.open_bundle(BACKTEST), old)
    metrics = json.loads((old / "metrics.json").read_text(encoding="utf-8"))
    for model in metrics["models"].values():
        del model["reliability"]
    (old / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")

    files = [path for path in old.iterdir() if path.name != "manifest.json"]

    def copy(folder: Path) -> None:
        for path in files:
            shutil.copy(path, folder)

    world.lake.write_bundle(BACKTEST, copy, LINEAGE)
    config = backtest.load_backtest(world.locations.backtest_config(EXPERIMENT))
    with pytest.raises(LakeError, match="run the backtest again"):
        backtest.write_report(world.locations, config)


@pytest.mark.parametrize("name", ["demo", "btcusdt_5m", "eurusd_5m"])
def test_the_projects_own_configs_load(project: Path, name: str):
    config = backtest.load_backtest(project / "configs" / "backtest" / f"{name}.yaml")
    assert config.synthetic == (name == "demo")


def test_months_are_compounded_into_years():
    grid = month_grid({"2022-12": 0.1, "2023-01": -0.5, "2023-03": 1.0})
    assert [row["year"] for row in grid] == ["2022", "2023"]
    assert grid[1]["months"][:3] == [-0.5, None, 1.0]
    assert grid[1]["total"] == pytest.approx(0.0)


def test_words():
    assert words.percent(-0.0123) == "−1.23\u00a0%"
    assert words.percent(0.00001, 1) == "0.0\u00a0%"
    assert words.percent(0.5, 0, sign=False) == "50\u00a0%"
    assert words.number(-1234.567) == "−1,234.57"
    assert words.money(99.5, "USD") == "99.50\u00a0USD"
    assert words.money(-12345.6, "USD") == "−12,346\u00a0USD"
    assert words.percent(None) == words.number(None) == words.money(None, "USD") == "–"


def test_all_three_formats_have_every_section(folder: Path):
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    headings = [line[3:] for line in markdown.splitlines() if line.startswith("## ")]
    assert headings == list(SECTIONS.values())
    found = parsed(folder).tags
    assert [a["id"] for tag, a in found if tag == "section"] == list(SECTIONS)
    links = [a["href"] for tag, a in found if tag == "a"]
    assert links[: len(SECTIONS)] == [f"#{name}" for name in SECTIONS]
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert {"verdict", "curves", "models", "overfitting", "comparison", "fold_table", "costs",
            "notable_trades", "explanations", "quality", "rules", "lineage", "mlflow", "inputs",
            "config", "experiment_config", "audit"} <= content.keys()  # fmt: skip
    model = content["models"]["classifier"]
    assert {"months", "reliability", "capacity", "inference", "folds"} <= model.keys()
