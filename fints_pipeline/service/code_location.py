"""Serve the code to a daemon and a page elsewhere, and settle what a kill or a crash left here.

    python -m fints_pipeline.service.code_location --host 0.0.0.0 --port 4000

is what a container with the code runs: Dagster launches runs where the code is, so this is where
their processes are. The gRPC port has no login; keep it inside a private network.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from fints_pipeline.base import cli
from fints_pipeline.service.__main__ import LOOK_SECONDS, stopping
from fints_pipeline.service.child import Child
from fints_pipeline.service.mending import settle_and_tell, sweep_and_tell
from fints_pipeline.service.ports import port as a_port

RELOAD_SECONDS = 75.0
"""A daemon elsewhere looks at the code anew every 60 s (dagster 1.13), and gives a failed run up
for good when it wants to retry it and has not got the code."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.service.code_location",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="to listen on (default %(default)s)")
    parser.add_argument(
        "--port", type=a_port, default=4000, help="to listen on (default %(default)s)"
    )
    given = parser.parse_args(argv)
    serve(given.host, given.port)


def serve(host: str, port: int) -> None:
    """Serve until interrupted; settle once the daemon can know that the code is served (again).

    Raises:
        ConfigError: ``DAGSTER_HOME`` is missing.
    """
    from dagster._grpc.client import DagsterGrpcClient

    from fints_pipeline.defs.home import dagster_home, opened_instance
    from fints_pipeline.service.code_server import knows_the_code

    logs = dagster_home() / "service"
    logs.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "dagster", "code-server", "start"]
    command += ["--host", host, "--port", str(port), "--location-name", "fints_pipeline"]
    code = Child("code", [*command, "-m", "fints_pipeline.definitions"], logs)
    client = DagsterGrpcClient(host="127.0.0.1" if host == "0.0.0.0" else host, port=port)
    served_since: float | None = None
    with stopping(), opened_instance() as instance:
        sweep_and_tell()
        code.start()
        try:
            while True:
                time.sleep(LOOK_SECONDS)
                if code.ended():
                    print("the code server has ended; starting it again", flush=True)
                    code.start()
                    served_since = None
                if served_since is None:
                    served_since = time.monotonic() if knows_the_code(client) else None
                elif time.monotonic() - served_since >= RELOAD_SECONDS:
                    settle_and_tell(instance)
        except KeyboardInterrupt:
            print("ending", flush=True)
        finally:
            code.stop()


if __name__ == "__main__":
    sys.exit(cli.run(main))
