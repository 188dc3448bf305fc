"""A PostgreSQL server and its Patroni; a proxy stands before each address of it, to cut its network."""

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from reservation.embedded.processes import ChildServer
from tests.faults.proxy import Proxy
from tests.ports import free_port

BIN_DIR = Path("/usr/lib/postgresql/15/bin")
USER, PASSWORD, DATABASE = "reservation", "of-the-tests", "reservation"


@dataclass(slots=True)
class Node:
    """A server and its Patroni: `port` and `api_port` are its own, and others reach it through the proxies."""

    name: str
    folder: Path
    port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    proxies: dict[str, Proxy] = field(default_factory=dict)
    patroni: ChildServer | None = None

    def port_of(self, address: str) -> int:
        """The port of a proxy: of "postgresql", "api", or "etcd0" and so on."""
        return int(self.proxies[address].url.rpartition(":")[2])

    def url(self, *, direct: bool = False) -> str:
        """The URL of the database on this server, through its proxy or without it."""
        port = self.port if direct else self.port_of("postgresql")
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}?sslmode=disable"

    def postgresql_pids(self) -> list[int]:
        """The postmaster and its children; nothing if it does not run."""
        return processes_of(self.folder / "data")

    def kill_postgresql(self) -> None:
        """SIGKILL of all its processes; Patroni stays."""
        send(self.postgresql_pids(), signal.SIGKILL)

    def kill(self) -> None:
        """SIGKILL of Patroni and PostgreSQL, as the loss of a host."""
        if self.patroni is not None:
            send([self.patroni.pid, *self.postgresql_pids()], signal.SIGKILL)
            self.patroni.wait()

    def stand_still(self) -> list[int]:
        """SIGSTOP of Patroni and PostgreSQL; the pids, to go on by SIGCONT."""
        pids = [*([self.patroni.pid] if self.patroni is not None else []), *self.postgresql_pids()]
        send(pids, signal.SIGSTOP)
        return pids

    def stall(self) -> None:
        """Lose all packets to it and from it."""
        for proxy in self.proxies.values():
            proxy.stall()

    def flow(self) -> None:
        """Mend the network: what was sent meanwhile arrives."""
        for proxy in self.proxies.values():
            proxy.flow()

    def run(self, statement: str) -> Any:
        """Run a statement on this server; its first value, if it has rows."""
        with psycopg.connect(self.url(direct=True), autocommit=True, connect_timeout=3) as connection:
            found = connection.execute(statement.encode())
            row = found.fetchone() if found.description else None
            return row[0] if row else None

    def is_primary(self) -> bool:
        """Whether its Patroni says that it takes writes."""
        found = self.ask("/primary")
        return bool(found) and found.get("role") in {"primary", "master"} and found.get("state") == "running"

    def ask(self, path: str) -> Any:
        """The JSON that its Patroni answers with success; None without one."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}{path}", timeout=2) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return None


def processes_of(data_folder: Path) -> list[int]:
    """The postmaster on a data folder and its children; nothing if it does not run."""
    with suppress(FileNotFoundError, ValueError, IndexError):
        first = int((data_folder / "postmaster.pid").read_text().splitlines()[0])
        return [first, *_children(first)] if Path(f"/proc/{first}").exists() else []
    return []


def _children(pid: int) -> Iterator[int]:
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        yield from map(int, thread.read_text().split())


def send(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes, of which some may have ended."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
