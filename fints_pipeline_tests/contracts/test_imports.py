"""The import contracts of pyproject.toml hold."""

import shutil
import subprocess
import sys
from pathlib import Path


def test_import_contracts_are_kept(project: Path) -> None:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert command is not None, "import-linter is not installed"
    checked = subprocess.run(
        [command, "--no-logo", "--no-cache"], cwd=project, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
