"""How a running instance is asked for its statements anew: by SIGHUP, or through a socket that tells the outcome."""

import json
import logging
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType

from ..settings import Settings
from .listening import CannotListen

DOORS = "reload-*.sock"  # in DATA_DIR, one an instance
BACKLOG = 8
ANSWER_WAIT_S = 1.0

logger = logging.getLogger("reservation.serving")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a reload: refused by the instance as a whole, or what each worker has made of it."""

    refused: str | None = None
    changed: Sequence[str] = ()
    workers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.refused is not None:
            return f"the statements stay as they were: {self.refused}"
        return f"statements reloaded: {', '.join(self.changed) or 'none has changed'}"


class ReloadRequests:
    """Gathers requests until the supervisor has time for them; one reload answers all that were there before it."""

    def __init__(self, end: Callable[[int, FrameType | None], None]) -> None:
        self.doors: list[socket.socket] = []
        self._end = end
        self._port = 0
        self._signalled = False
        self._has_terminal = False

    @contextmanager
    def on_signal(self) -> Iterator[None]:
        """Take SIGHUP for a request, unless it says that the terminal we run in is gone: then it ends the service.

        Whoever ignores it already (nohup) means to outlive the terminal.
        """
        before = signal.signal(signal.SIGHUP, self._note)
        self._has_terminal = before != signal.SIG_IGN and _terminal_answers()
        try:
            yield
        finally:
            signal.signal(signal.SIGHUP, before)

    @contextmanager
    def door(self, settings: Settings, port: int) -> Iterator[None]:
        """Listen on a socket in the data folder, where there is anything to reload; raises CannotListen."""
        if settings.sql_dir is None:
            yield
            return
        self._port = port
        path = settings.data_dir / DOORS.replace("*", secrets.token_hex(4))
        with socket.socket(socket.AF_UNIX) as door:
            try:
                settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
                with short_name(path) as name:
                    door.bind(name)
                path.chmod(0o600)
            except OSError as error:
                raise CannotListen(f"{path}: {error.strerror}; choose another DATA_DIR") from error
            door.setblocking(False)
            door.listen(BACKLOG)
            self.doors.append(door)
            try:
                yield
            finally:
                self.doors.clear()
                path.unlink(missing_ok=True)

    @contextmanager
    def pending(self) -> Iterator[Callable[[Outcome], None] | None]:
        """What to tell an outcome to, if anybody has asked."""
        with ExitStack() as stack:
            callers = [stack.enter_context(caller) for caller in self._callers()]
            signalled = self._signalled
            if signalled:  # or one that comes just now would be lost
                self._signalled = False
            yield (lambda outcome: self._tell(callers, outcome)) if callers or signalled else None

    def _callers(self) -> Iterator[socket.socket]:
        for door in self.doors:
            with suppress(OSError):  # nobody is there, or nobody any more
                for _ in range(BACKLOG):
                    yield door.accept()[0]

    def _tell(self, callers: Sequence[socket.socket], outcome: Outcome) -> None:
        if outcome.refused is None:
            with suppress(OSError):  # who read what the start said may be gone; the service goes on
                print(outcome, flush=True)
        else:
            logger.warning("%s", outcome)
        said = json.dumps({"pid": os.getpid(), "port": self._port, **asdict(outcome)}).encode()
        for caller in callers:
            caller.settimeout(ANSWER_WAIT_S)
            with suppress(OSError):
                caller.sendall(said)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._has_terminal and not _terminal_answers():
            self._end(number, frame)
        else:
            self._signalled = True


@contextmanager
def short_name(path: Path) -> Iterator[str]:
    """Name a path in the 107 bytes that a socket's address has room for."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _terminal_answers() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
