"""How a command line ends: 0 when done, 2 with a plain message for a user's mistake."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from fints_pipeline.base.errors import UserError


def run(
    main: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None
) -> int:
    """Run a command's ``main(argv)`` and return its exit status.

    A `UserError` is printed to stderr without a traceback and gives 2; Ctrl-C gives 130.
    """
    try:
        return main(argv) or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
