"""Fits that begin at once against an MLflow server, which has no lock, by clocks that disagree."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from fints_pipeline_tests.servers.ports import free_port
from fints_pipeline_tests.servers.postgresql import PostgreSQL

pytestmark = [pytest.mark.server, pytest.mark.slow]
PROCESSES = 4
BEGIN = """
import sys, time
from pathlib import Path
me, everybody, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
clock = time.time
time.time = lambda: clock() + 3600 * (me - 2)
import mlflow
from fints_pipeline.training.tracking import MlflowTracker
from fints_pipeline_tests.training import toy
look = mlflow.MlflowClient.search_runs
def together(self, *arguments, **options):
    found = look(self, *arguments, **options)
    if not (folder / str(me)).exists():
        assert not found
        (folder / str(me)).touch()
        while len(list(folder.iterdir())) < everybody:
            time.sleep(0.02)
    return found
mlflow.MlflowClient.search_runs = together
with MlflowTracker(mlflow).run(toy.experiment(), f"fold{me}", "mlm") as log:
    log.metrics({"train_loss": 1.0}, 1)
"""


@contextmanager
def mlflow_server(database: str, folder: Path) -> Iterator[str]:
    """Yield the address of a server on a database."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=log,
            stderr=log,
        )
        try:
            until_answered(f"{address}/health", server)
            yield address
        finally:
            server.terminate()
            server.wait()


def until_answered(address: str, server: subprocess.Popen[bytes], patience: float = 180) -> None:
    deadline = time.monotonic() + patience
    while True:
        assert server.poll() is None
        assert time.monotonic() < deadline
        try:
            urlopen(address).close()
            return
        except URLError:
            time.sleep(0.2)


def test_all_that_begin_at_once_end_below_one_run(
    tmp_path: Path, project: Path, postgres: PostgreSQL
) -> None:
    database = postgres.database()
    arrived = tmp_path / "arrived"
    arrived.mkdir()
    with mlflow_server(database, tmp_path) as address:
        environment = {**os.environ, "MLFLOW_TRACKING_URI": address}
        fits = [
            subprocess.Popen(
                [sys.executable, "-c", BEGIN, str(me), str(PROCESSES), str(arrived)],
                cwd=project,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for me in range(PROCESSES)
        ]
        said = [fit.communicate()[0] for fit in fits]
    assert [fit.returncode for fit in fits] == [0] * PROCESSES, "\n".join(said)[-6000:]
    ask = postgres.ask
    made = ask(database, "SELECT run_uuid FROM runs WHERE name LIKE 'toy %' ORDER BY run_uuid")
    assert len(made.split()) == PROCESSES  # each found none and made its own
    known = "SELECT run_uuid FROM tags WHERE key = 'fints.experiment_fingerprint'"
    assert ask(database, f"{known} AND value <> 'superseded'") == made.split()[0]
    fitted = "SELECT run_uuid FROM tags WHERE key = 'model'"
    above = f"SELECT value FROM tags WHERE key = 'mlflow.parentRunId' AND run_uuid IN ({fitted})"
    assert ask(database, above).split() == [made.split()[0]] * PROCESSES
    assert ask(database, "SELECT count(*) FROM runs WHERE lifecycle_stage <> 'active'") == "0"
    assert ask(database, f"SELECT count(*) FROM metrics WHERE run_uuid IN ({fitted})") == "4"
