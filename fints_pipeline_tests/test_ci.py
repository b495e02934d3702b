import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml


@pytest.fixture
def checkout(tmp_path: Path, project: Path) -> Path:
    """Return a checkout where make and pytest only write down how they were called."""
    shutil.copytree(project / ".ci", tmp_path / ".ci")
    for path in (tmp_path / "bin" / "make", tmp_path / ".venv" / "bin" / "python"):
        path.parent.mkdir(parents=True)
        path.write_text(
            f'#!/bin/sh\necho "$@" >> "{tmp_path}/calls"\n[ "$1" != "$FAILS" ] || exit 3\n'
        )
        path.chmod(0o755)
    return tmp_path


def run(checkout: Path, **environment: str) -> tuple[int, list[str]]:
    path = f"{checkout / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        [checkout / ".ci" / "run"],
        env=os.environ | {"PATH": path, "FAILS": ""} | environment,
        capture_output=True,
    )
    return done.returncode, (checkout / "calls").read_text().splitlines()


def test_every_step_runs_and_writes_its_report(checkout: Path) -> None:
    status, calls = run(checkout, FINTS_REPORTS="reports")
    assert status == 0
    assert [call.split()[0] for call in calls] == ["venv", "check", "test", "-m", "-m", "ci-jobs"]
    reports = [part for call in calls for part in call.split() if "--junitxml" in part]
    assert [part.rpartition("/")[2] for part in reports] == ["fast.xml", "server.xml", "soak.xml"]


def test_the_first_failure_ends_it_with_its_status(checkout: Path) -> None:
    status, calls = run(checkout, FAILS="check")
    assert status == 3
    assert calls == ["venv", "check"]


def test_without_a_folder_for_them_there_are_no_reports(checkout: Path) -> None:
    _, calls = run(checkout)
    assert not [call for call in calls if "junit" in call]


def test_every_job_is_run_for_real(project: Path) -> None:
    """A job that is added to the code location needs its line in `.ci/jobs`."""
    from fints_pipeline.definitions import defs

    commands = re.findall(r"^ *execute (\w+)", (project / ".ci" / "jobs").read_text(), re.M)
    known = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert set(commands) == known


def test_the_workflow_runs_what_a_change_has_to_pass(project: Path) -> None:
    workflow = yaml.safe_load((project / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    assert workflow["permissions"] == {"contents": "read"}
