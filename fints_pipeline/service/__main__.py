"""Serve Dagster: its page on 127.0.0.1 behind a guard, and the daemon that runs what is due.

    python -m fints_pipeline.service --port 3000

keeps four processes up: the code server, the daemon, the page, and this one, which starts the
others again when they end and settles the runs that a kill or a crash left behind. Logs lie in
DAGSTER_HOME/service/. Ctrl-C ends all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from fints_pipeline.base import cli
from fints_pipeline.base.errors import ConfigError, UserError
from fints_pipeline.service.child import Child
from fints_pipeline.service.mending import settle_and_tell, sweep_and_tell
from fints_pipeline.service.ports import answers, require_free
from fints_pipeline.service.ports import port as a_port

LOOK_SECONDS = 5.0
PATIENCE_SECONDS = 120.0
CODE_SOCKET = "code.sock"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.service",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port", type=a_port, default=3000, help="of the page (default %(default)s)"
    )
    serve(parser.parse_args(argv).port)


def serve(port: int) -> None:
    """Serve until interrupted.

    Raises:
        ConfigError: ``DAGSTER_HOME`` is missing, another service runs on it, or the port is taken.
    """
    from fints_pipeline.defs.home import dagster_home, opened_instance

    home = dagster_home()
    logs = home / "service"
    logs.mkdir(exist_ok=True)
    with _alone(logs), stopping(), opened_instance() as instance:
        require_free(port, "choose another one: --port, or make ui PORT=…")
        settle_and_tell(instance, launching=False)
        sweep_and_tell()  # of processes too that were no runs, or whose runs were settled before
        code, *others = children = _children(logs, port)
        try:
            _start(code, others, logs)
            _wait("Dagster's page", lambda: answers(port), children)
            print(
                f"Dagster is on http://127.0.0.1:{port} (logs in {logs}); Ctrl-C ends it.",
                flush=True,
            )
            while True:
                time.sleep(LOOK_SECONDS)
                _keep_up(code, others, logs)
                settle_and_tell(instance)
        except KeyboardInterrupt:
            print("ending", flush=True)
        finally:
            for child in reversed(children):
                child.stop()


def _children(logs: Path, port: int) -> list[Child]:
    code_socket = logs / CODE_SOCKET
    workspace = logs / "workspace.yaml"
    workspace.write_text(
        "# Written at each start of the service: the page and the daemon share one code server.\n"
        "load_from:\n"
        f"  - grpc_server: {{socket: '{code_socket}', location_name: fints_pipeline}}\n"
    )
    python = sys.executable
    code = [python, "-m", "dagster", "code-server", "start", "--socket", str(code_socket)]
    code += ["-m", "fints_pipeline.definitions", "--location-name", "fints_pipeline"]
    daemon = [python, "-m", "dagster._daemon", "run", "-w", str(workspace)]
    page = [python, "-m", "fints_pipeline.service.webserver", str(workspace), str(port)]
    return [Child("code", code, logs), Child("daemon", daemon, logs), Child("page", page, logs)]


def _start(code: Child, others: Sequence[Child], logs: Path) -> None:
    """Start the code server, and once it knows the code, the others.

    A daemon that looks at a backfill while the code is away takes its assets for deleted and gives
    the backfill up.
    """
    from fints_pipeline.service.code_server import is_serving

    socket_file = logs / CODE_SOCKET
    socket_file.unlink(missing_ok=True)
    code.start()
    _wait("the code server", lambda: is_serving(socket_file), [code])
    for child in others:
        child.start()


def _keep_up(code: Child, others: Sequence[Child], logs: Path) -> None:
    if code.ended():
        print(f"{code.name} has ended; starting everything again", flush=True)
        for child in others:
            child.stop()
        _start(code, others, logs)
    for child in others:
        if child.ended():
            print(f"{child.name} has ended; starting it again", flush=True)
            child.start()


def _wait(what: str, happened: Callable[[], bool], children: Sequence[Child]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise UserError(
                f"{what} did not come up",
                where="\n".join(f"{child.name}: {child.last_words()}" for child in children),
                fix="read the logs above",
            )
        time.sleep(0.3)


@contextlib.contextmanager
def _alone(logs: Path) -> Iterator[IO[str]]:
    """Hold the service's lock, which a killed service lets go."""
    with (logs / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ConfigError(
                f"a service runs on this home already, as process {lock.read().strip()}",
                where=str(logs.parent),
                fix="use it, end it, or set DAGSTER_HOME to another folder",
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield lock


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Treat a polite kill like Ctrl-C."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(cli.run(main))
