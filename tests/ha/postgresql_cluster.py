"""PostgreSQL servers under Patroni, with etcd; a proxy stands before each address of a server, to cut its network."""

import asyncio
import json
import os
import shutil
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from reservation.embedded import postgresql
from reservation.embedded.processes import ChildServer
from tests.faults.proxy import Proxy
from tests.ports import free_port
from tests.programs import program

BIN_DIR = Path("/usr/lib/postgresql/15/bin")
USER, PASSWORD, DATABASE = "reservation", "of-the-tests", "reservation"
TTL_S = 20  # the least that Patroni allows: a standby takes over so long after the primary's host was lost
START_S, CHANGE_S = 120.0, 90.0
POLL_S = 0.1


def require_programs() -> None:
    """Skip or fail the test where a program is missing."""
    program("etcd", package="etcd-server")
    program(str(BIN_DIR / "postgres"), package="postgresql-15")
    program("patroni", package="patroni, of the extra `dev`,")


@dataclass(slots=True)
class Node:
    """A server and its Patroni: `port` and `api_port` are its own, and others reach it through the proxies."""

    name: str
    folder: Path
    port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    proxies: dict[str, Proxy] = field(default_factory=dict)
    patroni: ChildServer | None = None

    def url(self, *, direct: bool = False) -> str:
        """The URL of the database on this server, through its proxy or without it."""
        port = self.port if direct else _port(self.proxies["postgresql"])
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}?sslmode=disable"

    def postgresql_pids(self) -> list[int]:
        """The postmaster and its children; nothing if it does not run."""
        with suppress(FileNotFoundError, ValueError, IndexError):
            first = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
            return [first, *_children(first)] if Path(f"/proc/{first}").exists() else []
        return []

    def kill_postgresql(self) -> None:
        """SIGKILL of all its processes; Patroni stays."""
        _signal(self.postgresql_pids(), signal.SIGKILL)

    def kill(self) -> None:
        """SIGKILL of Patroni and PostgreSQL, as the loss of a host."""
        if self.patroni is not None:
            _signal([self.patroni.pid, *self.postgresql_pids()], signal.SIGKILL)
            self.patroni.wait()

    def stand_still(self) -> list[int]:
        """SIGSTOP of Patroni and PostgreSQL; the pids, for `go_on`."""
        pids = [*([self.patroni.pid] if self.patroni is not None else []), *self.postgresql_pids()]
        _signal(pids, signal.SIGSTOP)
        return pids

    def stall(self) -> None:
        """Lose all packets to it and from it."""
        for proxy in self.proxies.values():
            proxy.stall()

    def flow(self) -> None:
        """Mend the network; connections from before end, since TCP has given them up."""
        for proxy in self.proxies.values():
            proxy.flow()

    def run(self, statement: str) -> Any:
        """Run a statement on this server; its first value, if it has rows."""
        with psycopg.connect(self.url(direct=True), autocommit=True, connect_timeout=3) as connection:
            found = connection.execute(statement.encode())
            row = found.fetchone() if found.description else None
            return row[0] if row else None


def go_on(pids: list[int]) -> None:
    """SIGCONT."""
    _signal(pids, signal.SIGCONT)


@dataclass(slots=True)
class Cluster:
    """The servers; `settings` are Patroni's, such as synchronous_mode."""

    folder: Path
    settings: dict[str, Any]
    nodes: list[Node]
    etcd_ports: list[int] = field(default_factory=list)
    etcds: list[ChildServer] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The URL of the service: all servers, of which the one that takes writes is to be used."""
        hosts = ",".join(f"127.0.0.1:{_port(node.proxies['postgresql'])}" for node in self.nodes)
        return f"postgresql://{USER}:{PASSWORD}@{hosts}/{DATABASE}?sslmode=disable&target_session_attrs=read-write"

    async def members(self) -> dict[str, dict[str, Any]]:
        """What the first Patroni that answers says of each server: `role`, `state`, `timeline`, `lag`."""
        for node in self.nodes:
            found = await asyncio.to_thread(_get, f"http://127.0.0.1:{node.api_port}/cluster")
            if found:
                return {member["name"]: member for member in found["members"]}
        return {}

    async def primary(self, other_than: Node | None = None) -> Node:
        """The server that takes writes, once there is one."""
        async with asyncio.timeout(CHANGE_S):
            while True:
                for node in self.nodes:
                    if node is not other_than and await asyncio.to_thread(_is_primary, node):
                        return node
                await asyncio.sleep(POLL_S)

    async def until_healthy(self) -> None:
        """Return when all servers stream from one primary; with a synchronous mode, one of them synchronously."""
        wanted = {"leader", "replica"} | ({"sync_standby"} if self.settings.get("synchronous_mode") else set())
        async with asyncio.timeout(START_S):
            while True:
                members = await self.members()
                roles = {member["role"] for member in members.values()}
                states = {member["state"] for member in members.values()}
                is_whole = len(members) == len(self.nodes) and states <= {"running", "streaming"}
                if is_whole and wanted - {"replica"} <= roles <= wanted:
                    return
                await asyncio.sleep(POLL_S)

    async def switch_over(self) -> None:
        """Have Patroni exchange the roles of the primary and of a standby."""
        members = await self.members()
        leader = next(name for name, member in members.items() if member["role"] == "leader")
        node = next(node for node in self.nodes if node.name == leader)
        url = f"http://127.0.0.1:{node.api_port}/switchover"
        await asyncio.to_thread(_post, url, {"leader": leader})

    def start_node(self, node: Node) -> None:
        """Start Patroni, which starts PostgreSQL, of a node that does not run."""
        runner = postgresql._runner()
        (node.folder / "patroni.json").write_text(json.dumps(self._configuration(node)))
        postgresql._own(node.folder, runner)
        node.patroni = ChildServer(
            [*runner.prefix, sys.executable, "-m", "patroni", node.folder / "patroni.json"],
            name=f"Patroni {node.name}",
            stop_signals=(signal.SIGTERM,),
            patience_s=postgresql.STOP_WAIT_S,
            log=node.folder / "patroni.log",
            uid=runner.drop_to_uid,
        )

    def stop_node(self, node: Node) -> None:
        """Kill what is left of a node."""
        pids = node.postgresql_pids()
        if node.patroni is not None:
            go_on([node.patroni.pid])
        node.kill()
        _signal(pids, signal.SIGKILL)

    def _configuration(self, node: Node) -> dict[str, Any]:
        login = {"username": USER, "password": PASSWORD}
        return {
            "scope": "tests",
            "name": node.name,
            "restapi": {
                "listen": f"127.0.0.1:{node.api_port}",
                "connect_address": f"127.0.0.1:{_port(node.proxies['api'])}",
            },
            "etcd3": {
                "hosts": [f"127.0.0.1:{_port(node.proxies[f'etcd{n}'])}" for n in range(len(self.etcd_ports))],
                "use_proxies": True,  # else it asks etcd for the members, and goes to them past the proxies
            },
            "bootstrap": {
                "dcs": {
                    "ttl": TTL_S,
                    "loop_wait": 1,
                    "retry_timeout": 3,
                    "primary_start_timeout": 0,
                    **self.settings,
                    "postgresql": {"use_pg_rewind": True, "parameters": _PARAMETERS},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums", "no-sync"],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{node.port}",
                "connect_address": f"127.0.0.1:{_port(node.proxies['postgresql'])}",
                "data_dir": str(node.folder / "data"),
                "bin_dir": str(BIN_DIR),
                "pgpass": str(node.folder / "pgpass"),
                "authentication": {"superuser": login, "replication": login, "rewind": login},
                "parameters": {"unix_socket_directories": ""},
                "pg_hba": [f"host {name} all 127.0.0.1/32 scram-sha-256" for name in ("all", "replication")],
                "basebackup": {"checkpoint": "fast", "no-sync": None},
            },
        }


_PARAMETERS = {
    "max_connections": 100,
    "shared_buffers": "64MB",
    "wal_log_hints": "on",
    "wal_keep_size": "256MB",
    "wal_sender_timeout": "5s",
    "wal_receiver_timeout": "5s",
    "fsync": "off",  # no test here cuts the power: a killed server's writes are the kernel's
    "log_line_prefix": "%m [%p] ",
}


@asynccontextmanager
async def running_cluster(
    folder: Path, *, servers: int = 2, etcd_members: int = 1, **settings: Any
) -> AsyncIterator[Cluster]:
    """Run etcd and PostgreSQL servers under Patroni; the first is the primary."""
    os.chmod(folder, 0o711)  # noqa: S103 - another user runs PostgreSQL where root may not, and reaches its folder
    nodes = [Node(f"n{number}", folder / f"n{number}") for number in range(servers)]
    cluster = Cluster(folder, settings, nodes, [free_port() for _ in range(etcd_members)])
    async with AsyncExitStack() as stack:
        stack.callback(_stop_all, cluster)
        _start_etcd(cluster)
        for node in nodes:
            node.folder.mkdir(mode=0o700)
            ports = {"postgresql": node.port, "api": node.api_port}
            ports |= {f"etcd{number}": port for number, port in enumerate(cluster.etcd_ports)}
            for name, port in ports.items():
                node.proxies[name] = await stack.enter_async_context(Proxy(f"tcp://127.0.0.1:{port}"))
        cluster.start_node(nodes[0])
        await _until_up(nodes[0])
        for node in nodes[1:]:
            cluster.start_node(node)
        await cluster.until_healthy()
        yield cluster


async def _until_up(node: Node) -> None:
    """Wait for the first server, and make the database."""
    async with asyncio.timeout(START_S):
        while not await asyncio.to_thread(_is_primary, node):
            assert node.patroni is not None
            assert node.patroni.poll() is None, node.patroni.last_log_line()
            await asyncio.sleep(POLL_S)
        address = node.url(direct=True).replace(f"/{DATABASE}?", "/postgres?")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("set synchronous_commit = local")  # there is no standby yet
            connection.execute(f"create database {DATABASE}".encode())


def _start_etcd(cluster: Cluster) -> None:
    peers = [free_port() for _ in cluster.etcd_ports]
    members = ",".join(f"e{number}=http://127.0.0.1:{port}" for number, port in enumerate(peers))
    for number, (port, peer) in enumerate(zip(cluster.etcd_ports, peers, strict=True)):
        options = {
            "name": f"e{number}",
            "data-dir": str(cluster.folder / f"etcd{number}"),
            "listen-client-urls": f"http://127.0.0.1:{port}",
            "advertise-client-urls": f"http://127.0.0.1:{port}",
            "listen-peer-urls": f"http://127.0.0.1:{peer}",
            "initial-advertise-peer-urls": f"http://127.0.0.1:{peer}",
            "initial-cluster": members,
        }
        cluster.etcds.append(
            ChildServer(
                [str(shutil.which("etcd")), *(f"--{name}={value}" for name, value in options.items())],
                name="etcd",
                stop_signals=(signal.SIGTERM,),
                patience_s=5,
                log=cluster.folder / f"etcd{number}.log",
            )
        )


def _stop_all(cluster: Cluster) -> None:
    for node in cluster.nodes:
        cluster.stop_node(node)
    for etcd in cluster.etcds:
        etcd.stop()


def _port(proxy: Proxy) -> int:
    return int(proxy.url.rpartition(":")[2])


def _is_primary(node: Node) -> bool:
    found = _get(f"http://127.0.0.1:{node.api_port}/primary")
    return bool(found) and found.get("role") in {"primary", "master"} and found.get("state") == "running"


def _get(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - http alone
            return json.load(answer)
    except (OSError, ValueError):
        return None


def _post(url: str, body: Any) -> None:
    data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - http alone
    with urllib.request.urlopen(request, timeout=CHANGE_S):  # noqa: S310 - http alone
        pass


def _children(pid: int) -> Iterator[int]:
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        yield from map(int, thread.read_text().split())


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
