"""Wall time and peak memory of each job of the pipeline, through Dagster, on real archives.

    FINTS_BENCH_DATA=folder FINTS_BENCH_EXPERIMENT=btcusdt_5m python -m benchmarks stages

Runs in a fresh lake and Dagster home below FINTS_BENCH_FOLDER (default: a temporary folder, removed
afterwards). Peak memory is the process's largest resident set during the job (Linux; elsewhere 0).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fints_pipeline import pipeline
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.locations import Locations

ROOT = Path(__file__).resolve().parent.parent
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_mebibytes() -> float:
    """Return the largest resident set since the last `forget_peak`."""
    if not STATUS.exists():
        return 0.0
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    """Let the peak start again from the present size."""
    if CLEAR.exists():
        CLEAR.write_text("5")


class Measured(pipeline.Progress):
    """Prints each step, and adds up time and memory by job."""

    def __init__(self) -> None:
        self.runs: dict[str, int] = defaultdict(int)
        self.seconds: dict[str, float] = defaultdict(float)
        self.peak: dict[str, float] = defaultdict(float)

    def step(self, job: str, what: str, run: Callable[..., None], *arguments: object) -> None:
        """Run one step and account for it."""
        forget_peak()
        started = time.perf_counter()
        super().step(job, what, run, *arguments)
        self.runs[job] += 1
        self.seconds[job] += time.perf_counter() - started
        self.peak[job] = max(self.peak[job], peak_mebibytes())

    def table(self) -> Table:
        """Return a row a job."""
        table = Table("job", "runs", "wall s", "s a run", "peak MiB", title="jobs")
        for job, runs in self.runs.items():
            cells = (runs, self.seconds[job], self.seconds[job] / runs, self.peak[job])
            table.add_row(job, *(f"{cell:.0f}" if cell >= 100 else f"{cell:.2g}" for cell in cells))
        return table


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield the folder to work in."""
    if named := os.environ.get("FINTS_BENCH_FOLDER"):
        Path(named).mkdir(parents=True, exist_ok=True)
        yield Path(named)
        return
    folder = Path(tempfile.mkdtemp(prefix="fints-stages-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Run the pipeline on the named folder and print the table."""
    data, experiment = (os.environ.get(f"FINTS_BENCH_{n}") for n in ("DATA", "EXPERIMENT"))
    if not data or not experiment:
        raise ConfigError(
            "which archives, and which experiment?",
            fix="set FINTS_BENCH_DATA and FINTS_BENCH_EXPERIMENT",
        )
    with scratch() as folder:
        (folder / "dagster").mkdir(exist_ok=True)
        shutil.copy(ROOT / "dagster.yaml", folder / "dagster")
        os.environ["DAGSTER_HOME"] = str(folder / "dagster")
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'mlflow.db'}"
        locations = Locations(folder / "lake", Path(data), ROOT / "configs")
        with pipeline.opened(locations, Measured()) as (launcher, progress):
            pipeline.ingest_and_build(launcher, locations, progress)
            pipeline.train_and_test(launcher, locations, [experiment], progress)
        pipeline.summarise(locations, [experiment])
        if isinstance(progress, Measured):
            Console().print(progress.table())
