import os
import subprocess
import sys
import time

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.storage.tags import RUN_FAILURE_REASON_TAG
from dagster._core.test_utils import create_run_for_test

from fints_pipeline.defs import settling
from fints_pipeline.defs.hosts import note_host
from fints_pipeline.defs.settling import LAUNCH_SECONDS, is_alive, settle

STARTED = dg.DagsterRunStatus.STARTED


@pytest.fixture
def process():
    """Return a process that sleeps, ended with the test."""
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    yield sleeper
    sleeper.kill()
    sleeper.wait()


def run_of(instance, pid=None, status=STARTED):
    run = create_run_for_test(instance, job_name="data", status=status)
    if pid is not None:
        instance.report_engine_event("", run, EngineEventData.in_process(pid))
    return run.run_id


def killed(process):
    process.kill()
    process.wait()
    return process.pid


def test_a_run_whose_process_was_killed_fails_and_may_be_taken_up(instance, process):
    run_id = run_of(instance, killed(process))
    (settled,) = settle(instance, time.time())
    run = instance.get_run_by_id(run_id)
    assert settled.run_id == run_id
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert run.tags[RUN_FAILURE_REASON_TAG] == "UNEXPECTED_TERMINATION"
    assert settle(instance, time.time()) == []


def test_a_living_run_is_left_alone(instance, process):
    run_id = run_of(instance, process.pid)
    assert settle(instance, time.time()) == []
    assert instance.get_run_by_id(run_id).status == STARTED


def test_a_cancelled_run_whose_process_is_gone_is_cancelled(instance, process):
    run_id = run_of(instance, killed(process), dg.DagsterRunStatus.CANCELING)
    settle(instance, time.time())
    assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.CANCELED


def test_a_run_without_a_process_has_time_to_start_while_something_launches(instance):
    run_id = run_of(instance, status=dg.DagsterRunStatus.STARTING)
    assert settle(instance, time.time()) == []
    assert [one.run_id for one in settle(instance, time.time() + LAUNCH_SECONDS + 1)] == [run_id]


def test_a_run_without_a_process_is_settled_at_once_after_a_restart(instance):
    run_id = run_of(instance, status=dg.DagsterRunStatus.STARTING)
    assert [one.run_id for one in settle(instance, time.time(), launching=False)] == [run_id]


def test_finished_and_waiting_runs_are_not_touched(instance):
    for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.NOT_STARTED):
        run_of(instance, status=status)
    assert settle(instance, time.time() + 1e6, launching=False) == []


def test_its_pool_slots_are_free_again(instance, process):
    instance.event_log_storage.set_concurrency_slots("pool", 1)
    run_id = run_of(instance, killed(process))
    instance.event_log_storage.claim_concurrency_slot("pool", run_id, "step")
    settle(instance, time.time())
    assert instance.event_log_storage.get_concurrency_info("pool").active_slot_count == 0


def test_a_process_of_the_same_number_that_started_later_is_another_one():
    assert is_alive(os.getpid(), time.time())
    assert not is_alive(os.getpid(), time.time() - 1e8)


def test_a_retry_does_not_inherit_the_machine_of_its_run(instance, process, monkeypatch):
    """Two minutes long it may live on another machine, where its number says nothing here."""
    monkeypatch.setattr(settling, "is_shared", lambda instance: True)
    first = run_of(instance, killed(process))
    note_host(instance, first)
    assert settle(instance, time.time(), launching=False, host="elsewhere") == []
    tags = instance.get_run_by_id(first).tags
    retry = create_run_for_test(instance, job_name="data", status=STARTED, tags=tags)
    instance.report_engine_event("", retry, EngineEventData.in_process(process.pid))
    assert [one.run_id for one in settle(instance, time.time())] == [first]
    later = settle(instance, time.time() + LAUNCH_SECONDS + 1, host="elsewhere")
    assert [one.run_id for one in later] == [retry.run_id]


def test_a_run_is_settled_whose_executors_file_is_gone(instance, process, monkeypatch, tmp_path):
    monkeypatch.setenv("FINTS_EXECUTORS", str(tmp_path / "gone.yaml"))
    run_id = run_of(instance, killed(process))
    (settled,) = settle(instance, time.time())
    assert "is not known" in settled.why
    assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.FAILURE
