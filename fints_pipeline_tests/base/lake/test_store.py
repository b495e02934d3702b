import subprocess
import sys
import threading
from pathlib import Path, PurePosixPath

import pytest

from fints_pipeline.base.lake.store import FolderStore


def test_a_bucket_needs_its_extra_and_a_folder_does_not(project: Path) -> None:
    code = (
        "import sys; sys.modules['boto3'] = None\n"
        "from fints_pipeline.base.lake import Lake\n"
        "Lake('folder')\n"
        "try:\n    Lake('s3://bucket/x')\nexcept Exception as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    assert "needs boto3" in done.stdout
    assert "make deploy" in done.stdout
    assert done.stderr == ""


def test_stamps_name_folders_whatever_the_root_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bars" / "freq=5m" / "month=2023-01"
    folder.mkdir(parents=True)
    (folder / "data.parquet").touch()
    monkeypatch.chdir(tmp_path)
    for root in (tmp_path, Path()):
        found = FolderStore(root).stamps(PurePosixPath("bars"), "data.parquet")
        assert [path for path, _ in found] == ["bars/freq=5m/month=2023-01"]


def test_who_waits_for_a_lock_is_told_once_and_who_need_not_is_not(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    told = threading.Event()
    taken: list[str] = []

    def wait() -> None:
        with store.locked("one", told.set):
            taken.append("second")

    with store.locked("one", lambda: pytest.fail("nobody had it")):
        other = threading.Thread(target=wait)
        other.start()
        assert told.wait(30)
        taken.append("first")
    other.join(30)
    assert taken == ["first", "second"]
