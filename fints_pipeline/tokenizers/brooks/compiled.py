"""How the grammar's functions are compiled, and the digest of their sources for numba's cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def rule(function: F) -> F:
    """Compile one rule; it is inlined into the kernel, which alone is cached on disk."""
    return cast("F", njit(error_model="numpy")(function))


def entry_point(function: F) -> F:
    """Compile a function that Python calls, and keep the machine code on disk."""
    return cast("F", njit(cache=True, nogil=True, error_model="numpy")(function))


def sources_digest() -> int:
    """Return a number that changes when any file of the grammar does.

    Numba's disk cache looks at the entry point's own file only, so a changed rule would go
    unnoticed; an entry point that closes over this number is compiled anew.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:7], "little")
