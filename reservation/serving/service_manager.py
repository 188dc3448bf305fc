"""Notifies systemd (sd_notify(3), Type=notify) that the service is ready, is alive, or stops."""

import socket
import time
from contextlib import suppress

from ..settings.environment import notify_socket

ALIVE_EVERY_S = 1.0  # WatchdogSec of the unit is longer


class ServiceManager:
    """Tells nothing where systemd has not asked for it, and never waits for it."""

    def __init__(self) -> None:
        address = notify_socket()
        self._address = f"\0{address[1:]}" if address is not None and address[0] == "@" else address
        self._alive_at = 0.0

    def ready(self) -> None:
        """The start is over, and requests are answered."""
        self._tell("READY=1")

    def alive(self) -> None:
        """The main loop runs; may be called any number of times."""
        now = time.monotonic()
        if now - self._alive_at >= ALIVE_EVERY_S:
            self._alive_at = now
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The stop has begun."""
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        if self._address is None:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto(state.encode(), self._address)
