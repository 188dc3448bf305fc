"""Aborts connections whose client does not read what it was sent: without an end, they would keep it in memory.

To close such a connection is not enough: the transport then waits until everything is sent.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from time import monotonic

import structlog

LONGEST_S = 30.0  # without progress, while something waits to be sent
SWEEP_S = 5.0
SHORTEST_SWEEP_S = 0.05
# From which byte on Linux's struct tcp_info has tcpi_bytes_acked: what the other side has received, in bytes.
BYTES_ACKED_AT = 120
BYTES_ACKED = struct.Struct("=Q")
TCP_INFO: int | None = getattr(socket, "TCP_INFO", None)

log = structlog.stdlib.get_logger("reservation.connections")


class UnreadAnswers:
    """Looks at all connections of a worker from time to time; a connection with nothing to send costs next to nothing.

    A client that reads slowly makes progress, and stays.
    """

    def __init__(self, transports: Callable[[], Iterable[asyncio.Transport]]) -> None:
        self._transports = transports
        self._waiting: dict[asyncio.Transport, tuple[float, int]] = {}  # since when, with which progress
        self._longest_s, self._sweep_s = LONGEST_S, SWEEP_S
        self._timer = asyncio.get_running_loop().call_later(self._sweep_s, self._sweep_again)

    def hurry(self, longest_s: float) -> None:
        """Abort connections after this time without progress: the service stops."""
        self._longest_s, self._sweep_s = longest_s, max(SHORTEST_SWEEP_S, longest_s / 4)
        self._timer.cancel()
        self._sweep_again()

    def end(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def sweep(self) -> None:
        """Abort each connection that has made no progress for so long."""
        now, waiting, aborted = monotonic(), {}, 0
        for transport in self._transports():
            if not transport.get_write_buffer_size():
                continue
            progress = _progress(transport)
            since, before = self._waiting.get(transport, (now, progress))
            if progress != before:
                since = now
            if now - since < self._longest_s:
                waiting[transport] = since, progress
            else:
                transport.abort()
                aborted += 1
        self._waiting = waiting
        if aborted:
            log.warning("unread_answers_aborted", connections=aborted, after_s=self._longest_s)

    def _sweep_again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._sweep_s, self._sweep_again)  # even if the sweep fails
        self.sweep()


def _progress(transport: asyncio.Transport) -> int:
    """What changes when the client reads: the bytes that it has received, or how many wait where that is not known."""
    sock = transport.get_extra_info("socket")
    if TCP_INFO is not None and sock is not None:
        try:
            info = sock.getsockopt(socket.IPPROTO_TCP, TCP_INFO, BYTES_ACKED_AT + BYTES_ACKED.size)
            return int(BYTES_ACKED.unpack_from(info, BYTES_ACKED_AT)[0])
        except (OSError, ValueError, struct.error):  # not TCP, already closed (uvloop: ValueError), or an old kernel
            pass
    return transport.get_write_buffer_size()
