import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline_tests.service import dying
from fints_pipeline_tests.service.services import Service

pytestmark = [pytest.mark.slow, pytest.mark.server]


@pytest.fixture
def service(tmp_path: Path, project: Path) -> Iterator[Service]:
    """Return a service over two months of the synthetic market, staged."""
    made = Service(tmp_path, project)
    dying.prepare(made)
    yield made
    made.stop()


@pytest.mark.parametrize("what", ["a run", "the daemon", "everything"])
def test_a_backfill_completes_by_itself_after_a_kill(
    service: Service, what: str, clean: dict[str, str]
) -> None:
    service.start()
    backfill = dying.launch(service)
    dying.await_settling(service, dying.kill(what, service))
    dying.await_completion(service, backfill)
    service.stop()
    assert dying.digests(Lake(service.home / "lake")) == clean
    dying.assert_nothing_left(service)


def test_the_daemon_is_started_again_when_it_is_killed(service: Service) -> None:
    service.start()
    before = service.until(lambda: dying.daemon_of(service), "the daemon")
    subprocess.run(["kill", "-9", str(before)], check=True)
    service.until(lambda: (dying.daemon_of(service) or before) != before, "another daemon", 60)


def test_a_second_service_on_the_same_home_is_refused(service: Service) -> None:
    service.start()
    command = [sys.executable, "-m", "fints_pipeline.service", "--port", str(service.port)]
    second = subprocess.run(
        command, cwd=service.project, env=service.environment, capture_output=True, text=True
    )
    assert second.returncode == 2
    assert f"already, as process {service.process.pid}" in second.stderr
