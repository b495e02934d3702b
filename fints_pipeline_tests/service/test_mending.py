import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from sqlalchemy.exc import OperationalError

from fints_pipeline.service.mending import settle_and_tell


def lost() -> OperationalError:
    return OperationalError("SELECT 1", None, Exception("connection refused"))


def test_a_database_that_is_away_is_asked_the_next_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with dg.instance_for_test() as instance:
        run = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTING)
        ask = instance.get_run_records
        left: list[Exception] = [ValueError("a bug"), lost()]

        def answer(*arguments: object) -> object:
            if left:
                raise left.pop()
            return ask(*arguments)

        monkeypatch.setattr(instance, "get_run_records", answer)
        settle_and_tell(instance, launching=False)
        assert "database is away, trying again" in capsys.readouterr().out
        with pytest.raises(ValueError, match="a bug"):
            settle_and_tell(instance, launching=False)
        settle_and_tell(instance, launching=False)
        assert f"settled run {run.run_id}" in capsys.readouterr().out
