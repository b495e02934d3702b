"""A TCP port as a command line gives it, and whether somebody listens on it."""

from __future__ import annotations

import argparse
import contextlib
import socket

from fints_pipeline.base.errors import ConfigError

LAST = 65_535


def port(text: str) -> int:
    """Return a port, for `argparse`.

    Raises:
        ArgumentTypeError: it is not a number from 1 to 65535; a larger one would wrap around.
    """
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LAST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; choose one from 1 to {LAST}")
    return int(text)


def answers(port: int) -> bool:
    """Return whether somebody listens on a port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def require_free(port: int, fix: str) -> None:
    """Refuse a port that somebody listens on.

    Raises:
        ConfigError: somebody does; it says to do ``fix``.
    """
    if answers(port):
        raise ConfigError(f"port {port} is in use", where="127.0.0.1", fix=fix)
