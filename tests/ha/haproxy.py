"""HAProxy with deploy/haproxy/instances.cfg in front of two addresses, and instances of a tree of the service."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reservation.embedded.ports import is_taken
from tests.programs import program

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy" / "haproxy" / "instances.cfg"
PATIENCE_S = 120.0


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Ask again and again until it is so; AssertionError after two minutes."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@dataclass(slots=True)
class Balancer:
    """A running HAProxy: its port, and the socket for its commands."""

    port: int
    stats: Path

    def is_up(self, server: str) -> bool:
        """Whether it sends requests to one of its servers."""
        return any(
            row[1] == server and row[17].startswith("UP")
            for row in (line.split(",") for line in self.command("show stat").splitlines())
            if len(row) > 17
        )

    def command(self, text: str) -> str:
        """The answer to a command; empty while the socket does not answer."""
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.stats))
            except OSError:
                return ""
            client.sendall(f"{text}\n".encode())
            return b"".join(iter(lambda: client.recv(65536), b"")).decode()


@contextmanager
def balancing(folder: Path, sockets: Path, port: int, instance_ports: tuple[int, int]) -> Iterator[Balancer]:
    """Run HAProxy for the duration of the block."""
    command = [program("haproxy", package="haproxy"), "-db", "-f", str(CONFIG)]
    balancer = Balancer(port, sockets / "haproxy.sock")
    environment = {
        "BIND": f"127.0.0.1:{port}",
        "INSTANCE_1": f"127.0.0.1:{instance_ports[0]}",
        "INSTANCE_2": f"127.0.0.1:{instance_ports[1]}",
        "STATS": str(balancer.stats),
    }
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: process.poll() is not None or balancer.command("show info"), "HAProxy does not answer")
        assert process.poll() is None, (folder / "haproxy.log").read_text()
        yield balancer
    finally:
        process.kill()
        process.wait()


@dataclass(slots=True)
class Instance:
    """`reservation serve` of a tree on a port of 127.0.0.1, which may be stopped and started again."""

    name: str
    port: int
    folder: Path
    environment: Mapping[str, str]
    starts: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self, tree: Path = ROOT) -> None:
        """Start the version in a tree."""
        self.starts += 1
        command = [sys.executable, "-m", "reservation", "serve", "--port", str(self.port), "--no-worker"]
        with (self.folder / f"{self.name}-{self.starts}.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--no-migrate"],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=environment_of(tree, self.environment),
                start_new_session=True,
            )

    def stop(self) -> None:
        """Stop it as an operator does, by SIGTERM alone, and wait for its end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0
        wait_until(lambda: not is_taken(self.port), f"port {self.port} stays taken")

    def kill(self) -> None:
        """End what is left of it after a failure."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def run(tree: Path, folder: Path, environment: Mapping[str, str], *arguments: str) -> str:
    """Run a command of the version in a tree to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "reservation", *arguments],
        cwd=folder,
        env=environment_of(tree, environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def environment_of(tree: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables with which Python imports the service from a tree, and the service finds its stores.

    In another tree than this one the modules are compiled once, not at each start.
    """
    compiled = {"PYTHONDONTWRITEBYTECODE": "1"} if tree == ROOT else {}
    return {"PATH": os.defpath, "PYTHONPATH": str(tree), **compiled, **environment}
