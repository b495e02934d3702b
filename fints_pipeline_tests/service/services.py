"""A service of the test's own: started, asked, killed with everything below it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

PATIENCE = 240.0

BACKFILL = """
mutation($selection: [AssetKeyInput!]!, $partitions: [String!]!) {
  launchPartitionBackfill(
    backfillParams: {assetSelection: $selection, partitionNames: $partitions}
  ) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
STATUS = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}
"""


def ask(url: str, query: str, **variables: Any) -> Any:
    """Return the data of a GraphQL query to the page at an address."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(
        f"{url}/graphql", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


class Service:
    """`python -m fints_pipeline.service` over folders below ``home``.

    Args:
        home: An empty folder.
        project: The checkout.
        instance: Dagster's instance file, in the project.
        variables: Environment variables beside those of the folders.
    """

    def __init__(
        self,
        home: Path,
        project: Path,
        instance: str = "dagster.yaml",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.home, self.project = home, project
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.configs = home / "configs"
        shutil.copytree(project / "configs", self.configs)
        (home / "dagster").mkdir()
        config = (project / instance).read_text()
        (home / "dagster" / "dagster.yaml").write_text(config)
        self.environment = {
            **os.environ,
            "DAGSTER_HOME": str(home / "dagster"),
            "FINTS_LAKE": str(home / "lake"),
            "FINTS_INBOX": str(home / "inbox"),
            "FINTS_CONFIGS": str(self.configs),
            **(variables or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until the code location has loaded."""
        command = [sys.executable, "-m", "fints_pipeline.service", "--port", str(self.port)]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.project, env=self.environment, stdout=log, stderr=log
            )
        self.until(lambda: self.ask("{ version }"), "the page to answer")
        self.until(self._loaded, "the code location to load")

    def _loaded(self) -> bool:
        query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
        return bool(self.ask(query)["repositoriesOrError"].get("nodes"))

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the data of a GraphQL query."""
        return ask(self.url, query, **variables)

    def until(self, happened: Any, what: str, patience: float = PATIENCE) -> Any:
        """Wait until ``happened()`` is true and return it."""
        deadline = time.monotonic() + patience
        while True:
            try:
                if value := happened():
                    return value
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {patience:.0f} s for {what}:\n{self.log()}")
            time.sleep(0.5)

    def log(self, most: int = 2000) -> str:
        """Return the ends of all logs, at most so many characters of each."""
        paths = [self.home / "log", *sorted((self.home / "dagster" / "service").glob("*.log"))]
        return "\n".join(f"{p.name}:\n{p.read_text(errors='replace')[-most:]}" for p in paths)

    def kill_everything(self) -> None:
        """kill −9 the service and every process that works in its home."""
        assert self.process is not None
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def processes(self) -> list[int]:
        """Return every process that works in its home."""
        mark = f"DAGSTER_HOME={self.home / 'dagster'}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found

    def stop(self) -> None:
        """End it politely."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
