"""Free TCP ports of this machine for the embedded servers."""

import secrets
import socket
from collections.abc import Iterator

LOWEST_PORT = 20_000
HIGHEST_PORT = 32_767  # above it the kernel picks ports for outgoing connections
TRIES = 5


def free_ports() -> Iterator[int]:
    """A few ports that were free when looked at; if another program takes one first, the caller tries the next."""
    given = 0
    for _ in range(100 * TRIES):
        port = LOWEST_PORT + secrets.randbelow(HIGHEST_PORT - LOWEST_PORT + 1)
        if given < TRIES and not is_taken(port):
            given += 1
            yield port


def is_taken(port: int) -> bool:
    """Whether a program listens on the port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
