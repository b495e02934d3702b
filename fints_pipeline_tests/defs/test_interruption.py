import os
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from fints_pipeline.defs.launch import Launcher


@dg.asset
def interrupted() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()  # pragma: no cover


@dg.asset
def never(interrupted: None) -> None:
    raise AssertionError("a run that was interrupted went on")


def test_ctrl_c_ends_a_job_as_ctrl_c(instance: dg.DagsterInstance) -> None:
    job = dg.define_asset_job("ingest", "*")
    definitions = dg.Definitions([interrupted, never], jobs=[job], executor=dg.in_process_executor)
    with pytest.raises(KeyboardInterrupt):
        Launcher(instance, definitions).ingest()
    (run,) = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE


@pytest.mark.slow
def test_ctrl_c_of_a_backfill_says_so_and_no_more(tmp_path: Path, project: Path) -> None:
    from fints_pipeline.data.synthetic import make_market

    make_market(tmp_path / "inbox" / "synthetic", 0, "2024-06", "2024-08")
    (tmp_path / "dagster").mkdir()
    folders = {
        "DAGSTER_HOME": str(tmp_path / "dagster"),
        "FINTS_LAKE": str(tmp_path / "lake"),
        "FINTS_INBOX": str(tmp_path / "inbox"),
    }
    command = subprocess.Popen(
        [sys.executable, "-u", "-m", "fints_pipeline.backfill", "--symbols", "EDGE"],
        cwd=project, env=os.environ | folders, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert command.stdout is not None
    command.stdout.readline()  # one partition is made
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=300)
    assert (command.returncode, said.strip().splitlines()[-1]) == (130, "interrupted")
    assert "Traceback" not in said
