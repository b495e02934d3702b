"""Dagster's page and the lake's reports behind the guard.

``python -m fints_pipeline.service.webserver WORKSPACE PORT [HOST]``; the service starts it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fints_pipeline.base.locations import Locations
from fints_pipeline.service.guard import Guard, allowed_hosts


def serve(workspace: Path, port: int, host: str = "127.0.0.1") -> None:
    """Serve the page until a signal ends it.

    Args:
        workspace: says where the code is.
        port: to listen on.
        host: to listen on; in a container all of its addresses, with a port that is published on
            the host's 127.0.0.1 alone.
    """
    import uvicorn
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context
    from dagster_webserver.version import __version__

    from fints_pipeline.service.reports import with_reports

    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(statement_timeout=15000, pool_recycle=3600, max_overflow=20)
        target = WorkspaceFileTarget(paths=[str(workspace)])
        with WorkspaceProcessContext(
            instance, workspace_load_target=target, version=__version__
        ) as context:
            app = create_app_from_workspace_process_context(context)
            pages = with_reports(app, Locations.from_environment())
            guarded = Guard(pages, allowed_hosts(port))
            uvicorn.run(guarded, host=host, port=port, log_level="warning", lifespan="off")


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
