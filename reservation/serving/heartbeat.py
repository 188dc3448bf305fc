"""Finds a worker that hangs: its event loop increments a counter in memory that it shares with the supervisor.

Unlike a pipe, memory never fills up and costs the worker no system call. No clock is compared between processes: the
supervisor adds up its own time between two looks at the counter, and little of each, so that a machine that was
suspended, or a supervisor that got no CPU, does not make a healthy worker look silent.
"""

import mmap
import time

MOST_A_LOOK_S = 1.0
_BYTES = 8


class Heartbeat:
    """Made before the fork; the worker calls `beat`, and the supervisor asks for `silent_s`."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _BYTES)
        self._count = 0
        self._seen = bytes(_BYTES)
        self._looked_at = time.monotonic()
        self._silent_s = 0.0

    def beat(self) -> None:
        """The event loop runs."""
        self._count += 1
        self._memory[:] = self._count.to_bytes(_BYTES, "little")

    def silent_s(self) -> float:
        """Seconds without a beat, as far as this process has looked."""
        now, count = time.monotonic(), self._memory[:]
        if count != self._seen:
            self._seen, self._silent_s = count, 0.0
        else:
            self._silent_s += min(now - self._looked_at, MOST_A_LOOK_S)
        self._looked_at = now
        return self._silent_s
