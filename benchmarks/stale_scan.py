"""How long it takes to tell what is stale of a lake at the recommended limit of partitions.

Footers of 80 made-up instruments × 240 months are written, of five tables each, as if everything
were current. Timed are the first look ever (every footer is read), a fresh process that finds the
index, a later look of the same process, one after a month has changed, and, for comparison, asking
the lake about every partition, on one instrument and scaled up. Then the commands that a user
waits for: the backfill's plan and the catalogue. Goals: 10 s in a fresh process, 2 s later.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fints_pipeline.base.lake import Footer, Lineage, TableKey, series_key
from fints_pipeline.base.lake.footer import FOOTER_KEY
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.time import months_between
from fints_pipeline.defs.instrument import Instrument

INSTRUMENTS, FIRST, LAST = 80, "2005-01", "2024-12"
_ROWS = pa.table({"n": [1]})


def fill(locations: Locations) -> None:
    """Write every partition's file, current by its footer."""
    months = list(months_between(FIRST, LAST))
    for number in range(INSTRUMENTS):
        name = f"synthetic.S{number:03d}"
        instrument = Instrument(locations, name)
        base = instrument.dataset.base_frequency
        for month in months:
            raw = series_key("raw_bars", base, name, month)
            _write(locations, raw, Lineage("1", "1", {f"archives/{number}": "0"}))
            before = raw
            for expected in (each for made in instrument.tables.values() for each in made):
                made_with = expected.lineage
                inputs = {str(before): _digest(before)}
                lineage = Lineage(made_with.code_version, made_with.config_fingerprint, inputs)
                key = series_key(expected.table, expected.freq, name, month)
                _write(locations, key, lineage)
                before = key if expected.table == "bars" else before


def _write(locations: Locations, key: TableKey, lineage: Lineage) -> None:
    path = locations.lake.root / str(key.folder) / "data.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    footer = Footer(_digest(key), 1, key.table, "1", lineage).to_json().encode()
    pq.write_table(_ROWS.replace_schema_metadata({FOOTER_KEY: footer}), path)


def _digest(key: TableKey) -> str:
    return f"{hash(str(key)) & (2**128 - 1):032x}"


def look() -> None:
    """Look once and once more in this process, and print both times."""
    from fints_pipeline.defs.reconcile import outdated

    locations = Locations.from_environment()
    for what in ("first look", "later look"):
        seconds, found = _timed(lambda: list(outdated(locations)))
        print(f"{what} {seconds:.1f} s ({len(found)} months stale)", end="; ", flush=True)  # type: ignore[arg-type]
    first = next(path for path in locations.lake.root.glob("bars/*/*/*/data.parquet"))
    first.unlink()
    seconds, found = _timed(lambda: list(outdated(locations)))
    print(f"after a change {seconds:.1f} s ({len(found)} months stale)")  # type: ignore[arg-type]


def ask_each() -> None:
    """Ask the lake about every partition of one instrument, and print the time of all."""
    one = Instrument(Locations.from_environment(), f"synthetic.S{INSTRUMENTS - 1:03d}")
    seconds, _ = _timed(
        lambda: [one.stale(asset, month) for month in one.staged() for asset in one.tables]
    )
    print(f"asking for each partition: {seconds * INSTRUMENTS:.0f} s (one instrument, scaled)")


def _timed(run: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result


def _command(*arguments: str) -> None:
    seconds, done = _timed(
        lambda: subprocess.run(
            [sys.executable, "-m", *arguments], capture_output=True, text=True, check=False
        )
    )
    said = getattr(done, "stdout", "").strip().splitlines()
    print(f"python -m {' '.join(arguments)}: {seconds:.1f} s ({said[-1] if said else 'nothing'})")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {"FINTS_LAKE": f"{scratch}/lake", "FINTS_INBOX": f"{scratch}/inbox"}
        Path(scratch, "inbox").mkdir()
        seconds, _ = _timed(lambda: fill(Locations.from_environment()))
        files = sum(1 for _ in Path(scratch).rglob("data.parquet"))
        months = INSTRUMENTS * len(list(months_between(FIRST, LAST)))
        print(f"{months} instrument-months, {files} files (written in {seconds:.0f} s)", flush=True)
        for what in ("no index", "fresh process"):
            print(what, end=": ", flush=True)
            call = "from benchmarks.stale_scan import look; look()"
            subprocess.run([sys.executable, "-c", call], check=True)
        ask_each()
        _command("fints_pipeline.backfill", "--dry-run")
        _command("fints_pipeline.data", "catalog", "--freq", "5m")


if __name__ == "__main__":
    main()
