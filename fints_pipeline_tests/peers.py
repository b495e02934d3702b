"""Runs other libraries in their own environment (`make peers`), arrays in and arrays out."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

PYTHON = Path(__file__).resolve().parent.parent / ".venv-peers" / "bin" / "python"
FRAME = """
import sys
import numpy as np
given = np.load(sys.argv[1])
made = {}
%s
np.savez(sys.argv[2], **made)
"""


def run_peer(code: str, folder: Path, **arrays: np.ndarray) -> dict[str, np.ndarray]:
    """Run ``code``, which reads arrays from ``given`` and puts others into ``made``.

    Skips the test where the environment is absent.
    """
    if not PYTHON.exists():
        pytest.skip("the environment of peers is absent: `make peers` makes it")
    np.savez(folder / "given.npz", **arrays)
    command = [str(PYTHON), "-c", FRAME % code, folder / "given.npz", folder / "made.npz"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(folder / "made.npz") as made:
        return dict(made)
