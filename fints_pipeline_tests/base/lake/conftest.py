"""The lakes that the same tests run on: one in a folder, one in a bucket of a real S3 server."""

from pathlib import Path

import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.buckets import BucketStore

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
