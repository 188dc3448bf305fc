"""Free TCP ports of this machine, and embedded servers on them."""

import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from .processes import ChildServer, EmbeddedError

LOWEST_PORT = 20_000
HIGHEST_PORT = 32_767  # above it the kernel picks ports for outgoing connections
TRIES = 5


@contextmanager
def running_on_free_port(
    name: str, start: Callable[[int], ChildServer], is_up: Callable[[ChildServer, int], bool], *, wait_s: float
) -> Iterator[int]:
    """Run a server on a free port, which it gives, for the duration of the block; raises EmbeddedError.

    Waits until `is_up`, and starts the server on another port if a program has taken the first one meanwhile.
    """
    for port in free_ports():
        with start(port) as server:
            if server.wait_until(partial(is_up, server, port), wait_s):
                yield port
                return
            if server.poll() is None or not is_taken(port):
                raise EmbeddedError(f"{name} did not start: {server.last_log_line()}")
    raise EmbeddedError(f"{name} did not start: other programs took every port that was tried")


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
