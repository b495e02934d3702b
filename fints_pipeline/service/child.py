"""One supervised process, started again when it ends, and ended with its supervisor."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

RESTART_SECONDS = 2.0
STOP_SECONDS = 15.0
_PR_SET_PDEATHSIG = 1


class Child:
    """A command that has to be running.

    Args:
        name: What it is called in messages, and its log file's stem.
        command: Program and arguments.
        logs: Folder for its output.
    """

    def __init__(self, name: str, command: Sequence[str], logs: Path) -> None:
        self.name = name
        self._command = list(command)
        self._log = logs / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    @property
    def pid(self) -> int | None:
        """The running process, if any."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start it; its output is appended to its log."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_settle_signals if sys.platform == "linux" else None,
            )
        self._started = time.monotonic()

    def ended(self) -> bool:
        """Return whether it was started and has ended, long enough ago to be started again."""
        is_over = self._process is not None and self._process.poll() is not None
        return is_over and time.monotonic() - self._started >= RESTART_SECONDS

    def last_words(self, lines: int = 15) -> str:
        """Return the end of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """Ask it to end, and kill it if it has not within `STOP_SECONDS`."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _settle_signals() -> None:
    """Let the kernel end this process when its parent is killed, so that no port stays taken.

    SIGINT gets its default back, which `nohup make ui &` takes away: Dagster gives SIGTERM the
    handling of SIGINT, and where both are ignored each step waits a minute for its log's end.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
