"""Refuses connections: of a client address that has too many, and where file descriptors run out.

A connection that is refused gets a problem document as soon as it sends something, and is closed.
"""

import resource
from asyncio import BaseTransport
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

import structlog

from ..runtime.metrics import CounterBy
from ..settings import Settings
from .input.client_address import peer_key
from .output.problems import problem_bytes

# File descriptors left for the stores, for files, and for connections while they are refused: 64 may be accepted in
# each of the few rounds of the event loop until the first of them is closed.
SPARE_FILES = 256
MOST_REFUSED = 32  # connections that wait for something that can be answered; more are closed without an answer
LOG_EVERY_S = 10.0
CONNECTIONS_REFUSED = CounterBy(
    "reservation_connections_refused",
    "Connections refused: their address had too many, or file descriptors ran out.",
    "reason",
    known=("address", "files"),
)

log = structlog.stdlib.get_logger("reservation.http")


class Admitted(NamedTuple):
    """A new connection: its address, empty if that is not counted, and what makes the answer if it is refused."""

    address: str = ""
    refusal: Callable[[], bytes] | None = None


class ConnectionLimits:
    """Counts the connections of one worker by their addresses, those of TRUSTED_PROXIES left out."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.connections_per_address
        self._trusted = settings.trusted_proxies
        self._open: dict[str, int] = {}
        self._refused = 0  # connections that are refused and not closed yet
        self._log_at = 0.0

    def admit(self, transport: BaseTransport) -> Admitted:
        """Count a new connection, or refuse it; one with an address is to be released at its end."""
        if self._has_no_files(transport):
            CONNECTIONS_REFUSED.counts["files"] += 1
            return Admitted(refusal=_no_files)
        peer = transport.get_extra_info("peername") if self._most else None
        address = peer_key(peer[0], self._trusted) if isinstance(peer, tuple) else ""
        if not address:
            return Admitted()
        count = self._open.get(address, 0)
        if count >= self._most:
            CONNECTIONS_REFUSED.counts["address"] += 1
            return Admitted(refusal=_too_many)
        self._open[address] = count + 1
        return Admitted(address)

    def release(self, address: str) -> None:
        """A counted connection has ended."""
        count = self._open[address] - 1
        if count:
            self._open[address] = count
        else:
            del self._open[address]

    def begin_refusal(self) -> bool:
        """Count a refused connection, for which `end_refusal` is due; False if it is to be closed at once."""
        self._refused += 1
        return self._refused <= MOST_REFUSED

    def end_refusal(self) -> None:
        """A refused connection has ended."""
        self._refused -= 1

    def _has_no_files(self, transport: BaseTransport) -> bool:
        """Whether this connection has one of the last file descriptors; the lowest free one is always taken.

        Beyond the last one the kernel refuses further connections, and the event loop closes them.
        """
        limit, sock = resource.getrlimit(resource.RLIMIT_NOFILE)[0], transport.get_extra_info("socket")
        if limit == resource.RLIM_INFINITY or sock is None or sock.fileno() < limit - min(SPARE_FILES, limit // 8):
            return False
        if monotonic() >= self._log_at:
            self._log_at = monotonic() + LOG_EVERY_S
            log.error("file_descriptors_run_out", limit=limit, hint="raise the limit of open files (ulimit -n)")
        return True


def _too_many() -> bytes:
    return problem_bytes(429, "too_many_requests", "Your address has too many connections: close some.")


def _no_files() -> bytes:
    return problem_bytes(503, "overloaded", "Too many connections are open: try again shortly.")
