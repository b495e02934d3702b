"""Fixtures of servers; each starts when a test first asks for it and ends with the session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fints_pipeline_tests.servers.object_store import ACCESS_KEY, SECRET_KEY, object_store
from fints_pipeline_tests.servers.postgresql import PROGRAMS, PostgreSQL, postgresql


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[str]:
    """Return the address of an object store; `make servers` makes its environment."""
    programs = project / ".venv-servers" / "bin"
    assert programs.is_dir(), "make servers"
    with object_store(tmp_path_factory.mktemp("swift"), programs) as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of an empty lake in a new bucket."""
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("FINTS_LAKE_CACHE", str(tmp_path / "copies"))
    name = "lake-" + "".join(char for char in tmp_path.name.lower() if char.isalnum())[-40:]
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}/fints"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """Return a running PostgreSQL; `make servers` installs it."""
    assert PROGRAMS.is_dir(), "make servers"
    with postgresql() as server:
        yield server
