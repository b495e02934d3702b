"""What a user waits for at the recommended limit of partitions: scans, commands, ticks, the page.

    python -m benchmarks limit

A lake of 80 made-up instruments × 240 months is written as if everything were current, then timed,
each in wall and processor seconds (the latter say more on a shared machine): the first look ever,
which reads every footer, a fresh process that finds the index, later looks, one after a month has
changed, the commands `backfill --dry-run` and `data catalog`, and each sensor's and schedule's
tick in one process, the first and a later one. The page's query is `python -m benchmarks
partitions`. Goals in processor seconds: fresh scan 5, later look 1, commands 6, ticks 2.

FINTS_BENCH_FOLDER keeps the lake for the next time; without it, it goes.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from benchmarks._limit_lake import FIRST, INSTRUMENTS, LAST, fill, names
from benchmarks.stages import ROOT, scratch
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.time import months_between

if TYPE_CHECKING:
    import dagster as dg

_CALL = "from benchmarks import limit; limit.{}()"


def main() -> None:
    """Measure and print."""
    with scratch() as folder:
        os.environ |= {
            "FINTS_LAKE": f"{folder}/lake",
            "FINTS_INBOX": f"{folder}/inbox",
            "FINTS_FIRST_MONTH": FIRST,
            "FINTS_CONFIGS": f"{folder}/configs",
        }
        _write_configs(folder / "configs")
        (folder / "inbox").mkdir(exist_ok=True)
        months = INSTRUMENTS * len(list(months_between(FIRST, LAST)))
        print(f"{months} instrument-months", flush=True)
        if not (folder / "lake").is_dir():
            with timed("writing the lake"):
                fill(Locations.from_environment())
        if not (folder / "lake/.index/footers.parquet").exists():
            _run("no index", "-c", _CALL.format("first_look"))
        _run("fresh process", "-c", _CALL.format("looks"))
        for command in (("backfill", "--dry-run"), ("data", "catalog", "--freq", "5m")):
            _run(" ".join(command), "-m", f"fints_pipeline.{command[0]}", *command[1:])
        _run("ticks", "-c", _CALL.format("ticks"))


def _write_configs(folder: Path) -> None:
    """Copy the project's configs, with one experiment, which is over all instruments."""
    shutil.copytree(ROOT / "configs", folder, dirs_exist_ok=True)
    demo = yaml.safe_load((folder / "train/demo.yaml").read_text())
    for path in (folder / "train").glob("*.yaml"):
        path.unlink()
    demo["experiment"] = "limit"
    demo["data"]["instruments"] = names(INSTRUMENTS)
    (folder / "train/limit.yaml").write_text(yaml.safe_dump(demo))


@contextmanager
def timed(what: str, usage: int = resource.RUSAGE_SELF) -> Iterator[None]:
    """Print the wall and the processor seconds of the block."""
    before, started = _processor_seconds(usage), time.perf_counter()
    yield
    wall, used = time.perf_counter() - started, _processor_seconds(usage) - before
    print(f"  {what}: {wall:.1f} s, processor {used:.1f} s", flush=True)


def _processor_seconds(usage: int) -> float:
    used = resource.getrusage(usage)
    return used.ru_utime + used.ru_stime


def _run(what: str, *arguments: str) -> None:
    """Run Python with these arguments, and print what it took and its last lines."""
    with timed(f"{what} (whole process)", resource.RUSAGE_CHILDREN):
        done = subprocess.run(
            [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, check=True
        )
    lines = done.stdout.splitlines()
    own = [line for line in lines if line.startswith("  ")] if arguments[0] == "-c" else lines[-1:]
    print("\n".join(f"    {line.strip()}" for line in own), flush=True)


def first_look() -> None:
    """Look for the first time ever: every footer is read."""
    _look("first look")


def looks() -> None:
    """Look, look again, and look once more after a month has changed."""
    for what in ("first look", "later look", "later look"):
        _look(what)
    with _one_gone(Locations.from_environment().lake.root):
        _look("after a change")


def _look(what: str) -> None:
    from fints_pipeline.defs.reconcile import outdated

    with timed(what):
        found = list(outdated(Locations.from_environment()))
    print(f"  ({len(found)} months stale)")


@contextmanager
def _one_gone(root: Path) -> Iterator[None]:
    """Take one file away for a while."""
    path = next(root.glob("bars/*/*/*/data.parquet"))
    aside = path.with_suffix(".aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


def ticks() -> None:
    """Evaluate each sensor and schedule twice, in one process, as the code server does."""
    from dagster import build_schedule_context, build_sensor_context

    from fints_pipeline.defs import partitions, retraining, schedules, sensors
    from fints_pipeline.defs.resources import Project

    project = Project.from_locations(Locations.from_environment())
    with tempfile.TemporaryDirectory() as home, _instance(Path(home)) as instance:
        partitions.register(instance, partitions.INSTRUMENTS, names(INSTRUMENTS))
        moment = datetime(2024, 11, 6, 6, tzinfo=UTC)
        for each in (sensors.inbox_sensor, sensors.fold_sensor, retraining.retraining_sensor):
            for when in ("first", "later"):
                with timed(f"{each.name}, {when}"):
                    each(build_sensor_context(instance=instance), project=project)
        for schedule in (schedules.last_month, schedules.every_session):
            for when in ("first", "later"):
                context = build_schedule_context(instance, scheduled_execution_time=moment)
                with timed(f"{schedule.name}, {when}"):
                    schedule(context, project=project)


def _instance(home: Path) -> dg.DagsterInstance:
    import dagster as dg

    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return dg.DagsterInstance.from_config(str(home))


if __name__ == "__main__":
    main()
