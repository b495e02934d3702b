import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

QUERY = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name jobs { name } } } } }"
PATIENCE = 90.0


@pytest.fixture
def page(tmp_path: Path, project: Path) -> Iterator[str]:
    """Serve Dagster's page on a free port of 127.0.0.1 and return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "dagster").mkdir()
    command = [sys.executable, "-m", "dagster_webserver", "-m", "fints_pipeline.definitions"]
    command += ["-h", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path / "dagster")}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def ask(page: str) -> dict:
    request = urllib.request.Request(
        f"{page}/graphql",
        data=json.dumps({"query": QUERY}).encode(),
        headers={"Content-Type": "application/json"},
    )
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@pytest.mark.server
def test_the_page_serves_the_code_location(page: str) -> None:
    (repository,) = ask(page)["data"]["repositoriesOrError"]["nodes"]
    names = {job["name"] for job in repository["jobs"]}
    assert {"ingest", "data", "folds", "pretrain", "train", "backtest"} <= names
