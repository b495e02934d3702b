"""How functions are compiled, and how machine code on disk follows the sources it is made of."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

Function = Callable[..., Any]
# Like Numba's own for code that only compiled code calls: without the way in from Python or C.
_INSIDE: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}


def part(function: Function) -> Any:
    """Compile a function into its callers, the outermost of which is an `entry_point`.

    It can neither make nor return an array: those that it is given are its caller's, and no
    references to them are counted, which in a tight loop takes longer than the work. Python cannot
    call it: the code for that takes longer to compile than the function.
    """
    return njit(error_model="numpy", forceinline=True, **_INSIDE)(function)


def maker(function: Function) -> Any:
    """Compile a function that makes an array for its callers, the outermost an `entry_point`."""
    return njit(error_model="numpy")(function)


def entry_point(function: Function) -> Any:
    """Compile a function that Python calls, and keep the machine code on disk."""
    return njit(cache=True, error_model="numpy")(function)


def sources_digest(entry: str, *others: str) -> int:
    """A number that changes when any source in an entry point's folder does, or another file.

    Numba's cache on disk looks at the entry point's own file only, so that a change elsewhere
    would go unnoticed; an entry point that closes over this number is compiled anew.

    Args:
        entry: the entry point's file.
        others: files outside its folder whose constants or types are compiled in.
    """
    digest = hashlib.sha256()
    folder = sorted(Path(entry).parent.glob("*.py"))
    for path in (*folder, *map(Path, others), Path(__file__)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return int.from_bytes(digest.digest()[:7], "little")
