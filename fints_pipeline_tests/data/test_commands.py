"""The commands as a person types them."""

import sys
from pathlib import Path

import pytest
import yaml

from fints_pipeline.base import cli
from fints_pipeline.base.config import load_config
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.__main__ import commands, main
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline_tests.data.archive_builders import ARCHIVE, good_zip, klines, write, zip_bytes


def run(*arguments: str) -> int:
    return cli.run(main, list(arguments))


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    monkeypatch.setenv("FINTS_INBOX", str(folder))
    return folder


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        run(name, "--help")
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"python -m fints_pipeline.data {name}" in text
    assert len(text.splitlines()) > 10


def test_help_does_not_load_the_commands(capsys: pytest.CaptureFixture[str]):
    before = {name for name in sys.modules if ".data.commands" in name}
    with pytest.raises(SystemExit):
        run("--help")
    text = capsys.readouterr().out
    assert all(name in text for name in commands())
    assert {name for name in sys.modules if ".data.commands" in name} == before


def test_ingest_makes_bars(inbox: Path, capsys: pytest.CaptureFixture[str]):
    write(inbox / ARCHIVE, good_zip(content=klines(20)), checksum=True)
    assert run("ingest") == 0
    text = capsys.readouterr().out
    assert "[1/1] BTCUSDT-1m-2023-01.zip" in text
    assert "1 accepted, 0 unchanged, 0 quarantined" in text
    assert "binance.BTCUSDT" in text
    lake = Locations.from_environment().lake
    for frequency in ("1m", "5m"):
        assert lake.exists(series_key("bars", frequency, "binance.BTCUSDT", "2023-01"))
    assert run("ingest") == 0
    assert "0 accepted, 1 unchanged" in capsys.readouterr().out


def test_ingest_names_what_it_refuses(inbox: Path, capsys: pytest.CaptureFixture[str]):
    write(inbox / ARCHIVE, good_zip())
    write(inbox / "bad.zip", b"<html>404</html>")
    assert run("ingest", "--raw-only") == 1
    text = capsys.readouterr().out
    assert "quarantined: bad.zip: the file is called .zip but is a web page" in text
    assert "1 accepted" in text
    assert Lake(Locations.from_environment().lake_root).instruments("bars", "1m") == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ingest", "--inbox", "nowhere"], "no such folder"),
        (["ingest", "--dataset", "binnance"], "did you mean 'binance'?"),
        (["inspect", "nowhere.zip"], "cannot be opened"),
        (["inspect", "README.md"], "not an archive of a kind that is read"),
    ],
)
def test_mistakes_are_told_plainly(
    arguments: list[str], words: str, inbox: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


def test_inspect_shows_what_a_known_file_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = write(tmp_path / ARCHIVE, good_zip(content=klines(9).replace(b"\n", b"\n", 3)))
    assert run("inspect", str(path)) == 0
    text = capsys.readouterr().out
    for words in (
        "yes binance_klines", "no  histdata_m1", "data sets, series and news that take it: binance",
        "symbol: BTCUSDT; bars of 1m", "tick by the prices: 1", "0 gaps", "2023-01-01 00:00:00",
    ):  # fmt: skip
        assert words in text


def test_inspect_writes_a_config_that_ingests_the_file(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    rows = "".join(f"2024-01-02 {15 + n // 60}:{n % 60:02d};1.5;2;1;1.75\n" for n in range(120))
    content = b"Time;Open;High;Low;Last\n" + rows.encode()
    path = write(inbox / "vendor" / "SPY_bars.zip", zip_bytes({"SPY_bars.csv": content}))
    configs = tmp_path / "configs"
    monkeypatch.setenv("FINTS_CONFIGS", str(configs))
    target = configs / "data" / "vendor.yaml"
    assert run("inspect", str(path), "--write-config", str(target)) == 0
    assert "'Last' taken for close" in capsys.readouterr().out
    config = load_config(target, DatasetConfig, section="dataset")
    assert (config.format, config.has_volume, config.ticks) == ("custom", False, {"SPY": 0.25})
    assert run("inspect", str(path), "--write-config", str(target)) == 2
    assert run("ingest") == 0
    lake = Locations.from_environment().lake
    bars = lake.read(series_key("bars", "1m", "vendor.SPY", "2024-01"))
    assert bars.num_rows >= 120


def test_inspect_writes_what_it_half_understands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = write(tmp_path / "x.csv", b"when,open,high,low,close\n2024-01-02,1,2,3,4\n")
    target = tmp_path / "mine.yaml"
    assert run("inspect", str(path), "--write-config", str(target)) == 0
    assert "OPEN: no column seems to hold time" in target.read_text()
    assert yaml.safe_load(target.read_text())["dataset"]["layout"]["columns"]["open"] == "open"
    nothing = write(tmp_path / "y.csv", b"hello\n")
    assert run("inspect", str(nothing), "--write-config", str(tmp_path / "z.yaml")) == 2
    assert "too little was understood" in capsys.readouterr().err
