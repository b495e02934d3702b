"""python -m fints_pipeline.tokenize, on loose files and on a lake."""

import json
import shutil
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from fints_pipeline import tokenize
from fints_pipeline.base import cli
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Lake, Lineage, series_key
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.tokenizers.vocabulary import UNK, Vocabulary
from fints_pipeline_tests.strategies import random_bars

NAMES = list(FIELDS)


@pytest.fixture
def run(project, capsys):
    """Return a function that runs the command: (exit status, stdout, stderr)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        config = project / "configs" / "tokenize" / "brooks.yaml"
        argv = ["--config", str(config), *map(str, arguments)]
        status = cli.run(tokenize.main, argv)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture
def bars() -> pd.DataFrame:
    return random_bars(600, seed=1, continuous=True, filled=0.0)


def loose(bars: pd.DataFrame) -> pd.DataFrame:
    return bars[["open_time", "open", "high", "low", "close"]]


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_a_loose_file(run, bars, tmp_path, suffix: str) -> None:
    source = tmp_path / f"coin.{suffix}"
    if suffix == "parquet":
        loose(bars).to_parquet(source)
    else:
        loose(bars).rename(columns=str.title).to_csv(source, index=False)
    status, out, err = run("--input", source, "--output", tmp_path / "out")
    assert (status, "600 bars of 1 instruments" in out, "coin" in err) == (0, True, True)
    got = pd.read_parquet(tmp_path / "out" / "coin.parquet")
    expected = BrooksTokenizer(tick=0.01).encode(bars)
    assert np.array_equal(got[NAMES].to_numpy(), expected)
    assert (got[NAMES].dtypes == np.int8).all()
    assert "flat_id" not in got
    assert (got["close_time"] - got["open_time"]).unique().tolist() == [pd.Timedelta("5min")]
    metadata = pq.read_schema(tmp_path / "out" / "coin.parquet").metadata
    assert metadata[b"grammar"].decode() == TokenizeConfig().grammar_hash


def test_a_folder_joins_files_of_one_instrument(run, bars, tmp_path) -> None:
    source = tmp_path / "bars"
    source.mkdir()
    named = loose(bars).assign(instrument="x.COIN")
    named.iloc[300:].to_csv(source / "a.csv", index=False)
    named.iloc[:300].to_csv(source / "b.csv", index=False)
    assert run("--input", source, "--output", tmp_path / "out", "--tick", 0.01)[0] == 0
    got = pd.read_parquet(tmp_path / "out" / "x%2ECOIN.parquet")
    assert np.array_equal(got[NAMES].to_numpy(), BrooksTokenizer(tick=0.01).encode(bars))


def test_a_vocabulary_is_fitted_up_to_a_date_and_applied_later(run, bars, tmp_path) -> None:
    source, out = tmp_path / "coin.csv", tmp_path / "out"
    loose(bars).to_csv(source, index=False)
    until = bars["close_time"].iloc[399]
    status, text, _ = run("--input", source, "--output", out, "--fit-until", until.isoformat())
    assert status == 0
    assert "vocabulary of" in text
    vocabulary = Vocabulary.load(out)
    tokens = BrooksTokenizer(tick=0.01).encode(bars)
    expected = Vocabulary.fit(tokens[:400], bars["close_time"][:400], until)
    assert vocabulary == expected
    first = pd.read_parquet(out / "coin.parquet")
    assert np.array_equal(first["flat_id"], vocabulary.encode(tokens))
    assert (first["flat_id"] != UNK).any()
    later = tmp_path / "later"
    status, _, _ = run("--input", source, "--output", later, "--vocabulary", out)
    assert status == 0
    pd.testing.assert_frame_equal(pd.read_parquet(later / "coin.parquet"), first)


@pytest.fixture
def filled_lake(lake: Lake) -> tuple[Lake, pd.DataFrame]:
    bars = random_bars(900, seed=3, sessions=30, instrument="synthetic.EDGE")
    months = bars["session"].dt.strftime("%Y-%m")
    for month, rows in bars.groupby(months):
        key = series_key("bars", "5m", "synthetic.EDGE", str(month))
        lake.write(key, to_arrow(rows, BARS.arrow_schema), BARS, Lineage("1", "test"))
    return lake, bars


def test_a_lake_is_tokenized_in_place(run, filled_lake) -> None:
    lake, bars = filled_lake
    status, out, err = run("--input", lake.root)
    assert status == 0
    assert "900 bars of 1 instruments" in out
    months = lake.months("tokens", "5m", "synthetic.EDGE")
    assert len(months) > 1
    assert all(month in err for month in months)
    rows = lake.read_range("tokens", "5m", "synthetic.EDGE", months[0], months[-1])
    expected = BrooksTokenizer(tick=0.01, session_mode="reset").encode(bars)
    assert np.array_equal(to_pandas(rows)[NAMES].to_numpy(), expected)


def test_flat_ids_of_a_lake_go_to_a_folder(run, filled_lake, tmp_path) -> None:
    lake, bars = filled_lake
    status, _, err = run("--input", lake.root, "--fit-until", "2024-02-01")
    assert (status, "--output" in err) == (2, True)
    out = tmp_path / "flat"
    assert run("--input", lake.root, "--output", out, "--fit-until", "2024-02-01")[0] == 0
    got = pd.read_parquet(out / "synthetic%2EEDGE.parquet")
    assert len(got) == len(bars)
    assert got["flat_id"].dtype == np.int64
    assert lake.months("tokens", "5m", "synthetic.EDGE")


@pytest.fixture
def archives(tmp_path) -> Path:
    """Two days of made-up klines in Binance's layout, and a broken zip beside them."""
    n = 2 * 1440
    rng = np.random.default_rng(0)
    close = 20_000 + np.cumsum(rng.integers(-300, 301, n)) / 100
    opened = np.concatenate([[20_000.0], close[:-1]])
    start = pd.Timestamp("2023-01-01", tz="UTC").value // 10**6 + 60_000 * np.arange(n)
    rows = zip(start, opened, np.maximum(opened, close) + 1, np.minimum(opened, close) - 1, close,
               strict=True)  # fmt: skip
    lines = [
        f"{t},{o:.2f},{h:.2f},{low:.2f},{c:.2f},1.0,{t + 59_999},20000.0,5,0.5,10000.0,0"
        for t, o, h, low, c in rows
    ]
    folder = tmp_path / "archives"
    folder.mkdir()
    with ZipFile(folder / "BTCUSDT-1m-2023-01.zip", "w") as archive:
        archive.writestr("BTCUSDT-1m-2023-01.csv", "\n".join(lines) + "\n")
    (folder / "ETHUSDT-1m-2023-01.zip").write_bytes(b"PK\x03\x04 and then nothing")
    return folder


@pytest.mark.parametrize("kind", ["parquet", "arrow", "safetensors"])
def test_a_folder_of_raw_archives(run, archives, tmp_path, kind: str) -> None:
    out = tmp_path / "out"
    status, text, err = run(
        "--input", archives, "--output", out, "--format", kind, "--fit-until", "2023-01-02"
    )
    assert status == 0, err
    assert "left out: " in err
    assert "ETHUSDT-1m-2023-01.zip" in err
    assert "576 bars of 1 instruments" in text
    assert {file.name for file in out.iterdir()} == {
        f"binance%2EBTCUSDT.{kind}", "vocabulary.json"
    }  # fmt: skip
    if kind == "safetensors":
        tensors = load_file(out / "binance%2EBTCUSDT.safetensors")
        assert tensors["factorised"].shape == (576, 10)
        assert tensors["bar_time"][[0, -1]].tolist() == [-1, -1]
    assert not list(archives.glob("*staging*"))


def test_a_report_of_loose_files(run, bars, tmp_path) -> None:
    loose(bars).to_csv(tmp_path / "coin.csv", index=False)
    status, text, _ = run(
        "--input", tmp_path / "coin.csv", "--output", tmp_path / "out", "--report", tmp_path / "r"
    )
    assert (status, f"report: {tmp_path / 'r' / 'tokens.html'}" in text) == (0, True)
    content = json.loads((tmp_path / "r" / "tokens.json").read_text())
    assert (content["instruments"], content["bars"]) == (["coin"], 600)


def test_archives_are_held_to_the_projects_limits(
    run, archives, tmp_path, project, monkeypatch
) -> None:
    shutil.copytree(project / "configs", tmp_path / "configs")
    (tmp_path / "configs" / "limits.yaml").write_text("total_bytes: 1000\n")
    monkeypatch.setenv("FINTS_CONFIGS", str(tmp_path / "configs"))
    status, _, err = run("--input", archives, "--output", tmp_path / "out")
    assert status == 2
    assert "left out: BTCUSDT-1m-2023-01.zip: the archive claims" in err
    assert "more than the limit of 1000" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "nowhere", "--output", "out"], "no such file"),
        (["--input", "nowhere"], "no such file"),
        (["--input", "{empty}", "--output", "out"], "no bar files"),
        (["--input", "{empty}"], "--output is missing"),
        (["--input", "{wrong}", "--output", "out"], "low, close, a time"),
        (["--input", "{coin}", "--output", "out", "--calendar", "XNYZ"], "XNYS"),
        (["--input", "{coin}", "--output", "out", "--instrument", "coyn"], "coin"),
        (["--input", "{coin}", "--output", "out", "--vocabulary", "none.json"], "no vocabulary"),
        (["--input", "{coin}", "--output", "out", "--tick", "-1"], "positive"),
    ],
)
def test_mistakes_are_explained(run, bars, tmp_path, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"empty": tmp_path / "empty", "wrong": tmp_path / "wrong.csv"}
    places["coin"] = tmp_path / "coin.csv"
    places["empty"].mkdir()
    places["wrong"].write_text("open,high\n1,2\n")
    loose(bars).to_csv(places["coin"], index=False)
    status, _, err = run(*(argument.format(**places) for argument in arguments))
    assert status == 2
    assert err.count("\n") < 8
    assert message in err
    assert "Traceback" not in err
