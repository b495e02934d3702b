"""How a command line ends: 0 when done, 2 with a plain message for a user's mistake."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from fints_pipeline.base.errors import UserError

CLOSED_PIPE = 128 + 13
"""The status of a program that the closing of its output ended, as a shell reports it."""


def run(
    main: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None
) -> int:
    """Run a command's ``main(argv)`` and return its exit status.

    A `UserError` is printed to stderr without a traceback and gives 2; Ctrl-C gives 130; a reader
    that went away, as in ``… | head``, ends the command quietly with 141.
    """
    try:
        status = main(argv) or 0
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # What is still buffered goes nowhere, or Python would complain about it at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
