"""Starts and stops the servers that are measured; they end with this process at the latest."""

import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reservation.embedded.ports import free_ports
from reservation.embedded.processes import die_with_parent

from .records import BenchmarkFailed

START_WAIT_S = 60.0
STOP_WAIT_S = 15.0
TAIL_LINES, LINE_CHARS = 8, 400
# The caller's settings do not reach the servers that are measured.
ENVIRONMENT: Mapping[str, str] = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C.UTF-8",
    "PYTHONPATH": str(Path(__file__).parents[1]),  # the service is that of this tree
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server under load: its address, its root process, and its log."""

    name: str
    url: str
    pid: int
    log: Path


def start_child(
    command: Sequence[str | Path], *, log: Path, cwd: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own: Ctrl-C does not reach it, and it ends with this process."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**ENVIRONMENT, **(environment or {})},
            start_new_session=True,
            preexec_fn=partial(die_with_parent, signal.SIGTERM, os.getpid()),  # noqa: PLW1509 - the benchmarks start no thread before
        )


@contextmanager
def running_server(
    name: str,
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    ready_path: str = "/ready",
) -> Iterator[Server]:
    """Run a server on a free port for the duration of the block; `{port}` in the command stands for its number."""
    port = next(free_ports())
    log = folder / f"{name.replace(' ', '-')}.log"
    log.unlink(missing_ok=True)
    filled_in = [str(part).replace("{port}", str(port)) for part in command]
    process = start_child(filled_in, log=log, cwd=folder, environment=environment)
    server = Server(name, f"http://127.0.0.1:{port}", process.pid, log)
    try:
        _wait_until_ready(server, process, ready_path)
        yield server
        if process.poll() is not None:
            raise BenchmarkFailed(f"{name} ended by itself\n{tail(log)}")
    finally:
        stop(process)
    log.unlink()  # one line a request; kept only after a failure


@dataclass(frozen=True, slots=True)
class Output:
    """The output of a program that has ended, and its CPU seconds."""

    text: str
    cpu_s: float


@contextmanager
def started(
    command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Callable[[], Output]]:
    """Run a load generator beside the block; the yielded function waits for its end, or raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="run-", dir=folder) as scratch:
        log = Path(scratch) / "output"
        process = start_child(command, log=log, cwd=folder, environment=environment)

        def end() -> Output:
            _, status, usage = os.wait4(process.pid, 0)  # its CPU time is finer than the ticks of /proc
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                raise BenchmarkFailed(f"{command[0]} failed with {process.returncode}\n{tail(log)}")
            return Output(log.read_text(errors="replace"), usage.ru_utime + usage.ru_stime)

        try:
            yield end
        finally:
            stop(process)


def finish(command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str] | None = None) -> Output:
    """Run a load generator to its end; BenchmarkFailed if it fails."""
    with started(command, folder=folder, environment=environment) as end:
        return end()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM, then SIGKILL; return when the program has ended."""
    for number, wait_s in ((signal.SIGTERM, STOP_WAIT_S), (signal.SIGKILL, STOP_WAIT_S)):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            continue


def tail(log: Path) -> str:
    """The last lines of a log, for a failure's message."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        lines = file.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join([f"--- the end of {log}", *[line[-LINE_CHARS:] for line in lines]])


def get(url: str, *, timeout_s: float = 5.0) -> tuple[Mapping[str, str], bytes]:
    """GET once from our own loopback address; return headers and body, or raise OSError unless the status is 2xx."""
    with urllib.request.urlopen(url, timeout=timeout_s) as answer:
        return dict(answer.headers), answer.read()


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], ready_path: str) -> None:
    deadline = time.monotonic() + START_WAIT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            get(server.url + ready_path, timeout_s=1.0)
        except OSError:  # includes urllib's errors
            time.sleep(0.05)
        else:
            return
    raise BenchmarkFailed(f"{server.name} did not get ready\n{tail(server.log)}")
