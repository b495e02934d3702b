from pathlib import Path
from typing import Any

import pytest
import yaml

from fints_pipeline.defs.sensors import fold_sensor
from fints_pipeline.defs.targets import range_tags

PLACES = {
    "dagster.yaml": "concurrency.runs.tag_concurrency_limits",
    "configs/deploy/dagster-postgres.yaml": "concurrency.runs.tag_concurrency_limits",
    "configs/deploy/helm-values.yaml": (
        "dagsterDaemon.runCoordinator.config.queuedRunCoordinator.tagConcurrencyLimits"
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_one_run_an_instrument_whether_of_a_month_or_of_a_range(project: Path, name: str) -> None:
    found: Any = yaml.safe_load((project / name).read_text())
    for part in PLACES[name].split("."):
        found = found[part]
    limits = {each["key"]: (each["limit"], each["value"]) for each in found}
    once = (1, {"applyLimitPerUniqueValue": True})
    (of_a_range,) = (key for key, value in range_tags("a.X", "2024-01", "2024-02").items()
                     if value == "a.X")  # fmt: skip
    assert limits == {"dagster/partition/instrument": once, of_a_range: once}


def test_the_fold_sensor_names_no_job_that_it_never_launches() -> None:
    assert fold_sensor.targets == []
