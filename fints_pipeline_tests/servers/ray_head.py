"""The head of a Ray cluster of one node, on the loopback, in a folder of its own."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from fints_pipeline_tests.servers.ports import free_port


@dataclass(frozen=True)
class RayHead:
    """A running head.

    Attributes:
        process: ``ray start --block``, which leads the others.
        folder: of its sockets and logs.
        address: of its job server.
    """

    process: subprocess.Popen[bytes]
    folder: Path
    address: str

    def kill(self) -> None:
        """Kill all of it at once, as a power cut does."""
        import psutil

        with suppress(psutil.NoSuchProcess):
            for one in psutil.Process(self.process.pid).children(recursive=True):
                # Some have written over their command line and environment.
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        for pid in processes_of(str(self.folder)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def listens_elsewhere(self) -> list[str]:
        """Return the addresses beside the loopback on which any of it listens."""
        import psutil

        found = []
        for pid in processes_of(str(self.folder)):
            with suppress(psutil.Error):
                for one in psutil.Process(pid).net_connections("inet"):
                    if one.status == "LISTEN" and "127.0.0.1" not in one.laddr.ip:
                        found.append(f"{' '.join(psutil.Process(pid).cmdline()[:3])}: {one.laddr}")
        return found


def processes_of(mark: str) -> list[int]:
    """Return the processes that have a text in their command line or environment, but this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            known = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            if mark.encode() in known and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


@contextmanager
def ray_head() -> Iterator[RayHead]:
    """Yield a head with two CPUs and with nothing but the system's programs on its PATH."""
    folder = Path(tempfile.mkdtemp(prefix="fints-ray-"))  # a socket's path has to be short
    port = free_port()
    command = [str(Path(sys.executable).parent / "ray"), "start", "--head", "--block"]
    command += ["--port", "0", "--node-ip-address", "127.0.0.1", "--num-cpus", "2"]
    command += ["--dashboard-host", "127.0.0.1", "--dashboard-port", str(port)]
    command += ["--dashboard-agent-listen-port", "0", "--ray-client-server-port", str(free_port())]
    command += ["--min-worker-port", "0", "--max-worker-port", "0", "--temp-dir", str(folder)]
    command += ["--object-store-memory", str(80 * 2**20), "--include-log-monitor", "false"]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's way to say: the loopback alone
        "OMP_NUM_THREADS": "1",
        # On a loaded machine its parts find each other late; by default they then end themselves.
        "RAY_agent_register_timeout_ms": "600000",
        "RAY_raylet_start_wait_time_s": "600",
        "RAY_health_check_failure_threshold": "100",
    }
    with (folder / "head.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    head = RayHead(process, folder, f"http://127.0.0.1:{port}")
    try:
        _until_answered(head)
        yield head
    finally:
        if process.poll() is None:
            process.terminate()
        elif process.returncode != -signal.SIGKILL:
            print((folder / "head.log").read_text())  # why it ended by itself
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
        head.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _until_answered(head: RayHead, patience: float = 180) -> None:
    deadline = time.monotonic() + patience
    while True:
        assert head.process.poll() is None, (head.folder / "head.log").read_text()
        assert time.monotonic() < deadline
        with suppress(URLError), urlopen(f"{head.address}/nodes?view=summary") as answer:
            if b'"ALIVE"' in answer.read():
                return
        time.sleep(0.2)
