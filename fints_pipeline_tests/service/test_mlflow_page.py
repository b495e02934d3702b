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

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.service.mlflow_page import serve

SEARCH = "/api/2.0/mlflow/experiments/search"
PATIENCE = 120.0


@pytest.mark.parametrize("store", ["", "http://127.0.0.1:5000"])
def test_without_a_database_there_is_no_page(monkeypatch, store: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    with pytest.raises(ConfigError, match="database"):
        serve(5000)


def test_a_port_that_is_taken_is_refused_before_anything_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} is in use"):
            serve(port)
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def page(tmp_path: Path, project: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Serve MLflow's page of a store of its own; return its process and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "fints_pipeline.service.mlflow_page", "--port", str(port)]
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    paths = {"PYTHONPATH": str(project), "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=os.environ | store | paths, stdout=log, stderr=log
        )
        try:
            yield process, port
        finally:
            process.terminate()
            process.wait(30)


def ask(port: int, **headers: str) -> tuple[int, dict[str, str]]:
    """Search experiments; return the status and the headers of the answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{SEARCH}",
        data=json.dumps({"max_results": 1}).encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers)


def until_it_answers(port: int) -> dict[str, str]:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            status, headers = ask(port)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        else:
            assert status == 200
            return headers


@pytest.mark.server
def test_the_page_answers_its_own_port_alone_and_starts_nothing(page) -> None:
    process, port = page
    assert until_it_answers(port)["x-frame-options"] == "DENY"
    assert ask(port, Origin=f"http://127.0.0.1:{port}")[0] == 200
    for origin in ("http://127.0.0.1:3999", "http://localhost:3000", "null", "http://evil.example"):
        assert ask(port, Origin=origin)[0] == 403, origin
    assert ask(port, Host="evil.example")[0] == 403
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    assert children.read_text().split() == []
