"""What must hold of PostgreSQL and Redis for the service to start."""

from collections.abc import Mapping

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError
from structlog.stdlib import BoundLogger

from .db.pgbouncer import wrong_settings
from .db.repository import ops
from .errors import HoldsUnavailable, OperatorError
from .holds.store import Holds
from .runtime.redis_client import RedisClient, is_away

# What REDIS_URL must be for a server that runs in such a mode.
URL_OF_MODE = {
    "cluster": "is a node of a cluster: write redis+cluster://",
    "sentinel": "is a Sentinel: write redis+sentinel:// and the name of the service",
}


class CannotStart(OperatorError):
    """PostgreSQL, Redis or a port cannot be used at the start; the message says which, and why."""


async def require_rights(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """Fail the start if the role lacks the rights to book; otherwise only the first hold would fail."""
    async with pool.acquire() as conn:
        role = await ops.role_without_booking_rights(conn)
    if role is not None:
        pool.terminate()
        raise CannotStart(f"PostgreSQL's role {role} may not write reservations: see docs/dba/sql-dir-and-roles.md")


async def require_session_settings(pool: "asyncpg.Pool[asyncpg.Record]", wanted: Mapping[str, str]) -> None:
    """Fail the start if PgBouncer's connections have other settings than `wanted`."""
    async with pool.acquire() as conn:
        wrong = await wrong_settings(conn, wanted)
    if wrong:
        pool.terminate()
        raise CannotStart(
            f"PGBOUNCER: {'; '.join(wrong)}: set this for the role, as docs/dba/pgbouncer.md says,"
            " and RECONNECT PgBouncer"
        )


async def redis_answers(client: RedisClient, holds: Holds, log: BoundLogger) -> bool:
    """Whether Redis answers; the service starts without it, too.

    Raises CannotStart if Redis refuses the service, or is of another kind than the URL says.
    """
    refused: BaseException | None = None
    try:
        await holds.ping()
    except HoldsUnavailable as error:
        refused = error.__cause__ or error
        if is_away(refused):
            log.warning("started_without_redis", cause=f"Redis cannot be reached: {refused}")
            return False
    wrong = await _wrong_kind(client)
    if wrong is None and refused is None:
        return True
    await client.aclose()
    raise CannotStart(f"REDIS_URL: the server {wrong}" if wrong else f"Redis cannot be reached: {refused}") from refused


async def _wrong_kind(client: RedisClient) -> str | None:
    """What is wrong with the one server that the URL leads to; None for a cluster, and if the server is away again."""
    if not isinstance(client, Redis):
        return None
    try:
        found = await client.info("server")
    except NoPermissionError as error:  # detect_restart.lua needs it on each connection
        return f"does not allow INFO to the service: {error}"
    except (RedisError, OSError):
        return None
    return URL_OF_MODE.get(found.get("redis_mode") or found.get("server_mode") or "")  # the latter is Valkey's
