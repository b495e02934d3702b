"""Zips of minute bars into validated 1m, 5m, 30m and 1D bars, against plain pandas and DuckDB.

`ours` verifies, unpacks and parses HistData's zips, keeps every raw row, cleans, fills, resamples,
validates and writes with digests and fsync. `pandas` is the script that one would write instead,
and checks nothing. `duckdb` is SQL on CSV files that were extracted beforehand, and checks nothing
either. Each runs in a process of its own, the best of `ROUNDS`; imports, and compiled kernels
loaded from their cache, are not counted; processor time is of all threads, the system's share
included, and says more than the clock where others use the machine; memory is the process's peak.
Goals: ours ≥ 3 × pandas, ≥ 0.8 × duckdb, memory flat in the number of files.
"""

import importlib
import importlib.util
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

from benchmarks import _ingest_peers
from fints_pipeline.base.errors import KeyNotFoundError

ROUNDS = 2
Work = Callable[[Path, Path], None]
Cost = tuple[float, float, float]
"""Seconds, seconds of processor time, peak memory in MB."""
PROJECT = Path(__file__).resolve().parent.parent


def run_ours(zips: Path, target: Path) -> None:
    """Stage the zips and build every month's bars."""
    from fints_pipeline.base.config import load_config
    from fints_pipeline.base.lake import Lake
    from fints_pipeline.data.building import build_changed
    from fints_pipeline.data.config import DatasetConfig
    from fints_pipeline.data.staging import stage_inbox

    path = PROJECT / "configs" / "data" / "histdata.yaml"
    config = load_config(path, DatasetConfig, section="dataset")
    lake = Lake(target)
    report = stage_inbox(zips, lake, [config])
    built = build_changed(lake, [config], report)
    if report.quarantined or any(each.failures for each in built):
        raise SystemExit(f"ours refused {report.quarantined} {built}")


def measure(work: Work, source: Path) -> Cost:
    """Return what ``work`` costs in a fresh process."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_timed, args=(work, source, results))
    process.start()
    cost: Cost = results.get()
    process.join()
    return cost


def _timed(
    work: Work,
    source: Path,
    results: "multiprocessing.Queue[Cost]",
) -> None:
    _import(work)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        started, before = time.perf_counter(), time.process_time()
        work(source, Path(folder) / "out")
        seconds, cpu = time.perf_counter() - started, time.process_time() - before
    results.put((seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def _import(work: Work) -> None:
    """Load what ``work`` will import, so that its time is not counted."""
    modules = {
        "run_ours": ["fints_pipeline.data.building", "fints_pipeline.data.staging",
                     "fints_pipeline.data.partition", "fints_pipeline.schemas.bars",
                     "pandera.backends.pandas.builtin_checks"],
        "run_pandas": ["pandas", "pyarrow.parquet"],
        "run_duckdb": ["duckdb"],
    }  # fmt: skip
    for name in modules[work.__name__]:
        importlib.import_module(name)
    if work is run_ours:
        _load_kernels()


def _load_kernels() -> None:
    """Load the compiled rules, which are to Numba what importing a library is to DuckDB."""
    import numpy as np

    from fints_pipeline.data.bad_ticks import bad_ticks
    from fints_pipeline.data.rule_parameters import RuleParameters
    from fints_pipeline.data.volume_anomalies import volume_anomalies

    nothing, rules = np.empty(0), RuleParameters()
    bad_ticks(nothing, nothing, nothing, np.empty(0, dtype=np.bool_), rules.bad_ticks)
    volume_anomalies(nothing, np.empty(0, dtype=np.int64), rules.volume_anomalies)


def archives() -> list[Path]:
    """Return HistData's zips.

    Raises:
        KeyNotFoundError: there are none.
    """
    home = os.environ.get("FINTS_SHARED_DATA", PROJECT.parent / "shared" / "data")
    found = sorted((Path(home) / "histdata").glob("*.zip"))
    if not found:
        raise KeyNotFoundError(
            "no HistData zips to ingest",
            where=f"{home}/histdata",
            fix="set FINTS_SHARED_DATA to a folder with histdata/HISTDATA_COM_ASCII_*.zip",
        )
    return found


def main() -> None:
    """Print seconds, speed relative to ours, and peak memory; then memory by number of files."""
    print(__doc__)
    found = archives()
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as folder:
        root = Path(folder)
        zips, csvs, one = root / "zips", root / "csvs", root / "one"
        for path in (zips, csvs, one):
            path.mkdir()
        for archive in found:
            shutil.copy(archive, zips)
            with zipfile.ZipFile(archive) as opened:
                name = next(each for each in opened.namelist() if each.endswith(".csv"))
                (csvs / name).write_bytes(opened.read(name))
        shutil.copy(found[0], one)
        contenders: list[tuple[str, Work, Path]] = [
            ("ours", run_ours, zips),
            ("pandas", _ingest_peers.run_pandas, zips),
        ]
        if importlib.util.find_spec("duckdb") is None:
            print("duckdb is not installed: pip install 'fints-pipeline[sql]' brings it\n")
        else:
            contenders.append(("duckdb", _ingest_peers.run_duckdb, csvs))
        best: dict[str, Cost] = {}
        for _ in range(ROUNDS):
            for name, work, source in contenders:
                measured = measure(work, source)
                kept = zip(measured, best.get(name, measured), strict=True)
                best[name] = cast("Cost", tuple(min(pair) for pair in kept))
        ours = best["ours"]
        for name, (seconds, cpu, peak) in best.items():
            print(
                f"  {name:8} {seconds:7.2f} s, ours is {seconds / ours[0]:5.2f} ×   processor "
                f"{cpu:6.2f} s, ours is {cpu / ours[1]:5.2f} ×   peak {peak:5.0f} MB"
            )
        alone = measure(run_ours, one)[2]
        print(f"  ours with 1 file: peak {alone:.0f} MB; with {len(found)}: {ours[2]:.0f} MB")
