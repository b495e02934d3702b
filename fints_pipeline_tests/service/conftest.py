"""What one clean pass makes, which every backfill that was disturbed has to equal."""

from pathlib import Path

import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline_tests.service import dying
from fints_pipeline_tests.service.services import Service


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory, project: Path) -> dict[str, str]:
    """Return the digests of the backfill's partitions, made by the command in one go."""
    service = Service(tmp_path_factory.mktemp("clean"), project)
    dying.prepare(service)
    dying.make_by_command(service, *dying.SYMBOLS)
    return dying.digests(Lake(service.home / "lake"))
