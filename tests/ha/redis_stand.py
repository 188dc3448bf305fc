"""The service with two workers on Redis Cluster or Sentinel, and the faults of a master."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Protocol, cast

from reservation.dba.audit import Violation, audit_stores
from reservation.embedded.binaries import postgres_programs
from reservation.embedded.postgresql import running_postgres
from tests.conftest import SECRET, make_settings
from tests.ha.redis_cluster import ClusterNode, RedisCluster, slot_of
from tests.ha.redis_nodes import ELECTION_S, PASSWORD, Node, until
from tests.histories.faults import REDIS, Fault
from tests.histories.stands import ROOT, Stand


class Servers(Protocol):
    """Masters and their replicas; all calls block."""

    @property
    def url(self) -> str:
        """The REDIS_URL of the service."""

    def master_of_key(self, key: str) -> Any:
        """The master that has a key."""

    def wait_until_replaced(self, key: str, old: Any) -> None:
        """Wait until another master than the old one has a key."""

    def fail_over(self, master: Any) -> None:
        """Have a replica take a master's place."""

    def until_healthy(self) -> None:
        """Wait until each master has its replicas."""


class RedisStand(Stand):
    """A PostgreSQL, and the servers that `run` runs in a folder; a fault is of the master that has `keys`."""

    name = "redis"
    servers: Servers

    def __init__(self, folder: Path, run: Callable[[Path], AbstractContextManager[Servers]], tree: Path = ROOT) -> None:
        super().__init__(folder, tree)
        self.keys: list[str] = []
        self._run = run
        self._stores = ExitStack()
        self._database_url = ""
        self.mends: list[Callable[[], None]] = []

    @property
    def database_url(self) -> str:
        return self._database_url

    @property
    def redis_url(self) -> str:
        return self.servers.url

    def _addresses(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url, "JWT_SECRET": SECRET}

    async def start_stores(self) -> None:
        folders = [self.folder / "stores", self.folder / "redis"]
        for folder in folders:
            folder.mkdir()
        running = running_postgres(folders[0], postgres_programs(None), password=PASSWORD, fast=True)
        self._database_url = self._stores.enter_context(running)
        self.servers = self._stores.enter_context(self._run(folders[1]))

    async def master(self) -> Node:
        """The master that has the showtimes' keys."""
        found: Node = await asyncio.to_thread(self.servers.master_of_key, self.keys[0])
        return found

    async def mend_servers(self) -> None:
        """Start again, or let go on, what has failed, and return when all servers work."""
        while self.mends:
            self.mends.pop()()  # in the main thread, which alone may start servers
        await asyncio.to_thread(self.servers.until_healthy)

    async def mend(self) -> None:
        """The service must recover by itself."""

    async def audit(self) -> list[Violation]:
        settings = make_settings(self.database_url, self.redis_url, self.folder)
        return await audit_stores(settings, tool="drill")

    async def aclose(self) -> None:
        await super().aclose()
        self._stores.close()


def _master_fault(name: str, cause: Callable[[RedisStand, Node, Random], Callable[[], None] | None]) -> Fault:
    """A fault of the showtimes' master that ends when another one is elected: what follows is the service's recovery.

    `cause` may return what mends the old master, which is called after that recovery.
    """

    @asynccontextmanager
    async def inject(stand: Stand, chance: Random) -> AsyncIterator[None]:
        stand = cast("RedisStand", stand)
        old = await stand.master()
        mend = await asyncio.to_thread(cause, stand, old, chance)
        if mend is not None:
            stand.mends.append(mend)
        await asyncio.to_thread(stand.servers.wait_until_replaced, stand.keys[0], old)
        yield

    return Fault(name, frozenset({REDIS}), inject)


def _kill(_: RedisStand, master: Node, chance: Random) -> Callable[[], None]:
    master.send_signal(signal.SIGKILL)
    return master.launch


def _stand_still(_: RedisStand, master: Node, chance: Random) -> Callable[[], None]:
    master.send_signal(signal.SIGSTOP)
    return lambda: master.send_signal(signal.SIGCONT)


def _switch_over(stand: RedisStand, master: Node, chance: Random) -> None:
    stand.servers.fail_over(master)


@asynccontextmanager
async def _go_on(stand: Stand, _: Random) -> AsyncIterator[None]:
    """The old master goes on as soon as another one is elected, with what it was sent meanwhile."""
    async with STANDS_STILL.inject(stand, _):
        cast("RedisStand", stand).mends.pop()()
        yield


@asynccontextmanager
async def _restart(stand: Stand, _: Random) -> AsyncIterator[None]:
    """The master is killed and starts at once, before an election, with nothing."""
    stand = cast("RedisStand", stand)
    old = await stand.master()
    old.send_signal(signal.SIGKILL)
    old.launch()
    await asyncio.to_thread(until, lambda: old.answers("PING") is not None, ELECTION_S)
    yield


@asynccontextmanager
async def _move_slots(stand: Stand, chance: Random) -> AsyncIterator[None]:
    """The slots of the showtimes move to another master; the service meets TRYAGAIN or ASK, and then ASK."""
    stand = cast("RedisStand", stand)
    cluster = cast("RedisCluster", stand.servers)
    source = await stand.master()
    target = chance.choice([master for master in await asyncio.to_thread(cluster.masters) if master is not source])
    sold, *others = [slot_of(key) for key in stand.keys]
    await asyncio.to_thread(_move_under_requests, cluster, sold, target)
    for slot in others:  # of which nothing is asked during the fault
        await asyncio.to_thread(cluster.move_slot, slot, target)
    yield


def _move_under_requests(cluster: RedisCluster, slot: int, target: ClusterNode) -> None:
    with cluster.moving(slot, target) as move_keys:
        before = cluster.errors("ASK", "TRYAGAIN")
        move_keys(1)
        until(lambda: cluster.errors("ASK", "TRYAGAIN") > before, ELECTION_S)
        while move_keys(1):
            pass
        before = cluster.errors("ASK")
        until(lambda: cluster.errors("ASK") > before, ELECTION_S)


KILLED = _master_fault("a Redis master is killed", _kill)
STANDS_STILL = _master_fault("a Redis master stands still", _stand_still)
SWITCHED_OVER = _master_fault("an operator has another Redis master elected", _switch_over)
GOES_ON = Fault("a Redis master stands still, and goes on after the election", frozenset({REDIS}), _go_on)
RESTARTED = Fault("a Redis master restarts without data", frozenset({REDIS}), _restart)
SLOTS_MOVED = Fault("slots move to another Redis master", frozenset({REDIS}), _move_slots)
FAULTS = (KILLED, STANDS_STILL, SWITCHED_OVER, GOES_ON, RESTARTED, SLOTS_MOVED)
