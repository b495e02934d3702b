"""MLflow's page on 127.0.0.1, behind the guard that stands before Dagster's.

    python -m fints_pipeline.service.mlflow_page --port 5000

serves the store that MLFLOW_TRACKING_URI names. MLflow by itself takes requests from the pages of
any port of this machine, and starts processes for jobs that nothing here has; this does neither.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from fints_pipeline.base import cli
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.service.guard import Guard, allowed_hosts
from fints_pipeline.service.ports import port as a_port
from fints_pipeline.service.ports import require_free

_NO_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.service.mlflow_page",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=a_port, default=5000, help="default %(default)s")
    serve(parser.parse_args(argv).port)


def serve(port: int) -> None:
    """Serve until interrupted.

    Raises:
        ConfigError: ``MLFLOW_TRACKING_URI`` names no store that a page can be served of, or the
            port is taken.
    """
    store = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not store or store.startswith("http"):
        raise ConfigError(
            "MLFLOW_TRACKING_URI has to name a database to serve a page of it",
            where=f"MLFLOW_TRACKING_URI={store!r}",
            fix="set it to sqlite:///… or postgresql+psycopg2://…; a server has a page already",
        )
    require_free(port, "choose another one: --port, or make mlflow PORT=…")
    import uvicorn

    hosts = allowed_hosts(port)
    _configure(store, hosts)
    from mlflow.server.fastapi_app import app

    print(f"MLflow is on http://127.0.0.1:{port}; Ctrl-C ends it.", flush=True)
    uvicorn.run(Guard(app, hosts), host="127.0.0.1", port=port, log_level="warning")


def _configure(store: str, hosts: frozenset[str]) -> None:
    """Tell MLflow's application, which reads the environment, what `mlflow server` would.

    Its own checks of Host and Origin stay, for the names that the guard lets through.
    """
    from mlflow.server import constants
    from mlflow.server.handlers import initialize_backend_stores

    artifacts = "mlflow-artifacts:/"
    origins = [f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")]
    os.environ |= _NO_JOBS | {
        constants.BACKEND_STORE_URI_ENV_VAR: store,
        constants.REGISTRY_STORE_URI_ENV_VAR: store,
        constants.ARTIFACT_ROOT_ENV_VAR: artifacts,
        constants.ARTIFACTS_DESTINATION_ENV_VAR: "./mlartifacts",
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(sorted(hosts)),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(sorted(origins)),
    }
    initialize_backend_stores(store, store, artifacts)


if __name__ == "__main__":
    sys.exit(cli.run(main))
