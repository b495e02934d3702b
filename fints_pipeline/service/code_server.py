"""Whether the code server is up and knows the code."""

from __future__ import annotations

from pathlib import Path


def is_serving(socket_file: Path) -> bool:
    """Return whether the code server behind a socket has loaded the code location."""
    if not socket_file.exists():
        return False
    from dagster._core.errors import DagsterUserCodeUnreachableError
    from dagster._grpc.client import DagsterGrpcClient
    from dagster._grpc.types import ListRepositoriesResponse
    from dagster._serdes import deserialize_value

    try:
        answer = DagsterGrpcClient(socket=str(socket_file)).list_repositories()
    except DagsterUserCodeUnreachableError:
        return False
    return isinstance(deserialize_value(answer), ListRepositoriesResponse)
