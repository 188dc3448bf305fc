"""A timer more precise than the event loop's, which rounds to whole milliseconds.

Rounding adds half a millisecond on average to every latency, which counts from the intended arrival. Linux's timerfd
wakes the loop some 50 microseconds after the instant; elsewhere the loop's own timer is used.
"""

import asyncio
import ctypes
import os
from collections.abc import Callable
from contextlib import suppress

CLOCK_MONOTONIC = 1
TFD_TIMER_ABSTIME = 1
NANOSECONDS = 1_000_000_000

TimerSpec = ctypes.c_long * 4  # struct itimerspec: the interval, 0 for once, and the instant, in s and ns each


class PreciseTimer:
    """Calls `callback` once, at or soon after the instant set last; instants are time.monotonic()'s."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop, self._callback = loop, callback
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer: asyncio.TimerHandle | None = None
        self._fd = -1
        if hasattr(self._libc, "timerfd_create"):
            self._fd = self._libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd >= 0:
            loop.add_reader(self._fd, self._wake)

    def set(self, at_s: float) -> None:
        """Call at this instant, at once if it has passed."""
        if self._fd < 0:
            self._timer = self._loop.call_at(at_s, self._callback)
            return
        at_ns = max(int(at_s * NANOSECONDS), 1)  # 0 would disarm it
        spec = TimerSpec(0, 0, at_ns // NANOSECONDS, at_ns % NANOSECONDS)
        if self._libc.timerfd_settime(self._fd, TFD_TIMER_ABSTIME, ctypes.byref(spec), None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def close(self) -> None:
        """Stop calling."""
        if self._timer is not None:
            self._timer.cancel()
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # set again since it fired
            os.read(self._fd, 8)
            self._callback()
