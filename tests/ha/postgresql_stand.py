"""The service with two workers on PostgreSQL under Patroni, and the faults of its primary."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, cast

import asyncpg

from reservation.db import migrations
from reservation.embedded.binaries import valkey_program
from reservation.embedded.valkey import running_valkey
from tests.conftest import SECRET
from tests.ha.postgresql_cluster import Cluster, running_cluster
from tests.ha.postgresql_node import PASSWORD, Node, send
from tests.histories.faults import POSTGRESQL, Fault
from tests.histories.history import FOREVER
from tests.histories.stands import ROOT, Stand


class PatroniStand(Stand):
    """Servers under Patroni and a Valkey; `settings` are those of `running_cluster`."""

    name = "patroni"
    cluster: Cluster

    def __init__(self, folder: Path, tree: Path = ROOT, **settings: Any) -> None:
        super().__init__(folder, tree)
        self._settings = settings
        self._cluster, self._redis = AsyncExitStack(), ExitStack()
        self._redis_url = ""
        self.primary: Node | None = None
        self.first_commit: asyncio.Task[float] | None = None  # of the new primary after a fault, without the service

    @property
    def database_url(self) -> str:
        return self.cluster.url if self.primary is None else self.primary.url(direct=True)

    @property
    def redis_url(self) -> str:
        return self._redis_url

    def _addresses(self) -> dict[str, str]:
        return {"DATABASE_URL": self.cluster.url, "REDIS_URL": self.redis_url, "JWT_SECRET": SECRET}

    async def start_stores(self) -> None:
        servers, redis = self.folder / "servers", self.folder / "redis"
        servers.mkdir()
        redis.mkdir()
        self._redis_url = self._redis.enter_context(running_valkey(redis, valkey_program(None), password=PASSWORD))
        self.cluster = await self._cluster.enter_async_context(running_cluster(servers, **self._settings))
        self.primary = await self.cluster.primary()
        # In a thread, since the proxies of the servers run in this one.
        await asyncio.to_thread(migrations.apply, self.cluster.url)

    async def mend(self) -> None:
        """Nothing ends here that Patroni does not start again."""

    async def aclose(self) -> None:
        await super().aclose()
        await self._cluster.aclose()
        self._redis.close()


def primary_fault(name: str, cause: Callable[[Cluster, Node], Any]) -> Fault:
    """A fault of the primary that ends when another server is promoted: what follows is the service's recovery.

    `cause` may return a function that mends the old primary, which is called after the promotion.
    """

    @asynccontextmanager
    async def inject(stand: Stand, _: Random) -> AsyncIterator[None]:
        stand = cast("PatroniStand", stand)
        old = await stand.cluster.primary()
        mend = cause(stand.cluster, old)
        if asyncio.iscoroutine(mend):
            mend = await mend
        stand.primary = await stand.cluster.primary(other_than=old)
        stand.first_commit = asyncio.create_task(_seconds_of_commit(stand.primary))
        try:
            yield
        finally:
            if mend is not None:
                asyncio.get_running_loop().call_later(MEND_AFTER_S, mend)

    return Fault(name, frozenset({POSTGRESQL}), inject)


async def _seconds_of_commit(primary: Node) -> float:
    """Commit on the new primary, which in a synchronous mode waits until a standby follows; FOREVER if it fails."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(COMMIT_WAIT_S):
            connection = await asyncpg.connect(primary.url(direct=True))
            try:
                await connection.execute("select pg_logical_emit_message(true, 'tests', 'a commit')")
            finally:
                connection.terminate()
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return FOREVER
    return time.monotonic() - started


COMMIT_WAIT_S = 60.0
MEND_AFTER_S = 6.0  # the service has left the old primary by then, or the drill shows that it has not


def _kill_server(_: Cluster, node: Node) -> None:
    node.kill_postgresql()


def _kill_host(cluster: Cluster, node: Node) -> Callable[[], None]:
    node.kill()
    return lambda: cluster.start_node(node)


def _stand_still(_: Cluster, node: Node) -> Callable[[], None]:
    pids = node.stand_still()
    return lambda: send(pids, signal.SIGCONT)


def _cut_off(_: Cluster, node: Node) -> Callable[[], None]:
    node.stall()
    return node.flow


async def _switch_over(cluster: Cluster, _: Node) -> None:
    await cluster.switch_over()


SERVER_KILLED = primary_fault("PostgreSQL is killed", _kill_server)
HOST_KILLED = primary_fault("the host is killed", _kill_host)
STANDS_STILL = primary_fault("the host stands still", _stand_still)
CUT_OFF = primary_fault("the host is cut off the network", _cut_off)
SWITCHOVER = primary_fault("switchover", _switch_over)
FAULTS = (SERVER_KILLED, HOST_KILLED, STANDS_STILL, CUT_OFF, SWITCHOVER)
