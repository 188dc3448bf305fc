"""The worker processes: started, replaced when they end, restarted one after the other on SIGHUP, stopped in order."""

import importlib
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from multiprocessing import connection

from ..db.statements import shipped
from ..embedded.processes import ended_servers
from ..errors import OperatorError
from .configuration import Configuration
from .signals import Signals
from .worker_process import WorkerProcess

# Imported before the first fork, so that each worker starts sooner and shares their memory.
LIBRARIES = (
    "aiohttp.web",
    "apispec.ext.marshmallow",
    "asyncpg",
    "jinja2",
    "limits.aio",
    "redis.asyncio",
    "structlog",
    "uvloop",
)
TICK_S = 0.2  # the delay after which a signal or the end of an embedded server is noticed
LONGEST_BACKOFF_S = 5.0
STEADY_AFTER_S = 10.0  # a worker that ran this long before it ended is replaced at once
STDERR = 2


class StartFailed(OperatorError):
    """A worker did not start; the message is its own one line."""


class ServerLost(OperatorError):
    """The embedded PostgreSQL or Valkey ended under a running service."""


@dataclass(slots=True)
class _Slot:
    """A worker's place. Its listening socket outlives the processes on it, so that no queued connection is lost.

    Without one, it is the place of the background process.
    """

    number: int
    sock: socket.socket | None
    configuration: Configuration
    serving: WorkerProcess | None = None
    starting: WorkerProcess | None = None  # takes over from `serving` once it is ready
    draining: WorkerProcess | None = None
    failures: int = 0
    start_at: float = 0.0

    @property
    def name(self) -> str:
        """What messages call the process."""
        return f"worker {self.number}" if self.sock is not None else "the background process"

    @property
    def processes(self) -> list[WorkerProcess]:
        return [each for each in (self.serving, self.starting, self.draining) if each is not None]


class Supervisor:
    """Keeps one worker serving in each slot."""

    def __init__(
        self,
        configuration: Configuration,
        sockets: list[socket.socket],
        signals: Signals,
        read_again: Callable[[], Configuration],
        *,
        background: bool,
        on_alive: Callable[[], None],
    ) -> None:
        places: list[socket.socket | None] = [*sockets, None] if background else [*sockets]
        self._slots = [_Slot(number, sock, configuration) for number, sock in enumerate(places, 1)]
        self._signals = signals
        self._read_again = read_again
        self._on_alive = on_alive
        self._roll: Iterator[None] = iter(())
        self._version = installed_version()

    def start(self) -> None:
        """Start all workers and wait until each is ready; raises StartFailed."""
        for library in LIBRARIES:
            importlib.import_module(library)
        workers = [self._fork(slot, slot.configuration) for slot in self._slots]
        for slot, worker in zip(self._slots, workers, strict=True):
            slot.serving = worker
        while not self._signals.stop_requested and not all(worker.is_ready for worker in workers):
            self._wait()
            for worker in workers:
                failure = worker.start_failure()
                if failure is not None:
                    raise StartFailed(failure)

    def watch(self) -> None:
        """Replace workers that end, and all of them on SIGHUP, until a stop is requested; raises ServerLost."""
        while not self._signals.stop_requested:
            self._on_alive()
            self._wait()
            ended = ended_servers()
            if ended:
                raise ServerLost(
                    f"the embedded {ended[0]} ended: see its log in {self._slots[0].configuration.settings.data_dir}"
                )
            for slot in self._slots:
                self._replace_ended(slot)
            if next(self._roll, self) is self and self._signals.restart_requested:
                self._signals.restart_requested = False
                self._roll = self._rolling_restart()

    def stop(self) -> None:
        """Let the workers finish what is under way, within SHUTDOWN_SECONDS; returns when all have ended.

        A requested stop is announced first, for balancers, unless it has to be at once: for STOP_DELAY_SECONDS new
        connections are served, and /ready is 503.
        """
        if self._signals.stop_requested:
            self._announce_stop()
        for sock in [slot.sock for slot in self._slots if slot.sock is not None]:
            sock.close()  # else connections would queue that no worker is going to accept
        workers = [worker for slot in self._slots for worker in slot.processes]
        for worker in workers:
            worker.stop()
        while not all(worker.has_ended() for worker in workers):
            connection.wait([worker.process.sentinel for worker in workers if worker.is_alive], timeout=TICK_S)

    def _announce_stop(self) -> None:
        serving = [worker for slot in self._slots if slot.sock is not None for worker in slot.processes]
        delay_s = self._slots[0].configuration.settings.stop_delay_s
        if not delay_s or self._signals.stops_at_once:
            return
        for worker in serving:
            worker.announce_stop()
        until = time.monotonic() + delay_s
        while (left_s := until - time.monotonic()) > 0 and not self._signals.stops_at_once:
            living = [worker.process.sentinel for worker in serving if worker.is_alive]  # others are always ready
            if not living:
                return
            self._close_unserved()
            connection.wait(living, timeout=min(left_s, TICK_S))

    def _close_unserved(self) -> None:
        """Close the sockets of workers that have ended, so that new connections go to the others."""
        for slot in self._slots:
            accepting = [each for each in (slot.serving, slot.starting) if each is not None and each.is_alive]
            if slot.sock is not None and not accepting:
                slot.sock.close()

    def _rolling_restart(self) -> Iterator[None]:
        """Replace the workers one after the other; yields while it waits, and stops at the first that cannot start."""
        upgrade = self._upgrade()
        if upgrade:
            say(f"the workers stay as they were: {upgrade}")
            return
        try:
            configuration = self._read_again()
        except Exception as error:  # whatever is wrong with the new configuration must not end the service
            say(f"the workers stay as they were: {str(error) or repr(error)}")
            return
        for slot in self._slots:
            which = "the workers" if slot.number == 1 else f"the workers from number {slot.number} on"
            try:
                starting = slot.starting = self._fork(slot, configuration)
            except OSError as error:  # no memory, or too many processes
                say(f"{which} stay as they were: {slot.name} cannot be forked: {error}")
                return
            while (failure := starting.start_failure()) is None and not starting.is_ready:
                yield
            if failure is not None:
                starting.kill()
                slot.starting = None
                say(f"{which} stay as they were: {failure}")
                return
            slot.draining, slot.serving, slot.starting = slot.serving, starting, None
            slot.configuration = configuration
            if slot.draining is not None:
                slot.draining.drain()
                while not slot.draining.has_ended():
                    yield
                slot.draining = None
        own = [name for name, text in configuration.statements.items() if text != shipped()[name]]
        say(f"all workers were replaced; statements from SQL_DIR: {', '.join(own) or 'none'}")

    def _replace_ended(self, slot: _Slot) -> None:
        if slot.serving is None:
            if time.monotonic() >= slot.start_at:
                try:
                    slot.serving = self._fork(slot, slot.configuration)
                except OSError as error:  # no memory, or too many processes
                    self._start_later(slot, f"{slot.name} cannot be forked: {error}")
            return
        failure = slot.serving.start_failure() or slot.serving.end_if_hung()
        if failure is not None:
            if slot.serving.is_ready and slot.serving.age_s > STEADY_AFTER_S:
                slot.failures = 0
            slot.serving.kill()
            slot.serving = None
            self._start_later(slot, failure)

    def _start_later(self, slot: _Slot, reason: str) -> None:
        """Start another worker after a delay, which doubles with each failure in a row."""
        slot.failures += 1
        delay_s = min(LONGEST_BACKOFF_S, 0.1 * 2 ** min(slot.failures - 1, 10))
        slot.start_at = time.monotonic() + delay_s
        upgrade = self._upgrade()
        say(f"{reason}; another one starts in {delay_s:.1f} s{f'; {upgrade}' if upgrade else ''}")

    def _upgrade(self) -> str | None:
        """Why a restart is due: new workers would mix the new version's modules with the supervisor's old ones."""
        found = installed_version()
        if found in (None, self._version):
            return None
        return f"reservation {self._version} was upgraded on disk to {found}: restart it"

    def _fork(self, slot: _Slot, configuration: Configuration) -> WorkerProcess:
        others = [other.sock for other in self._slots if other is not slot and other.sock is not None]
        return WorkerProcess.fork(slot.name, configuration, slot.sock, others)

    def _wait(self) -> None:
        """Until a worker reports or ends, or for a tick."""
        workers = [worker for slot in self._slots for worker in slot.processes]
        reports = [worker.report for worker in workers if not worker.is_ready and worker.is_alive]
        connection.wait([*reports, *(worker.process.sentinel for worker in workers)], timeout=TICK_S)
        for worker in workers:
            worker.receive()


def installed_version() -> str | None:
    """The version of this package on disk; None if that cannot be read."""
    try:
        return metadata.version("reservation")
    except (metadata.PackageNotFoundError, OSError):  # OSError: too many open files
        return None


def say(text: str) -> None:
    """Write a line to standard error, if that does not block: a reader that stalls must not stop the supervisor."""
    with suppress(OSError):
        if select.select([], [STDERR], [], 0)[1]:  # a pipe is writable if it has room for PIPE_BUF bytes
            os.write(STDERR, f"{' '.join(text.split())}\n".encode(errors="replace")[: select.PIPE_BUF])
