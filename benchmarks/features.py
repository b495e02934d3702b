"""Rows a second of the configured features against the same columns in plain pandas.

The `features:` section of configs/data/binance.yaml on half a million made bars, and on as many as
a month has minutes: processor time of one thread, best of runs that take turns; both sides' columns
are compared before anything is timed. Then the time of every family there is, with its defaults,
and of one bar at a time. Peak memory is that of a process of its own above what it held before the
run (Linux only).
"""

import multiprocessing
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._pandas_features import plain_features
from fints_pipeline import features
from fints_pipeline.base.components import available, load_component
from fints_pipeline.base.config import load_config
from fints_pipeline.features import Feature, FeaturesConfig, FeatureStream
from fints_pipeline.features.bars import Bars

CONFIG = Path(__file__).parents[1] / "configs" / "data" / "binance.yaml"
PACKAGE = "fints_pipeline.features"
ROWS = 500_000
MONTH = 31 * 24 * 60
STREAMED = 2_000
RUNS = 5
GOAL = 5.0


def made_bars(rows: int) -> pd.DataFrame:
    """Return a random walk round the clock, in the columns of BarsSchema."""
    rng = np.random.default_rng(0)
    close = 30_000 * np.exp(np.cumsum(rng.normal(0, 1e-3, rows)))
    open_ = np.r_[30_000.0, close[:-1]] * np.exp(rng.normal(0, 1e-5, rows))
    reach = np.exp(np.abs(rng.normal(0, 5e-4, (2, rows))))
    step = np.arange(rows) * np.timedelta64(5, "m")
    open_time = pd.Series(pd.DatetimeIndex(np.datetime64("2020-01-01", "us") + step, tz="UTC"))
    day = open_time.dt.normalize()
    return pd.DataFrame(
        {
            "instrument": "made.WALK",
            "open_time": open_time,
            "close_time": open_time + pd.Timedelta("5m"),
            "session": day.dt.tz_localize(None),
            "session_open": day,
            "session_close": day + pd.Timedelta("1D"),
            "open": open_,
            "high": np.maximum(open_, close) * reach[0],
            "low": np.minimum(open_, close) / reach[1],
            "close": close,
            "volume": rng.gamma(2.0, 50.0, rows),
            "split_factor": 1.0,
            "is_filled": False,
            "is_partial": False,
        }
    )


SIDES: Mapping[str, Callable[[FeaturesConfig, pd.DataFrame], pd.DataFrame]] = {
    "fints_pipeline": features.run,
    "pandas": plain_features,
}


def seconds(of: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.process_time()
    of()
    return time.process_time() - start


def peak_mebibytes(side: str, config: FeaturesConfig, rows: int) -> str:
    """Return the largest resident memory of one side's run, in a process of its own."""
    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return f"{pool.apply(_peak, (side, config, rows)):.0f} MiB"
    except OSError:
        return "not measured"


def _peak(side: str, config: FeaturesConfig, rows: int) -> float:
    bars = made_bars(rows)
    SIDES[side](config, bars.iloc[:1_000])
    # 5 resets the peak to what is resident now.
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    SIDES[side](config, bars)
    return _resident("VmHWM") - before


def _resident(field: str) -> float:
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"/proc/self/status has no {field}")
    return int(found[1]) / 1024


def compare(config: FeaturesConfig, bars: pd.DataFrame) -> None:
    """Print both sides' rows a second and memory, and their ratio."""
    columns = list(config.columns)
    own, peer = (run(config, bars)[columns].to_numpy() for run in SIDES.values())
    np.testing.assert_allclose(own, peer, rtol=1e-4, atol=1e-6)
    taken: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(RUNS * ROWS // len(bars)):
        for side, run in SIDES.items():
            taken[side].append(seconds(lambda: run(config, bars)))  # noqa: B023
    print(f"{len(bars):,} rows, {len(config.features)} lines, {len(columns)} columns")
    for side, times in taken.items():
        best, memory = min(times), peak_mebibytes(side, config, len(bars))
        print(f"  {side:16} {len(bars) / best:12,.0f} rows/s  {best:6.3f} s  peak {memory}")
    fastest = {side: min(times) for side, times in taken.items()}
    print(f"  ratio {fastest['pandas'] / fastest['fints_pipeline']:.1f} (goal {GOAL:.0f})")


def families(bars: pd.DataFrame) -> None:
    """Print the time of every family by itself."""
    print("every family with its defaults, nanoseconds a row, what others share included:")
    for name in available(PACKAGE, Feature):  # type: ignore[type-abstract]
        feature = load_component(PACKAGE, Feature, {"name": name})  # type: ignore[type-abstract]
        if feature.sources:
            continue
        feature.compute(Bars(bars.iloc[:5_000]))
        took = min(seconds(lambda: feature.compute(Bars(bars))) for _ in range(2))  # noqa: B023
        print(f"  {name:28} {took / len(bars) * 1e9:8.1f}")


def streaming(config: FeaturesConfig, bars: pd.DataFrame) -> None:
    """Print the time of one bar at a time."""
    stream = FeatureStream(config)
    stream.warm_up(bars.iloc[: config.lookback + 1])
    rows = bars.iloc[config.lookback + 1 :].head(STREAMED).to_dict("records")
    took = seconds(lambda: [stream.update(row) for row in rows])  # type: ignore[arg-type]
    print(f"one bar at a time: {took / len(rows) * 1e6:.0f} µs a bar")


def main() -> None:
    """Print the comparison, the families and the stream."""
    print(__doc__)
    config = load_config(CONFIG, FeaturesConfig, section="features")
    bars = made_bars(ROWS)
    for rows in (ROWS, MONTH):
        compare(config, bars.iloc[:rows].reset_index(drop=True))
    families(bars)
    streaming(config, bars)
