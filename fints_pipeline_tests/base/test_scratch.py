import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fints_pipeline.base.scratch import scratch, sweep_scratch

HOLDS = """
import sys, time
from fints_pipeline.base.scratch import scratch
with scratch("test") as folder:
    (folder / "half.txt").write_text("half")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_a_folder_is_gone_in_the_end(temporary: Path):
    with scratch("test") as folder:
        assert folder.parent == temporary
        assert folder.is_dir()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_what_is_in_use_is_not(temporary: Path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        assert sweep_scratch() == []
        os.kill(process.pid, signal.SIGKILL)
    with scratch("other") as mine:
        assert sweep_scratch() == [left]
        assert mine.is_dir()
    assert not left.exists()


def test_a_folder_that_is_about_to_be_locked_is_not_swept(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
):
    def lock(stream, operation):
        monkeypatch.undo()
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
        swept.extend(sweep_scratch())
        fcntl.flock(stream, operation)

    swept: list[Path] = []
    monkeypatch.setattr("fints_pipeline.base.scratch.fcntl.flock", lock)
    with scratch("test") as folder:
        assert folder.is_dir()
        assert swept == []
