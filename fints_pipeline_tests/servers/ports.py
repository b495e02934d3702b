"""Ports on the loopback that nobody listens on."""

import socket


def free_port() -> int:
    """Return a port that is free now; who asks takes it soon."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
