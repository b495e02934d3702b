"""How the grammar's functions are compiled, and the digest of their sources for numba's cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

from fints_pipeline.base import compiled

F = TypeVar("F", bound=Callable[..., object])


def rule(function: F) -> F:
    """Compile one rule; it is inlined into the kernel, which alone is cached on disk."""
    return cast("F", njit(error_model="numpy")(function))


def entry_point(function: F) -> F:
    """Compile a function that Python calls, and keep the machine code on disk."""
    return cast("F", njit(cache=True, nogil=True, error_model="numpy")(function))


def sources_digest() -> int:
    """Return a number that changes when any file of the grammar does."""
    return compiled.sources_digest(__file__)
