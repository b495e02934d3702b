"""A Dask cluster on the loopback, started as a user does: a scheduler, and workers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fints_pipeline_tests.servers.ports import free_port


@dataclass
class DaskCluster:
    """A scheduler and workers that can be killed.

    Attributes:
        folder: of the logs; the workers' own files, too.
        environment: of the workers.
        port: of the scheduler.
    """

    folder: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The scheduler's."""
        return f"tcp://127.0.0.1:{self.port}"

    def start(self, workers: int) -> None:
        """Start the scheduler and wait for its workers."""
        self._dask("scheduler", "--host", "127.0.0.1", "--port", str(self.port))
        self._dask(
            *("worker", self.address, "--nworkers", str(workers), "--nthreads", "1"),
            *("--local-directory", str(self.folder)),
        )
        with self.client() as client:
            client.wait_for_workers(workers, timeout=180)

    def client(self) -> Any:
        """Return a client, which is a context."""
        import distributed

        return distributed.Client(self.address, timeout=180)

    def kill_busy_worker(self, patience: float = 120) -> None:
        """Kill a worker that executes something, as soon as there is one."""
        with self.client() as client:
            deadline = time.monotonic() + patience
            while not (busy := [name for name, tasks in client.processing().items() if tasks]):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            os.kill(client.run(os.getpid)[busy[0]], signal.SIGKILL)

    def kill_scheduler(self) -> None:
        """Kill the scheduler; its workers end when they notice, or are ended by `stop`."""
        self._started[0].kill()
        self._started.pop(0).wait()

    def stop(self) -> None:
        """End everything."""
        while self._started:
            process = self._started.pop()
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _dask(self, *arguments: str) -> None:
        command = [str(Path(sys.executable).parent / "dask"), *arguments, "--no-dashboard"]
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )


@contextmanager
def dask_cluster(folder: Path, environment: dict[str, str]) -> Iterator[DaskCluster]:
    """Yield a cluster of two workers."""
    folder.mkdir(exist_ok=True)
    cluster = DaskCluster(folder, environment)
    try:
        cluster.start(2)
        yield cluster
    finally:
        cluster.stop()
