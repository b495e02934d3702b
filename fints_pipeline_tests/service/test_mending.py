from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from sqlalchemy.exc import OperationalError

from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.base.lake.lake import _lock_name
from fints_pipeline.service.mending import settle_and_tell, sweep_and_tell


@pytest.fixture(autouse=True)
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Return the lake of the service, and keep it from the scratch folders of other tests."""
    monkeypatch.setenv("FINTS_LAKE", str(tmp_path / "lake"))
    monkeypatch.setattr("fints_pipeline.base.scratch.sweep_scratch", list)
    return Lake(tmp_path / "lake")


def left(lake: Lake, month: str) -> Path:
    """Leave a month half written."""
    file = lake.root / series_key("bars", "5m", "synthetic.EDGE", month).folder / ".tmp-half"
    file.parent.mkdir(parents=True)
    file.write_text("half")
    return file


def test_what_settled_runs_left_is_removed_and_what_is_being_written_stays(
    lake: Lake, capsys: pytest.CaptureFixture[str]
):
    with dg.instance_for_test() as instance:
        half, written = left(lake, "2024-07"), left(lake, "2024-08")
        settle_and_tell(instance, launching=False)
        assert half.exists()  # nothing has died
        create_run_for_test(instance, status=dg.DagsterRunStatus.STARTING)
        lock = _lock_name(series_key("bars", "5m", "synthetic.EDGE", "2024-08"))
        with lake.store.locked(lock):
            settle_and_tell(instance, launching=False)
        assert (half.exists(), written.exists()) == (False, True)
        assert f"removed {half}: left unfinished" in capsys.readouterr().out


def test_a_disk_that_fails_ends_no_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fail(_lake: Lake) -> list[Path]:
        raise OSError("read-only file system")

    monkeypatch.setattr(Lake, "sweep", fail)
    sweep_and_tell()
    assert "cannot be removed: read-only file system" in capsys.readouterr().out


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
