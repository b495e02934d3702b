"""Small file systems of a test's own; only root can mount them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def mount(*options: str) -> None:
    """Mount, or skip the test where that is not allowed."""
    done = subprocess.run(["mount", *options], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """Make ``folder`` a file system of ``size`` bytes."""
    if os.geteuid():
        pytest.skip("only root can mount a file system")
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}", "small", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
