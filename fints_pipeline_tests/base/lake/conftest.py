"""The lakes that the same tests run on: one in a folder, one in a bucket of a real S3 server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.buckets import BucketStore
from fints_pipeline_tests.servers.object_store import ACCESS_KEY, SECRET_KEY, object_store


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


IN_BUCKET = pytest.param("bucket", marks=[pytest.mark.slow, pytest.mark.server])


@pytest.fixture(params=["folder", IN_BUCKET])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a lake may lie."""
    if request.param == "bucket":
        return str(request.getfixturevalue("bucket"))
    return str(tmp_path / "lake")


@pytest.fixture
def lake(location: str) -> Lake:
    """Return an empty lake, of either kind."""
    return Lake(location)


def put(lake: Lake, copy: Path, content: bytes) -> None:
    """Replace what lies at the original of ``copy``, a file below the lake's root."""
    store = lake.store
    if isinstance(store, BucketStore):
        key = f"{store.prefix}/{copy.relative_to(store.root).as_posix()}"
        store.client.put_object(Bucket=store.bucket, Key=key, Body=content)
    else:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
