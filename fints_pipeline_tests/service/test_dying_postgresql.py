"""The same deaths with Dagster's records on PostgreSQL, and the death of PostgreSQL itself."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline_tests.servers.postgresql import PostgreSQL
from fints_pipeline_tests.service import dying
from fints_pipeline_tests.service.services import Service

pytestmark = [pytest.mark.slow, pytest.mark.server]


@pytest.fixture
def service(
    tmp_path: Path, project: Path, postgres: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """Return a service on an empty database, over two months of the synthetic market, staged."""
    address = postgres.database()
    monkeypatch.setenv("FINTS_POSTGRES_URL", address)  # the test asks Dagster's records too
    made = Service(
        tmp_path,
        project,
        "configs/deploy/dagster-postgres.yaml",
        {"FINTS_POSTGRES_URL": address},
    )
    dying.prepare(made)
    yield made
    made.stop()


def finish(service: Service, backfill: str, clean: dict[str, str]) -> None:
    dying.await_completion(service, backfill)
    service.stop()
    assert dying.digests(Lake(service.home / "lake")) == clean
    dying.assert_nothing_left(service)


@pytest.mark.parametrize("what", ["a run", "the daemon", "everything"])
def test_a_backfill_completes_by_itself_after_a_kill(
    service: Service, what: str, clean: dict[str, str]
) -> None:
    service.start()
    backfill = dying.launch(service)
    dying.await_settling(service, dying.kill(what, service))
    finish(service, backfill, clean)


@pytest.mark.parametrize("seconds", [0.0, 20.0])
def test_a_backfill_completes_after_its_database_was_away(
    service: Service, postgres: PostgreSQL, seconds: float, clean: dict[str, str]
) -> None:
    service.start()
    backfill = dying.launch(service)
    dying.started(service)
    postgres.stop()
    time.sleep(seconds)
    postgres.start()
    finish(service, backfill, clean)
