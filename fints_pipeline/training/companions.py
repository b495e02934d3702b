"""Processes that fit together: this one leads, the others share its batches, one a device."""

from __future__ import annotations

import multiprocessing
import pickle
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.pytorch.strategies import DDPStrategy

from fints_pipeline.base.errors import UserError
from fints_pipeline.training.seeds import reproducible

_PATIENCE = timedelta(minutes=30)
_END_SECONDS = 60.0


@dataclass(frozen=True)
class Seat:
    """One process's place among those that fit together.

    Attributes:
        rank: from 0, which leads: it alone logs and writes checkpoints.
        count: of the processes.
        port: on which they meet, on this machine.
    """

    rank: int = 0
    count: int = 1
    port: int = 0

    def strategy(self, device: str) -> Any:
        """Return Lightning's strategy: DDP over gloo on CPUs and over nccl on GPUs."""
        if self.count == 1:
            return "auto"
        return DDPStrategy(
            cluster_environment=_Environment(self),
            process_group_backend="nccl" if device == "gpu" else "gloo",
            timeout=_PATIENCE,
            find_unused_parameters=True,
        )


class _Environment(ClusterEnvironment):
    """Tells Lightning the seat; the processes are there already."""

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self._seat = seat

    creates_processes_externally = True
    main_address = "127.0.0.1"

    @property
    def main_port(self) -> int:
        return self._seat.port

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self._seat.count

    def set_world_size(self, size: int) -> None:
        assert size == self._seat.count

    def global_rank(self) -> int:
        return self._seat.rank

    def set_global_rank(self, rank: int) -> None:
        assert rank == self._seat.rank

    def local_rank(self) -> int:
        return self._seat.rank

    def node_rank(self) -> int:
        return 0


@contextmanager
def seated(count: int, seed: int, fit: Callable[..., object], *arguments: Any) -> Iterator[Seat]:
    """Yield the leader's seat while the others call ``fit(*arguments, seat)``.

    Args:
        count: processes, this one included.
        seed: of the fit.
        fit: a function of a module, since the others import it.
        *arguments: are copied to the others.

    Raises:
        UserError: another process ended with an error.
    """
    if count == 1:
        yield Seat()
        return
    port = _free_port()
    spawn = multiprocessing.get_context("spawn")
    threads = torch.get_num_threads()
    # As bytes: torch would put tensors given to a process into memory that both write to.
    copied = pickle.dumps((fit, arguments))
    others = [
        spawn.Process(
            target=_sit, args=(Seat(rank, count, port), seed, threads, copied), daemon=True
        )
        for rank in range(1, count)
    ]
    for other in others:
        other.start()
    try:
        yield Seat(0, count, port)
    except RuntimeError as error:
        if any(other.exitcode not in (None, 0) for other in others):
            raise UserError(
                f"another process of the fit has ended: {error}", fix="its own error stands above"
            ) from error
        raise
    finally:
        _part()
        for other in others:
            other.join(_END_SECONDS)
            if other.is_alive():
                other.kill()
                other.join()


def _sit(seat: Seat, seed: int, threads: int, copied: bytes) -> None:
    fit, arguments = pickle.loads(copied)
    with reproducible(seed, threads):
        try:
            fit(*arguments, seat)
        finally:
            _part()


def _part() -> None:
    """Leave the process group, so that the next fit may form another one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
