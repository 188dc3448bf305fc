"""The worker processes: forked, watched, replaced when they fall, stopped in order.

The supervisor that forks them must not import prometheus_client, nor the application that does: the library decides
at its import, by PROMETHEUS_MULTIPROC_DIR, whether workers share their numbers.
"""

import importlib
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import count
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from types import FrameType

from ..db.statements import StatementsRefused, serving, use, with_overrides
from ..embedded.processes import die_with_parent, fallen_servers
from ..settings import InvalidSettings, Settings
from .listening import reachable_address
from .orders import Order, Reply, Word, ask, digest_of
from .reload_requests import Outcome, ReloadRequests

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
START_WAIT_S = 60.0
TICK_S = 0.2  # how late a signal or a lost server may be noticed
HEALTH_WAIT_S = 1.0
ANSWER_WAIT_S = 5.0  # of a worker that has a lot to do, beside what its comparison may take
LONGEST_BACKOFF_S = 5.0
STEADY_AFTER_S = 10.0  # a worker that lived this long is replaced at once
KILL_MARGIN_S = 2.0
PROBES_A_WORKER = 8  # the kernel picks a worker by chance: with 8, all but one in 3,000 times each has answered

logger = logging.getLogger("reservation.serving")


class StartFailed(Exception):
    """A worker did not come up; the message is its own one line."""


class ServerLost(Exception):
    """The embedded PostgreSQL or Valkey ended under a running service."""


class StopRequest:
    """SIGTERM and SIGINT: the first during the start unwinds it; after that they are only noted, however many."""

    def __init__(self) -> None:
        self.requested = False
        self.unwinds = True

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.note) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def note(self, number: int, _: FrameType | None) -> None:
        first, self.requested = not self.requested, True
        if first and self.unwinds:
            raise SystemExit(128 + number)


@dataclass(slots=True)
class _Worker:
    """A place in the crew: its socket outlives its process, so that a crash loses no queued connection."""

    sock: socket.socket
    process: ForkProcess | None = None
    report: Connection | None = None
    orders: Connection | None = None
    started_at: float = 0.0
    failures: int = 0
    due_at: float = 0.0


class Crew:
    """The workers, and what becomes of them."""

    def __init__(
        self, settings: Settings, sockets: list[socket.socket], stop: StopRequest, requests: ReloadRequests
    ) -> None:
        self._settings = settings
        self._stop = stop
        self._requests = requests
        self._workers = [_Worker(sock) for sock in sockets]
        self._rounds = count(1)

    def start(self) -> None:
        """Start all and wait until each has answered, as far as chance can tell; raises StartFailed."""
        for worker in self._workers:
            self._fork(worker)
        host, port = reachable_address(self._workers[0].sock)
        missing = 1 if len(self._workers) == 1 else PROBES_A_WORKER * len(self._workers)
        deadline = time.monotonic() + START_WAIT_S
        while missing and not self._stop.requested:
            for worker in self._workers:
                if worker.process is not None and not worker.process.is_alive():
                    raise StartFailed(_reason(worker, worker.process))
            if time.monotonic() > deadline:
                raise StartFailed(f"the workers did not answer /health within {START_WAIT_S:.0f} s")
            if _is_healthy(host, port):
                missing -= 1
            else:
                time.sleep(0.05)

    def watch(self) -> None:
        """Replace workers that fall, and their statements if asked, until a stop is requested; raises ServerLost."""
        while not self._stop.requested:
            sentinels = [worker.process.sentinel for worker in self._workers if worker.process is not None]
            connection.wait([*sentinels, *self._requests.doors], timeout=TICK_S)
            with self._requests.pending() as answer:
                if answer is not None:
                    answer(self.reload())
            lost = fallen_servers()
            if lost:
                raise ServerLost(f"the embedded {lost[0]} ended: see its log in {self._settings.data_dir}")
            for worker in self._workers:
                if not self._stop.requested:
                    self._replace(worker)

    def reload(self) -> Outcome:
        """Have every worker take the statements of SQL_DIR as they are now, or none; and those to come, likewise."""
        try:
            if self._settings.sql_dir is None:
                raise StatementsRefused("SQL_DIR is not set")
            statements = with_overrides(self._settings.sql_dir)
        except StatementsRefused as error:
            return Outcome(refused=str(error))
        before = serving()
        changed = [name for name, text in statements.items() if text != before[name]]
        prepared = self._order("prepare")
        faults = {name: reply.fault for name, reply in prepared.items() if reply.fault is not None}
        if not faults and any(reply.digest != digest_of(statements) for reply in prepared.values()):
            faults = dict.fromkeys(prepared, "the files changed while they were read")
        if faults or not prepared:
            self._order("drop")
            return Outcome(refused=next(iter(faults.values()), "there is no worker"), workers=faults)
        use(statements)  # for the workers to come
        return Outcome(
            changed=changed,
            workers={name: reply.fault or "taken" for name, reply in self._order("swap").items()},
        )

    def _order(self, word: Word) -> dict[str, Reply]:
        lines = {
            worker.process.name: worker.orders
            for worker in self._workers
            if worker.process is not None and worker.process.is_alive() and worker.orders is not None
        }
        wait_s = ANSWER_WAIT_S + self._settings.pool_wait_s + 2 * self._settings.statement_timeout_s
        order = Order(next(self._rounds), word)
        return ask(lines, order, wait_s=wait_s, gives_up=lambda: self._stop.requested)

    def stop(self) -> None:
        """Let the workers finish what is under way, within bounds; returns when all have ended."""
        for worker in self._workers:
            worker.sock.close()  # else connections would queue here that nobody is going to accept
        running = [worker.process for worker in self._workers if worker.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + self._settings.shutdown_s + KILL_MARGIN_S
        for process in running:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                logger.warning("%s did not stop in time and is killed", process.name)
                process.kill()
                process.join()

    def _replace(self, worker: _Worker) -> None:
        now = time.monotonic()
        if worker.process is None:
            if now >= worker.due_at:
                self._fork(worker)
        elif not worker.process.is_alive():
            worker.failures = 1 if now - worker.started_at > STEADY_AFTER_S else worker.failures + 1
            delay_s = min(LONGEST_BACKOFF_S, 0.1 * 2 ** (worker.failures - 1))
            logger.warning("%s; another one starts in %.1f s", _reason(worker, worker.process), delay_s)
            worker.process, worker.due_at = None, now + delay_s

    def _fork(self, worker: _Worker) -> None:
        context = get_context("fork")
        worker.report, answer = context.Pipe(duplex=False)
        worker.orders, line = context.Pipe()
        others = [*(other.sock for other in self._workers if other is not worker), *self._requests.doors]
        worker.process = context.Process(
            target=_work,
            args=(self._settings, worker.sock, others, line, answer, os.getpid()),
            name=f"worker {self._workers.index(worker) + 1}",
            daemon=True,
        )
        worker.started_at = time.monotonic()
        # A SIGTERM in the first moments must wait for the child's own handlers, not be noted by ours in the copy.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            worker.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            answer.close()
            line.close()


def _work(
    settings: Settings,
    sock: socket.socket,
    others: list[socket.socket],
    orders: Connection,
    report: Connection,
    parent_pid: int,
) -> None:
    """Be a worker: forget what belongs to the supervisor, then run the application."""
    die_with_parent(signal.SIGTERM, parent_pid)
    os.setsid()  # Ctrl-C is for the supervisor, which stops us in order
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it is for the supervisor, too, however widely it was sent
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    for other in others:
        other.close()
    # Imported only now, in the worker: see the module's docstring.
    app = importlib.import_module("reservation.app")
    resources = importlib.import_module("reservation.resources")
    try:
        app.run_worker(settings, sock, orders)
    except (resources.CannotStart, InvalidSettings) as error:
        report.send(" ".join(str(error).split()))
        raise SystemExit(1) from error


def _reason(worker: _Worker, process: ForkProcess) -> str:
    """Say why a worker ended: in its own words if it left any."""
    process.join()
    code = process.exitcode or 0
    end = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    try:
        return str(worker.report.recv()) if worker.report is not None else f"{process.name} {end}"
    except EOFError:
        return f"{process.name} {end}"


def _is_healthy(host: str, port: int) -> bool:
    probe = HTTPConnection(host, port, timeout=HEALTH_WAIT_S)
    try:
        probe.request("GET", "/health")
        return probe.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        probe.close()
