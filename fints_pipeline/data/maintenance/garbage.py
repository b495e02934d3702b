"""Something that nothing in the lake refers to any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Garbage:
    """Something that can go.

    Attributes:
        kind: What it is.
        path: Where it lies, below the lake's root or, where the lake is elsewhere, its copies'.
        size: Bytes.
        reason: Why nothing needs it.
        remove: Looks once more and removes it; returns whether it is gone. Killed in between, it
            leaves the rest to the next time.
    """

    kind: str
    path: PurePosixPath
    size: int
    reason: str
    remove: Callable[[], bool] = field(compare=False, repr=False)
