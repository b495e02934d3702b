"""What Dagster costs: loading the code, wall and memory a partition beyond the stages' own work.

A made-up symbol with daily bars is backfilled month by month into a fresh lake and Dagster home, in
this process: `python -m fints_pipeline.backfill`'s own way (one run for all months) and, for
comparison, one run a month. Time inside the stages' functions is taken off; what is left is shared
out over the asset-partitions that were made. Start-up and the daemon's ticks are not in it. Peak
memory is that of a fresh process each. Goals: at most 50 ms an asset-partition, flat memory.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import code_location
from fints_pipeline.base.time import months_between

if TYPE_CHECKING:
    from fints_pipeline.defs.events import Made, Verdict
    from fints_pipeline.defs.instrument import Instrument
    from fints_pipeline.defs.stages import Stage

MONTHS = 200
SIZES = (10, 100, 1000)
MONTHS_A_SYMBOL = 100


def write_daily(path: Path, months: int, seed: int) -> None:
    """Write a Yahoo-like daily CSV of a random walk over the ``months`` months up to 2025-12."""
    days = np.arange(
        np.datetime64("2026-01", "M") - months, np.datetime64("2026-01", "M"), dtype="datetime64[M]"
    )
    dates = np.arange(days[0].astype("datetime64[D]"), np.datetime64("2026-01-01"))
    dates = dates[np.is_busday(dates)]
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, len(dates))))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        stream.write("Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits\n")
        for date, price in zip(dates, close, strict=True):
            stream.write(
                f"{date},{price:.4f},{price * 1.01:.4f},{price * 0.99:.4f},{price:.4f},"
                f"{price:.4f},100000,0.0,0.0\n"
            )


class Clock:
    """Adds up the time inside the stages' functions, and counts what they made."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.made = 0

    def around(self, stage: Stage) -> Stage:
        """Return the stage with its time taken."""

        def timed(instrument: Instrument, month: str) -> Iterator[Verdict | Made]:
            started = time.perf_counter()
            for item in stage(instrument, month):
                self.seconds += time.perf_counter() - started
                yield item
                started = time.perf_counter()
            self.seconds += time.perf_counter() - started
            self.made += 1

        return timed


def measure(months: int, symbols: int, one_run: bool) -> dict[str, float]:
    """Backfill ``symbols`` × ``months`` in this process and return what it took."""
    import os

    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        (root / "dagster").mkdir()
        os.environ |= {
            "DAGSTER_HOME": str(root / "dagster"),
            "FINTS_LAKE": str(root / "lake"),
            "FINTS_INBOX": str(root / "inbox"),
            "FINTS_FIRST_MONTH": "2005-01",
        }
        from fints_pipeline.base.locations import Locations
        from fints_pipeline.definitions import build
        from fints_pipeline.defs import stages
        from fints_pipeline.defs.instrument import SERIES_ASSETS
        from fints_pipeline.defs.launch import launcher

        names = [f"BENCH{number}" for number in range(symbols)]
        for seed, name in enumerate(names):  # equal files would count as one archive
            write_daily(root / "inbox" / "yahoo" / f"{name}.csv", months, seed)
        first = str(np.datetime64("2026-01", "M") - months)
        keys = list(months_between(first, "2025-12"))
        clock = Clock()
        for asset, stage in stages.STAGES.items():
            stages.STAGES[asset] = clock.around(stage)
        with launcher(build(Locations.from_environment())) as jobs:
            jobs.ingest()
            started = time.perf_counter()
            for name in names:
                if one_run:
                    jobs.refresh(f"yahoo.{name}", keys[0], keys[-1])
                else:
                    for month in keys:
                        jobs.series(f"yahoo.{name}", month, SERIES_ASSETS)
            wall = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"made": clock.made, "wall": wall, "compute": clock.seconds, "peak": peak}


def fresh(months: int, symbols: int = 1, one_run: bool = True) -> dict[str, float]:
    """Measure in a process of its own."""
    call = f"measure({months}, {symbols}, {one_run})"
    code = f"import json; from benchmarks.orchestration import measure; print(json.dumps({call}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure and print."""
    code_location.main()
    for what, one_run in (("one run for all", True), ("one run a month", False)):
        found = fresh(MONTHS, one_run=one_run)
        beyond = (found["wall"] - found["compute"]) / found["made"] * 1000
        print(
            f"{MONTHS} months, {what}: {found['made']:.0f} asset-partitions in "
            f"{found['wall']:.1f} s, stages {found['compute']:.1f} s, beyond them "
            f"{beyond:.0f} ms each (goal 50)"
        )
    for size in SIZES:
        months = min(size, MONTHS_A_SYMBOL)
        found = fresh(months, size // months)
        print(
            f"{found['made'] / 4:.0f} partitions an asset: peak memory {found['peak']:.0f} MiB "
            "(goal flat)"
        )
