"""What becomes of the leader where other processes fail or may not be started."""

import multiprocessing
import os
from collections.abc import Callable

import pytest
import torch
import torch.distributed as dist

from fints_pipeline.base.errors import ConfigError, UserError
from fints_pipeline.training import companions
from fints_pipeline.training.companions import Seat, seated


def die_after_meeting(seat: Seat) -> None:
    seat.strategy("cpu")
    os._exit(3)


def meet_and_add(seat: Seat) -> None:
    seat.strategy("cpu")
    dist.all_reduce(torch.zeros(1))


def die_at_once(seat: Seat) -> None:
    os._exit(3)


@pytest.mark.slow
@pytest.mark.parametrize("fit", [die_after_meeting, die_at_once])
def test_the_end_of_another_process_is_told(
    monkeypatch: pytest.MonkeyPatch, fit: Callable[[Seat], None]
) -> None:
    if fit is die_at_once:
        monkeypatch.setattr(companions, "_MEETING", companions.timedelta(seconds=20))
    with pytest.raises(UserError, match="another process"), seated(2, 0, fit) as seat:
        meet_and_add(seat)


def test_a_worker_that_may_start_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="may not start"), seated(2, 0, die_at_once):
        pass
