"""Ports for what a test starts on a port that it must name beforehand."""

import itertools
import os
import secrets
from collections.abc import Iterator

from reservation.embedded.ports import LOWEST_PORT, is_taken

FIRST_PORT = 10_000
PORTS_EACH = 1_000
PROCESSES = (LOWEST_PORT - FIRST_PORT) // PORTS_EACH


def _own_ports() -> Iterator[int]:
    """Give this process's own ports in turn: below those of embedded servers, and of no process of the suite beside it.

    A port that was free a moment ago may be gone when a service has started far enough to listen on it, and unlike an
    embedded server it does not take the next.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES
    first = FIRST_PORT + process * PORTS_EACH
    for offset in itertools.count(secrets.randbelow(PORTS_EACH)):
        port = first + offset % PORTS_EACH
        if not is_taken(port):
            yield port


_ports = _own_ports()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no other process of the suite is given."""
    return next(_ports)
