"""HAProxy in front of Patroni, and PgBouncer in front of HAProxy: an old primary that goes on is not written to."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from reservation.db import migrations
from reservation.embedded.ports import is_taken
from reservation.embedded.processes import ChildServer
from tests.api import Answer, Api, Cinema, Person
from tests.conftest import StartApi
from tests.deploy.compose_ha import HAPROXY
from tests.deploy.test_haproxy import moved
from tests.ha.costs import Cost, RecordCost
from tests.ha.haproxy import Balancer, wait_until
from tests.ha.postgresql_cluster import Cluster, require_programs, running_cluster
from tests.ha.postgresql_node import DATABASE, PASSWORD, USER, Node, send
from tests.pgbouncer import running_pgbouncer
from tests.ports import free_port
from tests.programs import program

PATIENCE_S = 90.0
SEATS = 4  # of each service, after the promotion
MANUAL = (Path(__file__).parents[2] / "docs" / "dba" / "pgbouncer.md").read_text()
DOCUMENTED = re.compile(r"^alter role .*;$", re.MULTILINE)
PRIMARY = re.compile(r"^listen postgresql_primary\n(?:    .*\n)+", re.MULTILINE)


def url(port: int) -> str:
    return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}?sslmode=disable"


@contextmanager
def haproxy(folder: Path, sockets: Path, cluster: Cluster) -> Iterator[Balancer]:
    """Run HAProxy with what deploy/haproxy/haproxy.cfg has for the primary."""
    port, text = free_port(), HAPROXY.read_text()
    [listen] = PRIMARY.findall(text)
    servers = {f"postgres{number}": node.port for number, node in enumerate(cluster.nodes, 1)}
    checks = {f"postgres{number}": node.api_port for number, node in enumerate(cluster.nodes, 1)}
    balancer = Balancer(port, sockets / "haproxy.sock")
    socket = f"global\n    stats socket {balancer.stats} mode 600 level admin\n"
    head = text[: text.index("frontend site")].replace("global\n", socket, 1)
    (folder / "haproxy.cfg").write_text(head + moved(listen, {"5432": port}, servers, checks))
    command: list[str | Path] = [program("haproxy", package="haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]
    with _started(command, "HAProxy", folder / "haproxy.log", port):
        yield balancer


@contextmanager
def _started(command: list[str | Path], name: str, log: Path, port: int) -> Iterator[None]:
    with ChildServer(command, name=name, stop_signals=(signal.SIGTERM,), patience_s=5, log=log) as server:
        wait_until(lambda: is_taken(port) or server.poll() is not None, f"{name} does not answer")
        assert server.poll() is None, server.last_log_line()
        yield


@asynccontextmanager
async def asynchronous_cluster(folder: Path) -> AsyncIterator[Cluster]:
    """Two servers, of which an old primary could answer commits alone; the database is migrated."""
    async with running_cluster(folder) as cluster:
        await asyncio.to_thread(migrations.apply, cluster.url)
        primary = await cluster.primary()
        for command in DOCUMENTED.findall(MANUAL):
            await asyncio.to_thread(primary.run, command)
        yield cluster


async def until_answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await ask()).status == 503:
            await asyncio.sleep(0.1)
    return answer


class Route:
    """The service on one of the two ways to the primary, and a cinema of its own."""

    def __init__(self, name: str, api: Api, old: Node) -> None:
        self.name, self.api, self.old = name, api, old
        self.cinema: Cinema | None = None
        self.who: Person | None = None

    async def open(self) -> None:
        """Make a cinema, and sell a seat on the old primary."""
        self.api.database_url = self.old.url(direct=True)
        self.cinema, self.who = await self.api.cinema(), await self.api.sign_up()
        await self.sell(0)

    async def sell(self, number: int) -> str:
        """Sell a seat as soon as the service takes it; the reservation."""
        assert self.cinema is not None
        assert self.who is not None
        held = await until_answered(
            partial(self.api.hold, self.who, self.cinema.showtime_id, [self.cinema.seat_ids[number]])
        )
        assert held.status == 201, held.text
        confirmed = await until_answered(partial(self.api.confirm, self.who, held.json["id"]))
        assert confirmed.status == 200, confirmed.text
        return str(held.json["id"])

    async def follow(self, new: Node, promoted_at: float) -> Cost:
        """Sell seats after the promotion, which the new primary is to have, and the old one not."""
        sold = [await self.sell(1)]
        back_s = time.monotonic() - promoted_at
        sold += [await self.sell(number) for number in range(2, 1 + SEATS)]
        assert await asyncio.to_thread(known, self.old, sold) == 0
        lost = SEATS - await asyncio.to_thread(known, new, sold)
        return Cost(f"a standby is promoted beside the primary, {self.name}", 1, SEATS, lost, 0, (back_s,))


def known(node: Node, reservations: list[str]) -> int:
    """How many of these reservations a server has as confirmed."""
    ids = ",".join(f"'{each}'" for each in reservations)
    return int(node.run(f"select count(*) from reservations where id in ({ids}) and status = 'confirmed'"))


async def test_a_failover_is_followed_through_haproxy_and_pgbouncer_and_the_old_primary_is_not_written_to(
    start_api: StartApi, redis_url: str, tmp_path: Path, socket_folder: Path, record_cost: RecordCost
) -> None:
    """The Patroni of the old primary stands still, and its PostgreSQL goes on taking writes until the end."""
    require_programs()
    pooler_folder = tmp_path / "pgbouncer"
    pooler_folder.mkdir()
    other_redis = urlsplit(redis_url)._replace(path="/1").geturl()  # else one service tells the other of the fail-over
    async with asynchronous_cluster(tmp_path) as cluster:
        with (
            haproxy(tmp_path, socket_folder, cluster) as balancer,
            running_pgbouncer(
                pooler_folder,
                balancer.port,
                user=USER,
                password=PASSWORD,
                options={"server_login_retry": 1},
            ) as pooled,
        ):
            old = await cluster.primary()
            # It takes all servers for well until their first checks have failed.
            wanted = [node is old for node in cluster.nodes]
            names = [f"postgres{number}" for number in range(1, len(wanted) + 1)]
            await asyncio.to_thread(wait_until, lambda: [*map(balancer.is_up, names)] == wanted, "no primary is up")
            routes = [
                Route("HAProxy", await start_api(DATABASE_URL=url(balancer.port)), old),
                Route(
                    "PgBouncer", await start_api(DATABASE_URL=url(pooled), PGBOUNCER="1", REDIS_URL=other_redis), old
                ),
            ]
            for route in routes:
                await route.open()
            assert old.patroni is not None
            send([old.patroni.pid], signal.SIGSTOP)
            try:
                new = await cluster.primary(other_than=old)
                costs = await asyncio.gather(*(route.follow(new, time.monotonic()) for route in routes))
                assert await asyncio.to_thread(old.run, "select not pg_is_in_recovery()")  # it would have taken them
            finally:
                send([old.patroni.pid], signal.SIGCONT)
            for route in routes:
                await route.api.client.close()
    for cost in costs:
        record_cost(cost)
    assert [cost.lost for cost in costs] == [0, 0]
