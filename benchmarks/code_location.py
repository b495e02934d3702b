"""Seconds that loading the code location adds to `import dagster`, in fresh processes.

Every run, step and sensor tick pays it. Goal: at most 1.5 s; the median of `RUNS` is printed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

RUNS = 5
PROBE = """
import time
import dagster
started = time.perf_counter()
import fints_pipeline.definitions
print(time.perf_counter() - started)
"""


def seconds() -> float:
    """Return the seconds of one fresh process."""
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    found = [seconds() for _ in range(RUNS)]
    print(
        f"median {statistics.median(found):.2f} s above import dagster "
        f"({min(found):.2f} to {max(found):.2f} in {RUNS} processes; goal 1.5)"
    )
