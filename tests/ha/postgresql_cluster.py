"""PostgreSQL servers under Patroni, with etcd; a proxy stands before each address of a server, to cut its network."""

import asyncio
import json
import os
import shutil
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from reservation.embedded import postgresql
from reservation.embedded.processes import ChildServer
from tests.faults.proxy import Proxy
from tests.ha.patroni_configuration import configuration
from tests.ha.postgresql_node import BIN_DIR, DATABASE, PASSWORD, USER, Node, send
from tests.ports import free_port
from tests.programs import program

START_S, CHANGE_S = 120.0, 90.0
POLL_S = 0.1
MOST_STARTS = 5


def require_programs() -> None:
    """Skip or fail the test where a program is missing."""
    program("etcd", package="etcd-server")
    program(str(BIN_DIR / "postgres"), package="postgresql-15")
    program("patroni", package="patroni, of the extra `dev`,")


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
        hosts = ",".join(f"127.0.0.1:{node.port_of('postgresql')}" for node in self.nodes)
        return f"postgresql://{USER}:{PASSWORD}@{hosts}/{DATABASE}?sslmode=disable&target_session_attrs=read-write"

    async def members(self) -> dict[str, dict[str, Any]]:
        """What the first Patroni that answers says of each server: `role`, `state`, `timeline`, `lag`."""
        for node in self.nodes:
            found = await asyncio.to_thread(node.ask, "/cluster")
            if found:
                return {member["name"]: member for member in found["members"]}
        return {}

    async def primary(self, other_than: Node | None = None) -> Node:
        """The server that takes writes, once there is one."""
        async with asyncio.timeout(CHANGE_S):
            while True:
                for node in self.nodes:
                    if node is not other_than and await asyncio.to_thread(node.is_primary):
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
        (node.folder / "patroni.json").write_text(json.dumps(configuration(node, self.settings)))
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
            send([node.patroni.pid], signal.SIGCONT)
        node.kill()
        send(pids, signal.SIGKILL)


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
        await _until_up(cluster, nodes[0])
        for node in nodes[1:]:
            cluster.start_node(node)
        await cluster.until_healthy()
        yield cluster


async def _until_up(cluster: Cluster, node: Node) -> None:
    """Wait for the first server, and make the database.

    Patroni ends if it reads etcd just as etcd elects (`not_decided`); it is then started again, as systemd does.
    """
    starts = 1
    async with asyncio.timeout(START_S):
        while not await asyncio.to_thread(node.is_primary):
            assert node.patroni is not None
            if node.patroni.poll() is not None:
                assert starts < MOST_STARTS, node.patroni.last_log_line()
                starts += 1
                cluster.start_node(node)
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


def _post(url: str, body: Any) -> None:
    data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - http alone
    with urllib.request.urlopen(request, timeout=CHANGE_S):  # noqa: S310 - http alone
        pass
