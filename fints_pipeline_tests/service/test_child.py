"""What a supervised process inherits."""

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fints_pipeline.service.child import Child

HANDLING = "import signal; print(signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)"


@pytest.fixture
def without_interrupts() -> Iterator[None]:
    """Ignore SIGINT, as `nohup … &` does."""
    kept = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, kept)


@pytest.mark.usefixtures("without_interrupts")
def test_a_service_in_the_background_can_be_interrupted(tmp_path: Path) -> None:
    child = Child("probe", [sys.executable, "-c", HANDLING], tmp_path)
    child.start()
    until = time.monotonic() + 60
    while child.pid is not None and time.monotonic() < until:
        time.sleep(0.05)
    assert child.last_words() == "True"
