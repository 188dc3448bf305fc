"""Free ports for servers that a test must tell which port to listen on."""

import itertools
import os
import secrets
from collections.abc import Iterator

from reservation.embedded.ports import LOWEST_PORT, is_taken

FIRST_PORT = 10_000
PORTS_EACH = 1_000
PROCESSES = (LOWEST_PORT - FIRST_PORT) // PORTS_EACH


def _own_ports() -> Iterator[int]:
    """Ports of this test process alone, in turn, below those of embedded servers.

    A range of its own, because a port that is free now may be taken by another process before the server listens.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES
    first = FIRST_PORT + process * PORTS_EACH
    for offset in itertools.count(secrets.randbelow(PORTS_EACH)):
        port = first + offset % PORTS_EACH
        if not is_taken(port):
            yield port


_ports = _own_ports()


def free_port() -> int:
    """A free port of 127.0.0.1 that no other process of the suite gets."""
    return next(_ports)
