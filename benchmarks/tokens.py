"""Bars a second of the ten-field grammar, against TA-Lib's candles and the plain twin.

SPY, BTCUSDT and four HistData symbols, one-minute bars, one core, one run. `kernel` is the compiled
pass over arrays, `encode` the whole call on a frame. TA-Lib's 10 and 61 candle functions run on the
same arrays in the environment that `make peers` makes. The twin is the slow, obvious implementation
of the tests. Streaming is one bar at a time from Python: `update_row` takes plain numbers, `update`
a mapping. Best of three everywhere.

Goals: 4 M bars/s for the kernel, 2 µs a bar streaming.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd

from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer, kernel
from fints_pipeline.tokenizers.brooks.tokenizer import SessionMode

PROJECT = Path(__file__).resolve().parent.parent
PEER = PROJECT / ".venv-peers" / "bin" / "python"
PRICES = ["open", "high", "low", "close"]
STREAMED, TWIN = 50_000, 3_000
HISTDATA = {"EURUSD": 1e-5, "AUDUSD": 1e-5, "USDJPY": 1e-3, "SPXUSD": 1e-3}


def markets(folder: Path) -> Iterator[tuple[str, pd.DataFrame, float, SessionMode]]:
    """Yield name, bars with a session, tick and session mode of what is there; say what is not."""
    for name, path, load in _sources(folder):
        if not path.exists():
            print(f"  {name}: no data at {path}")
            continue
        yield name, *load(path)


Loader = Callable[[Path], tuple[pd.DataFrame, float, SessionMode]]


def _sources(folder: Path) -> Iterator[tuple[str, Path, Loader]]:
    yield "SPY", folder / "equity_1m" / "SPY_1m.parquet", _spy
    yield "BTCUSDT", folder / "binance", _binance
    for symbol, tick in HISTDATA.items():
        path = folder / "histdata" / f"HISTDATA_COM_ASCII_{symbol}_M12018.zip"
        yield symbol, path, partial(_histdata, tick=tick)


def _spy(path: Path) -> tuple[pd.DataFrame, float, SessionMode]:
    bars = pd.read_parquet(path)
    clock = bars["timestamp"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    return bars[PRICES].assign(session=clock.dt.normalize()), 0.01, "reset"


def _binance(path: Path) -> tuple[pd.DataFrame, float, SessionMode]:
    months = sorted(path.glob("BTCUSDT-1m-*.zip"))
    bars = pd.concat(
        pd.read_csv(month, header=None, usecols=range(5), names=["time", *PRICES])
        for month in months
    )
    return bars.assign(session=bars.pop("time") // 86_400_000), 0.01, "continuous"


def _histdata(path: Path, tick: float) -> tuple[pd.DataFrame, float, SessionMode]:
    with ZipFile(path) as archive:
        member = next(name for name in archive.namelist() if name.endswith(".csv"))
        with archive.open(member) as stream:
            bars = pd.read_csv(stream, sep=";", header=None, names=["time", *PRICES, "volume"])
    clock = pd.to_datetime(bars["time"], format="%Y%m%d %H%M%S") + pd.Timedelta(hours=7)
    return bars[PRICES].assign(session=clock.dt.normalize()), tick, "continuous"


def best(run: Callable[[], object], times: int = 3) -> float:
    """Return the seconds of the fastest run."""
    found = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        run()
        found = min(found, time.perf_counter() - started)
    return found


def measure(bars: pd.DataFrame, tick: float, mode: SessionMode) -> dict[str, float | None]:
    """Return one market's rates: millions of bars a second, and microseconds a bar streaming."""
    n = len(bars)
    prices = tuple(np.ascontiguousarray(bars[name], dtype=float) for name in PRICES)
    days = pd.factorize(bars["session"])[0].astype(np.int64)
    filled, out = np.zeros(n, dtype=np.bool_), np.empty((n, len(FIELDS)), dtype=np.int8)
    tokenizer = BrooksTokenizer(tick, mode)
    tokenizer.encode(bars.head(100))
    tokenizer.update_row(1.0, 1.0, 1.0, 1.0, 0, False)
    parameters = tokenizer.parameters.record()
    kernel_s = best(
        lambda: kernel.batch(
            kernel.new_record(mode == "reset"), parameters, tick, prices, days, filled, out
        )
    )
    encode_s = best(lambda: BrooksTokenizer(tick, mode).encode(bars))
    rows = list(
        zip(
            *(column[:STREAMED].tolist() for column in prices),
            days[:STREAMED].tolist(),
            strict=True,
        )
    )
    mappings = [dict(zip([*PRICES, "session"], row, strict=True)) for row in rows]
    row_s = best(lambda: _stream(BrooksTokenizer(tick, mode).update_row, rows))
    map_s = best(lambda: _stream_mappings(BrooksTokenizer(tick, mode), mappings))
    return {
        "bars": n,
        "kernel": n / kernel_s / 1e6,
        "encode": n / encode_s / 1e6,
        **_talib(prices),
        "twin": _twin(bars.head(TWIN), tick, mode),
        "update_row µs": row_s / len(rows) * 1e6,
        "update µs": map_s / len(rows) * 1e6,
    }


def _stream(update_row: Callable[..., object], rows: list[tuple[float, ...]]) -> None:
    for row in rows:
        update_row(*row)


def _stream_mappings(tokenizer: BrooksTokenizer, rows: list[dict[str, float]]) -> None:
    for row in rows:
        tokenizer.update(row)


def _twin(bars: pd.DataFrame, tick: float, mode: SessionMode) -> float:
    from fints_pipeline_tests.tokenizers.reference import reference_tokens

    run = partial(reference_tokens, bars, tick, mode)
    return len(bars) / best(run, 1) / 1e6


def _talib(prices: tuple[np.ndarray, ...]) -> dict[str, float | None]:
    if not PEER.exists():
        return {"talib 10": None, "talib 61": None}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.npz"
        np.savez(path, open=prices[0], high=prices[1], low=prices[2], close=prices[3])
        script = PROJECT / "benchmarks" / "peers" / "talib_candles.py"
        done = subprocess.run([PEER, script, path], check=True, capture_output=True, text=True)
    found, n = json.loads(done.stdout), len(prices[0])
    return {"talib 10": n / found["ten"] / 1e6, "talib 61": n / found["all"] / 1e6}


def main() -> None:
    """Print one row a market."""
    folder = Path(os.environ.get("FINTS_SHARED_DATA", PROJECT.parent / "shared" / "data"))
    print(__doc__)
    if not PEER.exists():
        print("  TA-Lib: no environment of peers; `make peers` makes it")
    table = {name: measure(bars, tick, mode) for name, bars, tick, mode in markets(folder)}
    if table:
        print(pd.DataFrame(table).T.round(3).to_string())
        print("\nRates in millions of bars a second unless a column says µs.")
