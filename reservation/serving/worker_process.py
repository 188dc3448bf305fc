"""One worker process as the supervisor sees it: forked, ready, drained, ended."""

import faulthandler
import importlib
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import Self

from ..db.statements import use
from ..embedded.processes import die_with_parent
from ..errors import Unavailable
from ..settings import InvalidSettings
from .configuration import Configuration
from .heartbeat import Heartbeat
from .signals import STOP_SIGNALS

START_WAIT_S = 60.0
KILL_MARGIN_S = 4.0  # after SHUTDOWN_SECONDS: the last writes, and the connections of PostgreSQL, take 1 s each at most
TELL_WHERE = signal.SIGUSR2  # the worker prints where each of its threads is
TELL_WAIT_S = 0.2


@dataclass(slots=True)
class WorkerProcess:
    """A worker; over `report` it sends None once it is ready, or else the reason why it cannot start."""

    configuration: Configuration
    process: ForkProcess
    report: Connection
    heartbeat: Heartbeat
    started_at: float
    is_ready: bool = False
    _reason: str | None = None
    _kill_at: float | None = None

    @classmethod
    def fork(
        cls, name: str, configuration: Configuration, sock: socket.socket | None, others: Sequence[socket.socket]
    ) -> Self:
        """Start a worker on a listening socket, or the background process without one; it closes the `others`."""
        context = get_context("fork")
        report, sender = context.Pipe(duplex=False)
        heartbeat = Heartbeat()
        args = (configuration, sock, others, sender, heartbeat, os.getpid())
        process = context.Process(target=_run, args=args, name=name, daemon=True)
        # A SIGTERM right after the fork must wait for the worker's own handler: the inherited one would only note it.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            sender.close()
        return cls(configuration, process, report, heartbeat, time.monotonic())

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process.is_alive()

    @property
    def age_s(self) -> float:
        """Seconds since the fork."""
        return time.monotonic() - self.started_at

    def receive(self) -> None:
        """Take what the worker has reported, if anything."""
        try:
            if not self.is_ready and self.report.poll():
                self._reason = self.report.recv()
                self.is_ready = self._reason is None
        except (EOFError, OSError):  # it has ended
            pass

    def start_failure(self) -> str | None:
        """Why this worker will not become ready; None if it is ready or may still become so."""
        self.receive()
        if not self.is_alive:
            return self.end_reason()
        if not self.is_ready and self.age_s > START_WAIT_S:
            return f"{self.process.name} was not ready within {START_WAIT_S:.0f} s"
        return None

    def end_if_hung(self) -> str | None:
        """Kill a ready worker without a heartbeat for WORKER_HANG_SECONDS; the reason if that was done.

        SIGTERM would not end it: its event loop does not run, or the process is stopped.
        """
        longest_s = self.configuration.settings.worker_hang_s
        if not (longest_s and self.is_ready and self.heartbeat.silent_s() > longest_s):
            return None
        if self.process.pid is not None and self.is_alive:  # not reaped yet, so the pid is still its own
            os.kill(self.process.pid, TELL_WHERE)
            self.process.join(TELL_WAIT_S)
        self.kill()
        return f"{self.process.name} has not answered for {longest_s:.0f} s and was killed"

    def end_reason(self) -> str:
        """Why the process has ended."""
        self.process.join()
        self.receive()
        if self._reason is not None:
            return self._reason
        code = self.process.exitcode or 0
        end = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"{self.process.name} {end}"

    def announce_stop(self) -> None:
        """Have it say that it is about to stop, while it goes on serving."""
        if self.is_ready and self.process.pid is not None and self.is_alive:
            os.kill(self.process.pid, signal.SIGUSR1)

    def drain(self) -> None:
        """Ask it to accept nothing more, and to end when its connections have."""
        self._end(signal.SIGQUIT if self.is_ready else signal.SIGTERM, 1.5 * self.configuration.settings.shutdown_s)

    def stop(self) -> None:
        """Ask it to finish the requests under way, and to end."""
        self._end(signal.SIGTERM, self.configuration.settings.shutdown_s)

    def has_ended(self) -> bool:
        """Whether it has ended after drain() or stop(); once its time is over it is killed."""
        if self.is_alive and self._kill_at is not None and time.monotonic() > self._kill_at:
            self.kill()
        return not self.is_alive

    def kill(self) -> None:
        """Send SIGKILL, if it still runs, and wait until it has ended."""
        self.process.kill()
        self.process.join()

    def _end(self, number: signal.Signals, wait_s: float) -> None:
        self._kill_at = time.monotonic() + wait_s + KILL_MARGIN_S
        if self.process.pid is not None and self.is_alive:  # not reaped yet, so the pid is still its own
            os.kill(self.process.pid, number)


def _run(
    configuration: Configuration,
    sock: socket.socket | None,
    others: Sequence[socket.socket],
    report: Connection,
    heartbeat: Heartbeat,
    parent_pid: int,
) -> None:
    """Be a worker: drop what belongs to the supervisor, then run the application."""
    die_with_parent(signal.SIGTERM, parent_pid)
    os.setsid()  # Ctrl-C is for the supervisor, which stops the workers in order
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # for the supervisor alone, also when sent to every process
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    if sys.stderr is not None:
        faulthandler.register(TELL_WHERE)
    for other in others:
        other.close()
    use(configuration.statements)
    # Imported only here, in the worker: prometheus_client decides at its import, by PROMETHEUS_MULTIPROC_DIR, whether
    # the workers share their metrics, so the supervisor must not import it.
    module = importlib.import_module("reservation.background" if sock is None else "reservation.worker")
    start_checks = importlib.import_module("reservation.start_checks")
    try:
        if sock is None:
            module.run(configuration.settings, on_ready=lambda: report.send(None), beat=heartbeat.beat)
        else:
            module.run(configuration.settings, sock, on_ready=lambda: report.send(None), beat=heartbeat.beat)
    except (start_checks.CannotStart, InvalidSettings) as error:
        report.send(" ".join(str(error).split()))
        raise SystemExit(1) from error
    except Unavailable as error:  # PostgreSQL or Redis failed between the first connection and the last step
        cause = error.__cause__ or error
        report.send(" ".join(f"the new worker is not ready: {error} ({type(cause).__name__}: {cause})".split()))
        raise SystemExit(1) from error
