"""Log lines on their way to standard error: written by a thread, so that a reader that stalls never blocks the loop."""

import io
import select
import threading
from datetime import UTC, datetime
from functools import cache

import orjson

STDERR = 2
MAX_WAITING_CHARS = 4 * 1024 * 1024  # some 15,000 lines
LONGEST_WAIT_S = 1.0


class LogOutput:
    """A text stream whose `write` never blocks: lines that find too many waiting are dropped and counted.

    `stream` is unbuffered and may write less than it is given. Once lines can be written again, a line
    `log_lines_dropped` says how many were lost.
    """

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self._changed = threading.Condition()
        self._waiting: list[str] = []
        self._waiting_chars = 0  # with what is being written
        self._dropped = 0
        threading.Thread(target=self._write_for_ever, name="log output", daemon=True).start()

    def write(self, lines: str) -> None:
        """Queue whole lines for the thread."""
        with self._changed:
            if self._waiting_chars + len(lines) > MAX_WAITING_CHARS:
                self._dropped += lines.count("\n")
            else:
                self._waiting.append(lines)
                self._waiting_chars += len(lines)
                self._changed.notify_all()

    def flush(self) -> None:
        """Do nothing: the thread writes without being asked."""

    def drain(self, wait_s: float) -> bool:
        """Wait until everything is written; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting_chars, wait_s)

    def _write_for_ever(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                text, self._waiting = "".join(self._waiting), []
            is_written = self._write(text)
            with self._changed:
                self._waiting_chars -= len(text)
                if not is_written:
                    self._dropped += text.count("\n")
                elif self._dropped:
                    notice, self._dropped = _notice(self._dropped), 0
                    self._waiting.insert(0, notice)
                    self._waiting_chars += len(notice)
                self._changed.notify_all()

    def _write(self, text: str) -> bool:
        """Whether all of it was written."""
        rest = memoryview(text.encode(errors="replace"))
        try:
            while rest:
                written = self._stream.write(rest)
                if written is None:  # a non-blocking pipe that is full
                    select.select([], [self._stream], [], LONGEST_WAIT_S)
                else:
                    rest = rest[written:]
        except (OSError, ValueError):  # a closed pipe, a full disk, a closed stream
            return False
        return True


@cache
def standard_error() -> LogOutput:
    """The one output of this process to standard error; its thread does not survive a fork."""
    return LogOutput(io.FileIO(STDERR, "wb", closefd=False))


def _notice(lines: int) -> str:
    timestamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    notice = {"event": "log_lines_dropped", "lines": lines, "level": "warning", "logger": "reservation.log"}
    return f"{orjson.dumps(notice | {'timestamp': timestamp}).decode()}\n"
