"""How long Dagster's page takes to show an asset of so many partitions.

Instruments × 240 months are registered and reported as made in a fresh Dagster home; a server over
it is asked what the asset's page asks: the partitions and their status. The recommended limit,
`fints_pipeline.defs.cadence.MOST_PARTITIONS`, is where that still takes a few seconds.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

MONTHS = 240
INSTRUMENTS = (10, 40, 80)
QUERY = """{ assetNodeOrError(assetKey: {path: ["bars"]}) { ... on AssetNode {
  partitionKeysByDimension { name partitionKeys }
  assetPartitionStatuses { ... on MultiPartitionStatuses { ranges { primaryDimStartKey
    secondaryDim { ... on DefaultPartitionStatuses { materializedPartitions } } } } }
} } }"""


def fill(home: Path, instruments: int) -> None:
    """Report every partition of `bars` as made."""
    import dagster as dg

    from fints_pipeline.base.time import months_between
    from fints_pipeline.defs.partitions import INSTRUMENTS, register, series_partition
    from fints_pipeline.defs.sqlite import kept_open

    names = [f"made.S{number:03d}" for number in range(instruments)]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        register(instance, INSTRUMENTS, names)
        with kept_open(instance, "fill"):
            for name in names:
                for month in months_between("2005-01", "2024-12"):
                    key = series_partition(name, month)
                    event = dg.AssetMaterialization("bars", partition=key, metadata={"rows": 1})
                    instance.report_runless_asset_event(event)


def ask(port: int) -> float:
    """Return the seconds of one query, and fail if it does not answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": QUERY}).encode(),
        headers={"Content-Type": "application/json"},
    )
    started = time.perf_counter()
    with urllib.request.urlopen(request, timeout=300) as answer:
        node = json.load(answer)["data"]["assetNodeOrError"]
    if not node["assetPartitionStatuses"]["ranges"]:
        raise RuntimeError("the server knows of no partition")
    return time.perf_counter() - started


def page_seconds(instruments: int) -> tuple[float, float]:
    """Return the seconds of the first and of a later look at the asset's page."""
    with tempfile.TemporaryDirectory() as scratch, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        home = Path(scratch)
        environment = os.environ | {"DAGSTER_HOME": scratch, "FINTS_FIRST_MONTH": "2005-01"}
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        fill(home, instruments)
        command = [sys.executable, "-m", "dagster_webserver", "-m", "fints_pipeline.definitions"]
        with subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as server:
            try:
                while True:
                    try:
                        first = ask(port)
                        break
                    except (urllib.error.URLError, ConnectionError):
                        time.sleep(0.5)
                return first, ask(port)
            finally:
                server.terminate()


def main() -> None:
    """Measure and print."""
    for count in INSTRUMENTS:
        first, later = page_seconds(count)
        print(
            f"{count} instruments × {MONTHS} months = {count * MONTHS} partitions: the page's "
            f"query {first:.1f} s at first, {later:.1f} s later",
            flush=True,
        )


if __name__ == "__main__":
    main()
