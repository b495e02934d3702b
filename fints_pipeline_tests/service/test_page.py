import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline.data.synthetic import make_market
from fints_pipeline_tests.service.clicks import CHROMIUM, Clicks, browsing
from fints_pipeline_tests.service.services import Service

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.browser]

MONTHS = [f"2024-{month:02d}" for month in range(3, 9)]
RUNS = "{ runsOrError(limit: 9) { ... on Runs { results { status jobName } } } }"
BACKFILLS = """
{ partitionBackfillsOrError(limit: 1) { ... on PartitionBackfills { results { id status } } } }
"""


@pytest.fixture
def service(tmp_path: Path, project: Path) -> Iterator[Service]:
    """Serve six staged months of the synthetic market."""
    if CHROMIUM is None:
        pytest.skip("no chromium: install Debian's, or set FINTS_CHROMIUM")
    checkout = tmp_path / "checkout"  # one that may be spoilt
    for name in ("fints_pipeline", "configs"):
        shutil.copytree(project / name, checkout / name)
    shutil.copy(project / "dagster.yaml", checkout)
    made = Service(tmp_path, checkout)
    made.environment["PYTHONPATH"] = str(checkout)
    make_market(tmp_path / "inbox" / "synthetic", 0, MONTHS[0], MONTHS[-1])
    command = [sys.executable, "-m", "fints_pipeline.backfill"]
    command += ["--symbols", "WALKB", "--from", MONTHS[0], "--to", MONTHS[0]]
    subprocess.run(command, cwd=checkout, env=made.environment, check=True, capture_output=True)
    made.start()
    yield made
    made.stop()


def test_a_partition_a_backfill_and_a_red_check_by_clicking(service: Service) -> None:
    with browsing(service.url) as clicks:
        materialise_one(clicks, service)
        backfill(clicks, service)
        look_around(clicks)
        see_red(clicks, service)


def materialise_one(clicks: Clicks, service: Service) -> None:
    clicks.open("/assets/bars?view=partitions")
    clicks.launch("Materialize", ["synthetic.EDGE"], MONTHS[0])
    service.until(lambda: finished(service) == "SUCCESS", "the run to succeed", 300)
    clicks.open(f"/assets/bars?view=partitions&partition=synthetic.EDGE%7C{MONTHS[0]}")
    clicks.page.get_by_text("dagster/row_count").wait_for()
    clicks.shot("partition")
    assert clicks.page.get_by_text("Materialized", exact=True).first.is_visible()


def finished(service: Service) -> str:
    return service.ask(RUNS)["runsOrError"]["results"][0]["status"]


def backfill(clicks: Clicks, service: Service) -> None:
    clicks.open("/locations/fints_pipeline/jobs/data")
    span = f"[{MONTHS[0]}...{MONTHS[-1]}]"
    clicks.launch("Materialize all", ["synthetic.EDGE", "synthetic.WALKA"], span)

    def over() -> bool:
        (found,) = service.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
        assert "FAILED" not in found["status"], service.log(6000)
        return "SUCCESS" in found["status"]

    service.until(over, "the backfill to complete", 600)
    clicks.open("/runs?view=backfills")
    clicks.page.get_by_text("Success", exact=True).first.wait_for()
    clicks.shot("backfill")
    lake = Lake(service.home / "lake")
    for name in ("synthetic.EDGE", "synthetic.WALKA"):
        for table in ("bars", "features", "labels", "tokens"):
            assert lake.months(table, "5m", name) == MONTHS


def look_around(clicks: Clicks) -> None:
    clicks.open("/assets/features?view=checks")
    clicks.page.get_by_text("no_look_ahead").first.click()
    clicks.page.get_by_text("Passed", exact=True).first.wait_for()
    clicks.page.get_by_text("[Show Markdown]").first.click()
    clicks.page.get_by_text("raw rows replaced").first.wait_for()
    clicks.shot("causality")
    clicks.open("/assets/bars?view=lineage")
    clicks.page.get_by_text("brooks_tokens").first.wait_for()
    clicks.shot("lineage")


LEAK = """

_honest = LogReturn.compute


def _shifted(self, bars):
    return {name: np.append(values[1:], np.nan) for name, values in _honest(self, bars).items()}


LogReturn.compute = _shifted
"""


def see_red(clicks: Clicks, service: Service) -> None:
    """Let a feature show the next bar's value: it is refused, and the check says where."""
    with (service.project / "fints_pipeline" / "features" / "log_return.py").open("a") as file:
        file.write(LEAK)
    clicks.open("/assets/features?view=partitions")
    clicks.launch("Materialize", ["synthetic.WALKB"], MONTHS[-1])
    service.until(lambda: finished(service) == "FAILURE", "the run to fail", 120)
    clicks.open("/assets/features?view=checks")
    clicks.page.get_by_text("no_look_ahead").first.click()
    clicks.page.get_by_text("Failed", exact=True).first.wait_for()
    clicks.shot("red")
    clicks.page.get_by_text("[Show Markdown]").first.click()
    clicks.page.get_by_text("column log_return").first.wait_for()
    clicks.shot("evidence")
