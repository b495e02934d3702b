"""Temporary folders that a killed process does not leave behind for good."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "fints-"
_OWNER = ".owner"


@contextlib.contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """Yield a temporary folder and remove it in the end.

    While it is in use its owner holds a lock in it, which a kill lets go: `sweep_scratch` finds the
    folder then.

    Args:
        purpose: A word for its name.
    """
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{purpose}-") as name:
        folder = Path(name)
        unlocked = folder / f"{_OWNER}-new"
        with unlocked.open("w") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX)
            unlocked.rename(folder / _OWNER)  # who sweeps sees it locked, or not at all
            yield folder


def sweep_scratch() -> list[Path]:
    """Remove the folders of `scratch` whose process is gone; return them."""
    removed = []
    for owner in sorted(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_OWNER}")):
        # Another user's, one that is in use, or one that has just gone.
        with contextlib.suppress(OSError), owner.open("r+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(owner.parent)
            removed.append(owner.parent)
    return removed
