"""The commands over a lake, and the playbook that shows them."""

import io
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from fints_pipeline.base import cli
from fints_pipeline.base.lake import ArrowContract, Lake, Lineage, series_key
from fints_pipeline.data.__main__ import main
from fints_pipeline.data.catalog import inventory
from fints_pipeline_tests.data.catalog.lakes import QUICK_BARS, write_bars

QUALITY = {"sessions": 3, "filled": 1, "holes": 2, "rejected": 5, "empty_sessions": ["2023-01-09"]}
BLOCK = re.compile(r"```(sh|python)\n(.*?)```", re.DOTALL)
TWEET = '{"text": ["strong"], "created_at": "Wed Jul 23 00:45:04 +0000 2014", "user_id_str": "1"}\n'


@pytest.fixture
def full(lake: Lake) -> Lake:
    for freq in ("1m", "5m", "1D"):
        quality = QUALITY if freq == "1m" else None
        write_bars(lake, "binance.BTCUSDT", freq, "2023-01", sessions=20, quality=quality)
    write_bars(lake, "binance.000001", "5m", "2023-01")
    write_bars(lake, "binance.000001", "5m", "2023-03")
    return lake


def run(*arguments: str) -> int:
    def call(given: Sequence[str] | None) -> int | None:
        return main(given)

    return cli.run(call, list(arguments))


def test_catalog_prints_one_line_a_series(full: Lake, capsys: pytest.CaptureFixture[str]):
    assert run("catalog") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("binance.")]) == 5
    assert any(line.startswith("binance.000001 5m: no 2023-02") for line in lines)
    row = next(line for line in lines if line.split()[:2] == ["binance.BTCUSDT", "1m"])
    assert row.split()[9:15] == ["3", "1", "0", "1", "2", "5"]


def test_catalog_as_json(full: Lake, capsys: pytest.CaptureFixture[str]):
    assert run("catalog", "--symbol", "000001", "--json") == 0
    (one,) = json.loads(capsys.readouterr().out)["series"]
    assert (one["symbol"], one["missing_months"], one["rows"]) == ("000001", ["2023-02"], 24)


def test_names_that_do_not_exist_exit_with_two(full: Lake, capsys: pytest.CaptureFixture[str]):
    for arguments in (
        ("catalog", "--symbol", "BTCUSD"),
        ("catalog", "--table", "bar", "--freq", "5m"),
        ("sql", "SELECT * FROM bars_5"),
        ("exogenous", "vxi", "x.csv"),
        ("exogenous", "vix", "x.csv"),
        ("news", "stocknet", "nothing.tar"),
    ):
        assert run(*arguments) == 2, arguments
        assert capsys.readouterr().err.startswith("error: ")


def test_an_empty_lake_is_no_error(lake: Lake, capsys: pytest.CaptureFixture[str]):
    assert run("catalog") == 0
    assert "nothing yet" in capsys.readouterr().out
    assert (run("verify"), run("gc"), run("migrate")) == (0, 0, 0)


def test_sql_prints_all_its_forms(full: Lake, capfdbinary: pytest.CaptureFixture[bytes]):
    query = "SELECT symbol, count(*) AS n FROM bars_5m WHERE symbol = ? GROUP BY symbol"
    assert run("sql", query, "--value", "000001") == 0
    assert capfdbinary.readouterr().out.decode().splitlines()[1].split() == ["000001", "24"]
    assert run("sql", query, "--value", "000001", "--json") == 0
    assert json.loads(capfdbinary.readouterr().out) == {"symbol": "000001", "n": 24}
    assert run("sql", query, "--value", "000001", "--csv") == 0
    frame = pd.read_csv(io.BytesIO(capfdbinary.readouterr().out), dtype=str)
    assert frame.to_dict("records") == [{"symbol": "000001", "n": "24"}]


def test_verify_exits_with_one_and_says_what_to_do(full: Lake, capsys: pytest.CaptureFixture[str]):
    assert run("verify") == 0
    key = series_key("bars", "5m", "binance.000001", "2023-03")
    lineage = Lineage("1", "", {"bars/1m/binance.000001/2023-03": "0" * 32})
    full.write(key, full.read(key), QUICK_BARS, lineage)
    assert run("verify") == 1
    out = capsys.readouterr().out
    assert f"stale: {key}: bars/1m/binance.000001/2023-03 is gone" in out
    assert "1 stale" in out


def test_gc_removes_nothing_unless_told_to(full: Lake, capsys: pytest.CaptureFixture[str]):
    stray = full.root / "staging" / ("c" * 64)
    stray.mkdir(parents=True)
    assert run("gc") == 0
    assert "0 can go" in capsys.readouterr().out  # too young
    assert run("gc", "--min-age", "0") == 0
    assert "1 can go" in capsys.readouterr().out
    assert stray.exists()
    assert run("gc", "--apply", "--min-age", "0") == 0
    assert not stray.exists()


def test_migrate_lists_then_applies(full: Lake, capsys: pytest.CaptureFixture[str]):
    key = series_key("bars", "5m", "binance.000001", "2023-03")
    rows = full.read(key)
    turned = rows.select(rows.column_names[::-1])
    full.write(key, turned, ArrowContract("bars", turned.schema), Lineage("0", "", {}))
    assert run("catalog") == 0
    assert "older schema in 2023-03" in capsys.readouterr().out
    assert run("migrate") == 1
    assert run("migrate", "--apply") == 0
    assert run("migrate") == 0
    lost = rows.drop_columns(["close"])
    full.write(key, lost, ArrowContract("bars", lost.schema), Lineage("0", "", {}))
    assert run("migrate", "--apply") == 1
    assert "rebuild: dagster job execute" in capsys.readouterr().out


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def test_every_command_of_the_playbook_runs(
    full: Lake,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vix-daily.csv").write_text(
        "DATE,OPEN,HIGH,LOW,CLOSE\n2023-01-03,22,23,22,22.9\n", encoding="utf-8"
    )
    (tmp_path / "tweets" / "AAPL").mkdir(parents=True)
    (tmp_path / "tweets" / "AAPL" / "2014-07-23").write_text(TWEET)
    ran = 0
    for language, code in blocks(project / "docs" / "playbooks" / "catalogue.md"):
        if language == "python":
            values: dict[str, object] = {}
            exec(code, values)
            assert values["bars"].num_rows == 44
            assert len(values["frame"]) == 15
            continue
        for line in code.strip().splitlines():
            words = shlex.split(line)
            assert words[:3] == ["python", "-m", "fints_pipeline.data"]
            assert run(*words[3:]) == 0, line
            ran += 1
    assert ran >= 14
    assert "vix" in capfd.readouterr().out


def test_catalog_walks_the_lake_once(
    full: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    walks = []
    walk = inventory._files
    monkeypatch.setattr(inventory, "_files", lambda lake: walks.append(lake) or walk(lake))
    assert run("catalog") == 0
    assert len(walks) == 1
    assert "4 series" in capsys.readouterr().out
