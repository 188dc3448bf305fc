"""The faults: each is a context in which something has failed, and which ends with it mended."""

import asyncio
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.faults.proxy import Proxy
from tests.histories.stands import Stand, signal_process

Inject = Callable[[Stand, Random], AbstractAsyncContextManager[None]]
REDIS, POSTGRESQL, WORKER, SERVICE, CLOCK = "redis", "postgresql", "worker", "service", "clock"
LONGEST_WRITE = 65_536  # bytes of a file; PostgreSQL's files and WAL are longer


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault on a stand, and what it touches there: with an embedded store, the service ends as well."""

    name: str
    parts: frozenset[str]
    inject: Inject


FAULTS: dict[str, dict[str, Fault]] = {"embedded": {}, "external": {}, "clocks": {}}


def fault(name: str, *parts: str, on: str = "embedded external") -> Callable[[Inject], Inject]:
    """Register a fault of these parts on one stand, or both."""

    def register(inject: Inject) -> Inject:
        for stand in on.split():
            FAULTS[stand][name] = Fault(name, frozenset(parts), inject)
        return inject

    return register


@fault("a worker is killed", WORKER)
@asynccontextmanager
async def kill_worker(stand: Stand, chance: Random) -> AsyncIterator[None]:
    """SIGKILL; the service starts another one."""
    signal_process(chance.choice(stand.workers()), signal.SIGKILL)
    yield


@fault("a worker stands still", WORKER)
@asynccontextmanager
async def stop_worker(stand: Stand, chance: Random) -> AsyncIterator[None]:
    """SIGSTOP, then SIGCONT."""
    async with _standing_still([chance.choice(stand.workers())]):
        yield


@fault("the service is killed", SERVICE, WORKER, REDIS, POSTGRESQL, on="embedded")
@fault("the service is killed", SERVICE, WORKER, on="external")
@asynccontextmanager
async def kill_service(stand: Stand, _: Random) -> AsyncIterator[None]:
    """SIGKILL of its first process, with which embedded servers end."""
    await stand.kill_service()
    try:
        yield
    finally:
        await stand.start_service()


@fault("Redis stands still", REDIS)
@asynccontextmanager
async def stop_redis(stand: Stand, _: Random) -> AsyncIterator[None]:
    """SIGSTOP, then SIGCONT."""
    async with _standing_still(stand.redis_pids()):
        yield


@fault("PostgreSQL stands still", POSTGRESQL)
@asynccontextmanager
async def stop_postgresql(stand: Stand, _: Random) -> AsyncIterator[None]:
    """SIGSTOP of all its processes, then SIGCONT."""
    async with _standing_still(stand.postgresql_pids()):
        yield


@fault("Redis is killed", REDIS, on="external")
@fault("Redis is killed", REDIS, SERVICE, WORKER, POSTGRESQL, on="embedded")
@asynccontextmanager
async def kill_redis(stand: Stand, _: Random) -> AsyncIterator[None]:
    """It comes back empty."""
    _kill(stand.redis_pids())
    try:
        yield
    finally:
        await stand.restart_redis()


@fault("Redis comes back with old data", REDIS, on="external")
@fault("Redis comes back with old data", REDIS, SERVICE, WORKER, POSTGRESQL, on="embedded")
@asynccontextmanager
async def restore_redis(stand: Stand, chance: Random) -> AsyncIterator[None]:
    """It is killed, and starts with what it had up to a second before."""
    saved = await stand.redis_dump()
    await asyncio.sleep(chance.uniform(0.2, 1))
    _kill(stand.redis_pids())
    try:
        yield
    finally:
        await stand.restart_redis(saved)


@fault("FLUSHALL", REDIS)
@asynccontextmanager
async def flush_redis(stand: Stand, chance: Random) -> AsyncIterator[None]:
    """Some times, so that one of them comes between the steps of a hold."""
    for _ in range(chance.randint(1, 8)):
        with suppress(RedisError, OSError):
            async with Redis.from_url(stand.redis_url, socket_timeout=1) as client:
                await client.flushall()
        await asyncio.sleep(chance.uniform(0, 0.2))
    yield


@fault("Redis has no memory left", REDIS)
@asynccontextmanager
async def fill_redis(stand: Stand, _: Random) -> AsyncIterator[None]:
    """Below `maxmemory` with noeviction, each write is refused."""
    async with Redis.from_url(stand.redis_url) as client:
        await client.config_set("maxmemory", "1")
        try:
            yield
        finally:
            await client.config_set("maxmemory", "0")


@fault("PostgreSQL is killed", POSTGRESQL, on="external")
@fault("PostgreSQL is killed", POSTGRESQL, SERVICE, WORKER, REDIS, on="embedded")
@asynccontextmanager
async def kill_postgresql(stand: Stand, _: Random) -> AsyncIterator[None]:
    """SIGKILL of all its processes, and then its recovery from WAL."""
    _kill(stand.postgresql_pids())
    try:
        yield
    finally:
        await stand.restart_postgresql()


@fault("a backend of PostgreSQL is killed", POSTGRESQL)
@asynccontextmanager
async def kill_backend(stand: Stand, chance: Random) -> AsyncIterator[None]:
    """SIGKILL of one process; PostgreSQL ends all connections and recovers."""
    rows = await _query(stand, "select pid from pg_stat_activity where application_name = 'reservation'")
    if rows:
        # Its pid in PostgreSQL is that of this machine: the user namespace it may run in has no pids of its own.
        signal_process(chance.choice(rows)["pid"], signal.SIGKILL)
    yield


@fault("connections to PostgreSQL are ended", POSTGRESQL)
@asynccontextmanager
async def end_backends(stand: Stand, chance: Random) -> AsyncIterator[None]:
    """By pg_terminate_backend, some times."""
    for _ in range(chance.randint(1, 5)):
        await _query(
            stand, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'reservation'"
        )
        await asyncio.sleep(chance.uniform(0, 0.2))
    yield


@fault("PostgreSQL cannot write (file size limit)", POSTGRESQL, on="external")
@fault("PostgreSQL cannot write (file size limit)", POSTGRESQL, SERVICE, WORKER, REDIS, on="embedded")
@asynccontextmanager
async def fill_disk(stand: Stand, _: Random) -> AsyncIterator[None]:
    """As on a full disk, no file of its processes can be written beyond LONGEST_WRITE; also a checkpoint fails."""
    _limit_files(stand, LONGEST_WRITE)
    try:
        yield
    finally:
        _limit_files(stand, resource.RLIM_INFINITY)


def _limit_files(stand: Stand, length: int) -> None:
    """Limit the files of all processes of PostgreSQL, those included that are started meanwhile."""
    done: set[int] = set()
    while left := set(stand.postgresql_pids()) - done:
        for pid in left:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (length, resource.RLIM_INFINITY))
        done |= left


def _network(name: str, part: str, cause: Callable[[Proxy, Random], Awaitable[None]]) -> None:
    """Register a fault of the network between the service and a store."""

    @fault(f"the network to {name}", part, on="external")
    @asynccontextmanager
    async def inject(stand: Stand, chance: Random) -> AsyncIterator[None]:
        proxy = stand.redis_proxy if part == REDIS else stand.postgresql_proxy
        if proxy is None:
            raise RuntimeError("the stand has no proxies")
        await cause(proxy, chance)
        try:
            yield
        finally:
            proxy.lose_answers = False
            proxy.delay_s = 0.0
            proxy.flow()


async def _stall(proxy: Proxy, _: Random) -> None:
    proxy.stall()


async def _slow(proxy: Proxy, chance: Random) -> None:
    proxy.delay_s = chance.choice((0.03, 0.06, 0.2))


async def _reset(proxy: Proxy, chance: Random) -> None:
    for _ in range(chance.randint(1, 5)):
        await proxy.reset()
        await asyncio.sleep(chance.uniform(0, 0.2))


async def _lose(proxy: Proxy, chance: Random) -> None:
    """Some times for a moment, in which what is under way is carried out without an answer."""
    for _ in range(chance.randint(0, 8)):
        proxy.lose_answers = True
        await asyncio.sleep(chance.uniform(0, 0.1))
        proxy.lose_answers = False
        await asyncio.sleep(chance.uniform(0.1, 0.4))
    proxy.lose_answers = True


for _store, _part in (("Redis", REDIS), ("PostgreSQL", POSTGRESQL)):
    _network(f"{_store} passes nothing on", _part, _stall)
    _network(f"{_store} is slow", _part, _slow)
    _network(f"{_store} resets connections", _part, _reset)
    _network(f"{_store} loses answers", _part, _lose)


@asynccontextmanager
async def _standing_still(pids: Sequence[int]) -> AsyncIterator[None]:
    for pid in pids:
        signal_process(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):  # PostgreSQL's first process last: it would otherwise find the others not answering
            signal_process(pid, signal.SIGCONT)


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        signal_process(pid, signal.SIGKILL)


async def _query(stand: Stand, query: str) -> list[asyncpg.Record]:
    with suppress(OSError, asyncpg.PostgresError):
        connection = await asyncpg.connect(stand.database_url, timeout=5)
        try:
            return await connection.fetch(query)
        finally:
            await connection.close()
    return []
