"""Zips of minute bars into validated 1m, 5m, 30m and 1D bars, against plain pandas and DuckDB.

`ours` verifies, unpacks and parses HistData's zips, keeps every raw row, cleans, fills, resamples,
validates and writes with digests and fsync. `pandas` is the script that one would write instead,
and checks nothing. `duckdb` is SQL on CSV files that were extracted beforehand, and checks nothing
either. Each runs in a process of its own, the best of `ROUNDS`; imports, and compiled kernels
loaded from their cache, are not counted; memory is the process's peak. Goals: ours ≥ 3 × pandas,
≥ 0.8 × duckdb, memory flat in the number of files.
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

from benchmarks import _ingest_peers
from fints_pipeline.base.errors import KeyNotFoundError

ROUNDS = 2
Work = Callable[[Path, Path], None]
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


def measure(work: Work, source: Path) -> tuple[float, float]:
    """Return seconds and peak memory in MB of ``work`` in a fresh process."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_timed, args=(work, source, results))
    process.start()
    seconds, peak = results.get()
    process.join()
    return float(seconds), float(peak)


def _timed(
    work: Work,
    source: Path,
    results: "multiprocessing.Queue[tuple[float, float]]",
) -> None:
    _import(work)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        started = time.perf_counter()
        work(source, Path(folder) / "out")
        seconds = time.perf_counter() - started
    results.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def _import(work: Work) -> None:
    """Load what ``work`` will import, so that its time is not counted."""
    modules = {
        "run_ours": ["fints_pipeline.data.building", "fints_pipeline.data.staging",
                     "fints_pipeline.data.partition", "fints_pipeline.schemas.bars"],
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
        best: dict[str, tuple[float, float]] = {}
        for _ in range(ROUNDS):
            for name, work, source in contenders:
                measured = measure(work, source)
                best[name] = min(best.get(name, measured), measured)
        for name, (seconds, peak) in best.items():
            ratio = seconds / best["ours"][0]
            print(f"  {name:8} {seconds:7.2f} s   ours is {ratio:5.2f} ×   peak {peak:6.0f} MB")
        alone = measure(run_ours, one)[1]
        print(
            f"  ours with 1 file: peak {alone:.0f} MB; with {len(found)}: {best['ours'][1]:.0f} MB"
        )
