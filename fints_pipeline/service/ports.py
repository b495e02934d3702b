"""A TCP port as a command line gives it."""

from __future__ import annotations

import argparse

LAST = 65_535


def port(text: str) -> int:
    """Return a port, for `argparse`.

    Raises:
        ArgumentTypeError: it is not a number from 1 to 65535; a larger one would wrap around.
    """
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LAST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; choose one from 1 to {LAST}")
    return int(text)
