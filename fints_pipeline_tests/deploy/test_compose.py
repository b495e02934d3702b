"""Everything that compose.yaml says, run on this machine without containers."""

import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline.data.synthetic import make_market
from fints_pipeline_tests.deploy.stack import Stack, interpolated
from fints_pipeline_tests.service.services import ask

SELECTOR = {
    "repositoryLocationName": "fints_pipeline",
    "repositoryName": "__repository__",
}
LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
RUNS = "{ runsOrError { ... on Runs { results { runId status parentRunId tags { key value } } } } }"
PROCESS = """
query($id: ID!) {
  logsForRun(runId: $id) {
    ... on EventConnection {
      events { ... on EngineEvent { metadataEntries { label ... on TextMetadataEntry { text } } } }
    }
  }
}
"""
MONTHS = ("2024-07", "2024-08")


@pytest.fixture(scope="module")
def stack(project: Path) -> Iterator[Stack]:
    """Return the services, started in their order and healthy, with two months in the inbox."""
    root = Path(tempfile.mkdtemp(prefix="fints-stack-"))  # a socket's path has to be short
    made = Stack(root, project, {"FINTS_POSTGRES_PASSWORD": "letters4nd9digits"})
    make_market(root / "data" / "lake" / "inbox" / "synthetic", 0, *MONTHS)
    try:
        made.start_all()
        yield made
    finally:
        made.stop_all()
        shutil.rmtree(root)


def page(stack: Stack) -> str:
    return f"http://127.0.0.1:{stack.port(3000)}"


def launch(stack: Stack, job: str, **partition: str) -> str:
    """Launch a job by the page's GraphQL, and return the run."""
    tags = [{"key": f"dagster/partition/{key}", "value": is_} for key, is_ in partition.items()]
    params = {
        "selector": {**SELECTOR, "jobName": job},
        "runConfigData": {},
        "executionMetadata": {"tags": tags},
    }
    answer = ask(page(stack), LAUNCH, params=params)["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def runs(stack: Stack) -> dict[str, Any]:
    return {run["runId"]: run for run in ask(page(stack), RUNS)["runsOrError"]["results"]}


def until(stack: Stack, happened: Callable[[], Any], what: str, patience: float = 240) -> Any:
    deadline = time.monotonic() + patience
    while not (value := happened()):
        said = "\n".join(f"{name}:\n{stack.log(name, 3000)}" for name in stack.services)
        assert time.monotonic() < deadline, f"waited {patience} s for {what}\n{said}"
        time.sleep(0.2)
    return value


def await_end(stack: Stack, run: str) -> str:
    ends = {"SUCCESS", "FAILURE", "CANCELED"}
    return until(stack, lambda: ends & {runs(stack)[run]["status"]}, f"{run} to end").pop()


def process_of(stack: Stack, run: str) -> int | None:
    """Return the process that a run's events name, when it has one."""
    events = ask(page(stack), PROCESS, id=run)["logsForRun"]["events"]
    entries = [entry for event in events for entry in event.get("metadataEntries", [])]
    return next((int(entry["text"]) for entry in entries if entry["label"] == "pid"), None)


def ancestors(pid: int) -> list[int]:
    """Return a process and those above it."""
    found = []
    while pid > 1:
        found.append(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found


@pytest.mark.server
@pytest.mark.slow
def test_a_month_is_made_through_the_page_where_the_code_is(stack: Stack) -> None:
    assert await_end(stack, launch(stack, "ingest")) == "SUCCESS", stack.log("code")
    run = launch(stack, "data", instrument="synthetic.EDGE", month=MONTHS[0])
    pid = until(stack, lambda: process_of(stack, run), "the run's process")
    assert stack.processes["code"].pid in ancestors(pid)
    assert await_end(stack, run) == "SUCCESS", stack.log("code")
    lake = Lake(stack.folder("data", "code") / "lake")
    for table in ("bars", "features", "tokens"):
        assert MONTHS[0] in lake.months(table, "5m", "synthetic.EDGE"), table


@pytest.mark.server
@pytest.mark.slow
def test_what_a_killed_service_left_is_settled_and_made_again(stack: Stack) -> None:
    run = launch(stack, "data", instrument="synthetic.WALKA", month=MONTHS[1])
    until(stack, lambda: process_of(stack, run), "the run's process")
    stack.kill("code")
    stack.start("code")
    assert await_end(stack, run) == "FAILURE", stack.log("code")
    again = until(
        stack,
        lambda: [one for one in runs(stack).values() if one["parentRunId"] == run],
        "the daemon to retry it",
    )
    assert await_end(stack, again[0]["runId"]) == "SUCCESS", stack.log("code")
    stack.kill("daemon")
    stack.start("daemon")
    stack.await_health("daemon")


@pytest.mark.server
@pytest.mark.slow
def test_both_pages_refuse_a_foreign_name(stack: Stack) -> None:
    listing = "ajax-api/2.0/mlflow/experiments/search?max_results=1"
    for address in (f"{page(stack)}/server_info", f"http://127.0.0.1:{stack.port(5000)}/{listing}"):
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert answer.status == 200
        foreign = urllib.request.Request(address, headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(foreign, timeout=30)
        with refused.value as answer:
            assert answer.code == 403


def test_a_variable_without_a_default_is_demanded() -> None:
    text = "a: ${NAME:?set it}, b: ${OTHER:-x}"
    assert interpolated(text, {"NAME": "y"}) == "a: y, b: x"
    with pytest.raises(AssertionError, match="set it"):
        interpolated(text, {})
