"""A database that goes away in the middle of a run, and tables that several make at once."""

from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.storage.tags import RETRY_ON_ASSET_OR_OP_FAILURE_TAG
from sqlalchemy.exc import OperationalError, ProgrammingError

from fints_pipeline.defs import executors, home
from fints_pipeline.defs.database import is_away, others_made_it


def lost() -> OperationalError:
    return OperationalError(
        "SELECT 1", None, Exception("server closed the connection unexpectedly")
    )


def made_by_others(code: str) -> ProgrammingError:
    return ProgrammingError("CREATE TABLE", None, SimpleNamespace(pgcode=code))


def wrapped(error: Exception) -> Exception:
    outer = RuntimeError("too many retries")
    outer.__cause__ = error
    return outer


class Tells(InProcessExecutor):
    """An executor whose steps have ended already."""

    def __init__(self, events: list[dg.DagsterEvent]) -> None:
        self._events = events

    def execute(self, plan_context, execution_plan):
        return iter(self._events)


def test_a_lost_connection_is_known_under_what_wraps_it():
    assert is_away(lost())
    assert is_away(wrapped(lost()))
    assert not is_away(wrapped(ValueError("a user's mistake")))


def test_a_table_that_another_made_is_known_from_one_that_may_not_be_made():
    assert others_made_it(made_by_others("42P07"))
    assert others_made_it(wrapped(made_by_others("42710")))
    assert not others_made_it(made_by_others("42501"))  # not permitted


@pytest.mark.parametrize(
    ("error", "shared", "again"),
    [(lost(), True, "true"), (lost(), False, None), (ValueError("a bug"), True, None)],
)
def test_a_run_that_lost_its_database_is_taken_up_again_and_no_other(
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    shared: bool,
    again: str | None,
):
    monkeypatch.setattr(executors, "is_shared", lambda instance: shared)

    @dg.asset
    def broken():
        raise error

    done = dg.materialize([broken], instance=instance, raise_on_error=False)
    failures = [event for event in done.all_events if event.is_step_failure]
    assert len(failures) == 1
    executor = executors._Noting(Tells(failures))
    context = SimpleNamespace(instance=instance, run_id=done.run_id)
    assert list(executor.execute(context, None)) == failures
    run = instance.get_run_by_id(done.run_id)
    assert run is not None
    assert run.tags.get(RETRY_ON_ASSET_OR_OP_FAILURE_TAG) == again


def test_a_home_waits_for_the_tables_that_another_home_makes(
    monkeypatch: pytest.MonkeyPatch, tmp_path
):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    get, left = dg.DagsterInstance.get, [made_by_others("42P07"), made_by_others("42710")]

    def second() -> dg.DagsterInstance:
        if left:
            raise left.pop()
        return get()

    monkeypatch.setattr(home.dg.DagsterInstance, "get", second)
    with home.opened_instance() as instance:
        assert instance.get_runs() == []
    assert left == []


def test_a_home_that_may_make_no_tables_says_so_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    def refused() -> dg.DagsterInstance:
        raise made_by_others("42501")

    monkeypatch.setattr(home.dg.DagsterInstance, "get", refused)
    with pytest.raises(ProgrammingError), home.opened_instance():
        pass
    assert not (tmp_path / home.MARK).exists()
