"""Child processes that end with this one: the servers, and the parent-death signal that workers use, too."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import cache, partial
from pathlib import Path
from typing import IO, Self

from ..errors import OperatorError

PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>
COMM_LENGTH = 15  # the kernel cuts a process's name
KILL_WAIT_S = 5.0
MAX_LOG_READ_BYTES = 65_536
MAX_LOG_BYTES = 16_777_216
ASK_WAIT_S = 30.0

# Not this process's environment, which holds secrets, and perhaps PGPORT or PGDATA of another PostgreSQL.
SERVER_ENVIRONMENT: Mapping[str, str] = {"PATH": os.defpath, "LC_ALL": "C"}


class EmbeddedError(OperatorError):
    """An embedded server could not be found, started or used; the message is one line for the operator."""


@cache
def _prctl() -> Callable[[int, int], int]:
    prctl: Callable[[int, int], int] = ctypes.CDLL(None, use_errno=True).prctl
    return prctl


def die_with_parent(death_signal: signal.Signals, parent_pid: int) -> None:
    """Have the kernel send this process `death_signal` when its parent ends; called in a child, right after the fork.

    To the kernel the parent is the thread that forked, so only the main thread may fork. The setting survives exec and
    unshare but no change of user, so privileges are dropped before. Linux only; elsewhere this does nothing.
    """
    if sys.platform != "linux":
        return
    if _prctl()(PR_SET_PDEATHSIG, death_signal) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # If the parent ended before the call above, no signal will come.
    if os.getppid() != parent_pid:
        os._exit(1)


class ChildServer(subprocess.Popen[bytes]):
    """A server in a session of its own (Ctrl-C does not reach it), stopped on leaving the `with` block.

    `stop_signals` are sent in turn, `patience_s` apart, and then SIGKILL; the first is also the parent-death signal.
    Standard output and error go to `log`, or to the `stdout` pipe without one; `uid` drops the rights of root.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        name: str,
        stop_signals: Sequence[signal.Signals],
        patience_s: float,
        log: Path | None,
        cwd: Path | None = None,
        config: bytes = b"",
        uid: int | None = None,
    ) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("only the main thread may start servers: they end with the thread that started them")
        self.name = name
        self._stop_signals = tuple(stop_signals)
        self._patience_s = patience_s
        if sys.platform == "linux":
            _prctl()  # loaded here, because a library must not be loaded between fork and exec
        self._log = log
        with nullcontext() if log is None else _open_log(log) as output:
            self._log_start = 0 if output is None else output.tell()
            self._start(command, output, cwd, uid)
        _running.append(self)
        self._feed(config)

    def _start(
        self, command: Sequence[str | Path], output: IO[bytes] | None, cwd: Path | None, uid: int | None
    ) -> None:
        try:
            super().__init__(
                command,
                stdin=subprocess.PIPE,
                stdout=output or subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=SERVER_ENVIRONMENT,
                user=uid,
                group=uid,
                extra_groups=None if uid is None else [],
                start_new_session=True,
                preexec_fn=partial(die_with_parent, self._stop_signals[0], os.getpid()),
            )
        except OSError as error:
            raise EmbeddedError(f"cannot run {command[0]}: {error.strerror}") from error

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __enter__(self) -> Self:
        return self

    def stop(self) -> None:
        """Send the stop signals, then SIGKILL; returns when it has ended."""
        if self in _running:
            _running.remove(self)
        for stop_signal in self._stop_signals:
            if self._ends(stop_signal, self._patience_s):
                return
        self._ends(signal.SIGKILL, KILL_WAIT_S)

    def wait_until(self, is_up: Callable[[], bool], wait_s: float) -> bool:
        """Wait until it is up; False if it has ended, or `wait_s` seconds are over."""
        deadline = time.monotonic() + wait_s
        while self.poll() is None and time.monotonic() < deadline:
            if is_up():
                return self.poll() is None
            time.sleep(0.02)
        return False

    def last_log_line(self) -> str:
        """The line of this run's log that most likely says why it ended: the last with an error, else the last."""
        if self._log is None:
            return ""
        with self._log.open("rb") as file:
            file.seek(self._log_start)
            lines = [line.strip() for line in file.read(MAX_LOG_READ_BYTES).decode(errors="replace").splitlines()]
        errors = [line for line in lines if "FATAL" in line or "error" in line.lower()]
        found = errors or list(filter(None, lines)) or ["its log is empty"]
        return f"{found[-1]} (see {self._log})"

    def _ends(self, stop_signal: signal.Signals, wait_s: float) -> bool:
        self.send_signal(stop_signal)  # without effect once it has ended
        try:
            self.wait(wait_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _feed(self, config: bytes) -> None:
        stdin, self.stdin = self.stdin, None
        if stdin is not None:
            # If it has ended already, the wait for its first answer finds that out.
            with suppress(BrokenPipeError), stdin:
                stdin.write(config)


_running: list[ChildServer] = []


def run_program(command: Sequence[str | Path]) -> tuple[bool, str]:
    """Run a short program; whether it succeeded, and its output."""
    child = ChildServer(command, name=str(command[0]), stop_signals=(signal.SIGTERM,), patience_s=1.0, log=None)
    with child:
        output, _ = child.communicate(timeout=ASK_WAIT_S)
    return child.returncode == 0, output.decode(errors="replace").strip()


def ended_servers() -> list[str]:
    """Names of the servers that this process started and that have ended without being stopped."""
    return [server.name for server in _running if server.poll() is not None]


def processes_in(folder: Path, command: str) -> list[int]:
    """The pids of processes named `command` whose current folder is `folder`; empty without /proc.

    PostgreSQL and Valkey change into their data folder, so this finds servers that a killed parent left running.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "comm").read_text().strip() == command[:COMM_LENGTH] and (
                entry / "cwd"
            ).readlink() == folder.resolve():
                found.append(int(entry.name))
        except OSError:
            continue  # it has just ended, or belongs to another user
    return found


def wait_until_gone(folder: Path, command: str, *, wait_s: float) -> None:
    """Wait for the servers that a killed parent left in `folder` to finish their own shutdown; EmbeddedError if not."""
    deadline = time.monotonic() + wait_s
    while left := processes_in(folder, command):
        if time.monotonic() > deadline:
            raise EmbeddedError(f"another {command} (pid {left[0]}) still runs in {folder}: stop it first")
        time.sleep(0.05)


def _open_log(log: Path) -> IO[bytes]:
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.old"))
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab", buffering=0)
