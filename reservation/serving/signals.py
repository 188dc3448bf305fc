"""The supervisor's signals: SIGTERM and SIGINT ask for a stop, SIGHUP for new workers."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """What has been asked for; while `starting`, the first stop signal raises SystemExit, later ones are only noted."""

    def __init__(self) -> None:
        self.stop_requested = False
        self.stops_at_once = False  # by SIGINT, as of Ctrl-C, or by a second signal
        self.restart_requested = False
        self.starting = True
        self._has_terminal = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals inside the block.

        A SIGHUP from a terminal that has closed is a stop, unless the process was started to ignore it (nohup).
        """
        hangup_was = signal.signal(signal.SIGHUP, self._hangup)
        self._has_terminal = hangup_was != signal.SIG_IGN and _has_terminal()
        before = {number: signal.signal(number, self._stop) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in (before | {signal.SIGHUP: hangup_was}).items():
                signal.signal(number, handler)

    def _stop(self, number: int, _: FrameType | None) -> None:
        is_first, self.stop_requested = not self.stop_requested, True
        self.stops_at_once = self.stops_at_once or not is_first or number == signal.SIGINT
        if is_first and self.starting:
            raise SystemExit(128 + number)

    def _hangup(self, number: int, frame: FrameType | None) -> None:
        if self._has_terminal and not _has_terminal():
            self._stop(number, frame)
        else:
            self.restart_requested = True


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
