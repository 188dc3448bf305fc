"""What workers keep in Redis beside the maps: a mark of each worker, and which PostgreSQL database the maps belong to.

reservation:workers     a hash: worker -> its mark, two times in microseconds of PostgreSQL's clock
reservation:recovery    the worker that announces the changes of dead ones; it expires
reservation:database    a hash: the database's `identity` and `generation` (sql/ops/database_state.sql)
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..runtime.redis_client import RedisClient
from ..runtime.redis_cluster import ClusterClient
from .cluster_servers import forget_showtimes
from .connection import RUN_KEY
from .script_runner import redis_errors
from .scripts import DETECT_RESTORE

MARKS_KEY = "reservation:workers"
RECOVERY_KEY = "reservation:recovery"
DATABASE_KEY = "reservation:database"


class Mark(NamedTuple):
    """A worker's progress: what it committed before `announced_us` is announced; it was alive at `alive_us`."""

    announced_us: int
    alive_us: int


class KnownDatabase(NamedTuple):
    """The database that the maps in Redis belong to; an empty identity when Redis does not know it."""

    identity: str
    generation: int


class WorkerMarks:
    """Reads and writes marks; every method raises HoldsUnavailable when Redis does not answer."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def known_database(self) -> KnownDatabase:
        """The database that the maps belong to."""
        async with redis_errors():
            identity, generation = await self._redis.hmget(DATABASE_KEY, ["identity", "generation"])
        return KnownDatabase(_text(identity or ""), int(generation or 0))

    async def detect_restore(self, known: KnownDatabase, now: KnownDatabase, *, raised_to: int) -> bool:
        """Forget all showtimes if `now`, which was read after `known`, is from before it; whether that was done.

        `raised_to` is the generation from now on. In a cluster, all masters forget them before it is noted.
        """
        async with redis_errors():
            keys: tuple[str, ...] = (DATABASE_KEY, RUN_KEY)
            if isinstance(self._redis, ClusterClient):
                if known.identity and (now.identity != known.identity or now.generation < known.generation):
                    await forget_showtimes(self._redis.nodes)
                keys = (DATABASE_KEY,)
            forgotten = await self._redis.eval(DETECT_RESTORE.source, len(keys), *keys, *known, *now, raised_to)
        return bool(forgotten)

    async def read(self) -> Mapping[str, Mark]:
        """The marks of all workers."""
        async with redis_errors():
            found = await self._redis.hgetall(MARKS_KEY)
        return {_text(worker): Mark(*map(int, _text(mark).split())) for worker, mark in found.items()}

    async def write(self, worker: str, mark: Mark) -> None:
        """Write a worker's mark."""
        async with redis_errors():
            await self._redis.hset(MARKS_KEY, worker, f"{mark.announced_us} {mark.alive_us}")

    async def remove(self, workers: Iterable[str]) -> None:
        """Remove marks."""
        async with redis_errors():
            await self._redis.hdel(MARKS_KEY, *workers)

    async def claim_recovery(self, worker: str, expires_s: int) -> bool:
        """Whether this worker is the one to announce the changes of dead workers; a repeated claim renews the first."""
        async with redis_errors():
            if await self._redis.set(RECOVERY_KEY, worker, nx=True, ex=expires_s):
                return True
            if _text(await self._redis.get(RECOVERY_KEY) or "") != worker:
                return False
            return bool(await self._redis.expire(RECOVERY_KEY, expires_s))


def _text(value: bytes | str) -> str:
    """The client may decode, or not."""
    return value.decode() if isinstance(value, bytes) else value
