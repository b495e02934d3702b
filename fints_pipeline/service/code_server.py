"""Whether the code server is up and knows the code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster._grpc.client import DagsterGrpcClient


def is_serving(socket_file: Path) -> bool:
    """Return whether the code server behind a socket has loaded the code location."""
    if not socket_file.exists():
        return False
    from dagster._grpc.client import DagsterGrpcClient

    return knows_the_code(DagsterGrpcClient(socket=str(socket_file)))


def knows_the_code(client: DagsterGrpcClient) -> bool:
    """Return whether the code server that a client asks has loaded the code location."""
    from dagster._core.errors import DagsterUserCodeUnreachableError
    from dagster._grpc.types import ListRepositoriesResponse
    from dagster._serdes import deserialize_value

    try:
        answer = client.list_repositories()
    except DagsterUserCodeUnreachableError:
        return False
    return isinstance(deserialize_value(answer), ListRepositoriesResponse)
