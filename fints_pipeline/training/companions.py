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

from fints_pipeline.base.errors import ConfigError, UserError
from fints_pipeline.training.seeds import reproducible

_PATIENCE = timedelta(minutes=30)
_MEETING = timedelta(minutes=3)
_END_SECONDS = 60.0
_DEATH_SECONDS = 5.0


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
        backend = "nccl" if device == "gpu" else "gloo"
        self._meet(backend)
        return DDPStrategy(
            cluster_environment=_Environment(self),
            process_group_backend=backend,
            timeout=_PATIENCE,
            find_unused_parameters=True,
        )

    def _meet(self, backend: str) -> None:
        """Form the group that Lightning then finds; who is missing is not waited for for long."""
        store = dist.TCPStore(  # type: ignore[attr-defined]
            "127.0.0.1", self.port, self.count, is_master=self.rank == 0, timeout=_MEETING
        )
        dist.init_process_group(
            backend, timeout=_PATIENCE, store=store, rank=self.rank, world_size=self.count
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
        ConfigError: this process may not start others.
        UserError: another process ended with an error.
    """
    if count == 1:
        yield Seat()
        return
    if multiprocessing.current_process().daemon:
        raise ConfigError(
            "a fit of several processes cannot run in a worker that may not start any",
            where="hardware.processes",
            fix="set it to 1, or train with an executor whose workers may (not Dask's)",
        )
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
        # A lost connection is seen before the process that held it has ended.
        for other in others:
            other.join(_DEATH_SECONDS)
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
