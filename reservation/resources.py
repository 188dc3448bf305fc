"""What the application opens at its start and closes at its end, each in one function."""

import asyncio
import resource
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import asyncpg
import orjson
import structlog
from aiohttp import web
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from .booking import service as booking
from .booking.batches import BookingBatches
from .booking.best_available import BestAvailable
from .booking.idempotency import IdempotencyKeys
from .booking.orphan_job import tend_for_ever
from .booking.service import Stores
from .db.pgbouncer import lacking, through_pgbouncer
from .db.pool import Database
from .db.repository import ops
from .errors import HoldsUnavailable, Unavailable
from .holds.pending_updates import Settling
from .holds.store import Holds
from .http.app_keys import (
    ACCOUNTS,
    API_KEYS,
    BEST_AVAILABLE,
    DATABASE,
    IDEMPOTENCY,
    LIVE,
    SEAT_MAPS,
    SESSIONS,
    SETTINGS,
    STORES,
)
from .identity.accounts import Accounts
from .identity.api_key_cache import KeyHolders
from .identity.api_key_limits import KeyTurns
from .identity.api_keys import ApiKeys
from .identity.attempt_limits import AttemptLimits, Attempts
from .identity.auth_invalidation import Notices
from .identity.passwords import PasswordWorkers
from .identity.sessions import Sessions
from .identity.tokens import TokenMint
from .runtime.cancellation import end
from .runtime.pubsub import listen_for_ever
from .seatmap.layouts import Layouts
from .seatmap.live import Live
from .seatmap.map_notifications import MapNotices, channel_of
from .seatmap.rendering import SeatMaps
from .settings import Settings

REDIS_TIMEOUT_S = 2.0
REDIS_CONNECTIONS = 64
IDLE_IN_TRANSACTION_S = 15
TOOL_WAIT_S = 60
COMMAND_MARGIN_S = 1.0
# A plan that was made when PostgreSQL had just seen a table empty is bad for as long as it is kept.
PLAN_KEPT_S = 10
NOTE_USES_S = 1.0
SPARE_FILES = 512  # beside the viewers' connections: the stores', and those of everybody else
REDIS = web.AppKey("REDIS", Redis)


class CannotStart(Exception):
    """A store is out of reach at the start; the message says which, and why."""


async def postgresql(app: web.Application) -> AsyncIterator[None]:
    """The connection pool; fails the start when PostgreSQL does not answer."""
    settings = app[SETTINGS]
    try:
        pool = await asyncpg.create_pool(**pool_options(settings))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        if settings.database_role and f'role "{settings.database_role}"' in str(error):
            raise CannotStart(f"DATABASE_ROLE: {error}") from error
        raise CannotStart(f"PostgreSQL cannot be reached: {error}") from error
    await _require_rights(pool)
    app[DATABASE] = Database(pool, wait_s=settings.pool_wait_s, lent=settings.pgbouncer)
    if settings.pgbouncer:
        await _require_session_settings(pool, pool_settings(settings))
    yield
    try:
        async with asyncio.timeout(settings.shutdown_s):
            await pool.close()
    except TimeoutError:  # somebody still has a connection, and a stop has an end
        pool.terminate()


async def _require_rights(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """Whoever may not book would find out at the first hold, and nobody would at the start."""
    async with pool.acquire() as conn:
        role = await ops.who_cannot_book(conn)
    if role is not None:
        pool.terminate()
        raise CannotStart(f"PostgreSQL's role {role} may not write reservations: docs/tuning.md tells which may")


async def _require_session_settings(pool: "asyncpg.Pool[asyncpg.Record]", wanted: Mapping[str, str]) -> None:
    async with pool.acquire() as conn:
        wrong = await lacking(conn, wanted)
    if wrong:
        pool.terminate()
        raise CannotStart(
            f"PGBOUNCER: {'; '.join(wrong)}: set this for the role, as docs/poolers.md says, and RECONNECT PgBouncer"
        )


async def redis_and_booking(app: web.Application) -> AsyncIterator[None]:
    """The Redis client, and on it and the pool what booking needs."""
    settings, database = app[SETTINGS], app[DATABASE]
    client = app[REDIS] = redis_client(settings)
    holds = Holds(client, lambda showtime_id: booking.prime(database, showtime_id))
    try:
        await holds.ping()
    except HoldsUnavailable as error:
        await client.aclose()
        raise CannotStart(f"Redis cannot be reached: {error.__cause__}") from error
    log = structlog.stdlib.get_logger("reservation.booking")
    settling = Settling(holds, log)
    layouts = Layouts(database)
    app[STORES] = Stores(
        database=database,
        batches=BookingBatches(database, settling),
        holds=holds,
        settling=settling,
        layouts=layouts,
        log=log,
        hold_ttl_s=settings.hold_ttl_s,
        hold_max_s=settings.hold_max_s,
        hold_deadline_s=settings.pool_wait_s + settings.statement_timeout_s,
        cancel_cutoff_s=settings.cancel_cutoff_s,
        cleaning_s=settings.cleaning_s,
    )
    app[BEST_AVAILABLE] = BestAvailable(app[STORES])
    app[SEAT_MAPS] = SeatMaps(database, holds, layouts)
    # A hold may begin to wait for a connection at the deadline, and its statement then runs until its own.
    statement_s = settings.pool_wait_s + settings.statement_timeout_s + COMMAND_MARGIN_S
    second_look_s = app[STORES].hold_deadline_s + statement_s + 2 * REDIS_TIMEOUT_S
    app[IDEMPOTENCY] = IdempotencyKeys(database)
    tending = asyncio.create_task(tend_for_ever(client, app[STORES], second_look_s=second_look_s))
    yield
    await end([tending])
    await client.aclose()


async def accounts(app: web.Application) -> AsyncIterator[None]:
    """The threads that hash passwords, what signs tokens, and who is let in with which token or key."""
    passwords = PasswordWorkers()
    tokens = token_mint(app[SETTINGS])
    sessions = app[SESSIONS] = Sessions(tokens, app[DATABASE])
    holders = KeyHolders(app[DATABASE], structlog.stdlib.get_logger("reservation.api_keys"))
    notices = Notices(app[REDIS], (sessions, holders), structlog.stdlib.get_logger("reservation.notices"))
    app[API_KEYS] = ApiKeys(app[DATABASE], notices, holders, key_turns(app[SETTINGS]))
    tasks = [asyncio.create_task(notices.listen_for_ever()), asyncio.create_task(holders.note_uses_for_ever())]
    attempts = Attempts(app[REDIS], attempt_limits(app[SETTINGS]), structlog.stdlib.get_logger("reservation.attempts"))
    app[ACCOUNTS] = Accounts(app[DATABASE], passwords, tokens, notices, attempts)
    yield
    await end(tasks)
    with suppress(Unavailable, TimeoutError):  # it tells people which keys are in use: not worth a wait
        async with asyncio.timeout(NOTE_USES_S):
            await holders.note_uses()
    passwords.close()


def key_turns(settings: Settings) -> KeyTurns:
    """How many requests of machine clients run at once in this worker."""
    return KeyTurns(
        back_office=settings.reports_concurrency,
        of_a_key=settings.api_key_concurrency,
        connections=settings.pool_size,
    )


def attempt_limits(settings: Settings) -> AttemptLimits:
    """How often somebody may try."""
    return AttemptLimits(
        login_window_s=settings.login_window_s,
        login_failures=settings.login_failures,
        login_failures_per_account=settings.login_failures_per_account,
        login_failures_per_address=settings.login_failures_per_address,
        signups_per_minute_per_address=settings.signups_per_minute_per_address,
    )


async def live(app: web.Application) -> AsyncIterator[None]:
    """The live seat maps: what hears of changes, and what keeps the streams going."""
    settings, stores, client = app[SETTINGS], app[STORES], app[REDIS]
    log, channel = structlog.stdlib.get_logger("reservation.live"), channel_of(client)
    feeds = app[LIVE] = Live(
        stores.database,
        stores.holds,
        stores.layouts,
        log,
        channel=channel,
        most_viewers=most_viewers(settings.live_viewers_max, resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        heartbeat_s=settings.sse_heartbeat_s,
    )
    listening = listen_for_ever(client, channel, MapNotices(feeds), log)
    tasks = [asyncio.create_task(listening), asyncio.create_task(feeds.tend_for_ever())]
    yield
    await feeds.close()
    await end(tasks)


def most_viewers(wanted: int, open_files: int) -> int:
    """As many as wanted, but never so many that nobody else could connect."""
    if open_files == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(open_files - SPARE_FILES, open_files // 2))


def token_mint(settings: Settings) -> TokenMint:
    """What signs and verifies tokens; the start has made sure that there is a secret."""
    if settings.jwt_secret is None:
        raise CannotStart("JWT_SECRET is not set")
    return TokenMint(settings.jwt_secret, settings.access_token_ttl_s, settings.refresh_token_ttl_s)


def pool_options(settings: Settings) -> dict[str, Any]:
    """How the service connects to PostgreSQL."""
    options = {
        "dsn": settings.database_url,
        "min_size": min(2, settings.pool_size),
        "max_size": settings.pool_size,
        # A little longer than the server's own limit, which says more clearly what happened.
        "command_timeout": settings.statement_timeout_s + COMMAND_MARGIN_S,
        "timeout": settings.pool_wait_s,
        "max_cached_statement_lifetime": PLAN_KEPT_S,
        "init": _prepare_connection,
        "reset": _leave_as_is,
        "server_settings": pool_settings(settings),
    }
    return through_pgbouncer(options) if settings.pgbouncer else options


def pool_settings(settings: Settings) -> dict[str, str]:
    """How each session of the service is set: it names itself, and nothing runs or locks for ever."""
    statement_ms = int(settings.statement_timeout_s * 1000)
    return {
        "application_name": "reservation",
        "statement_timeout": str(statement_ms),
        "lock_timeout": str(statement_ms),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_S * 1000),
        "timezone": "UTC",
        # Every statement has one plan, whatever its arguments: to plan a confirm costs more than to run it. That
        # plan must not be to read whole tables, whose size was not known when it was made.
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "jit": "off",  # what the planner is kept from has a price that would set it off
        **({"role": settings.database_role} if settings.database_role else {}),
    }


def tool_limits(name: str) -> dict[str, str]:
    """Server settings of a tool's own connection: seeding, the audit and the load kit, which do not sell.

    What they ask may take its time; but nobody should wait for them for long, nor they for anybody.
    """
    return {
        "application_name": f"reservation {name}",
        "statement_timeout": "0",
        "lock_timeout": str(TOOL_WAIT_S * 1000),
        "idle_in_transaction_session_timeout": str(TOOL_WAIT_S * 1000),
    }


def redis_client(settings: Settings) -> Redis:
    """A client with bounded waits; a command whose connection broke is tried once more, which our scripts allow."""
    pool = BlockingConnectionPool.from_url(
        settings.redis_url or "",
        max_connections=REDIS_CONNECTIONS,
        timeout=REDIS_TIMEOUT_S,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        retry=Retry(ExponentialBackoff(cap=0.1, base=0.01), 1),
        decode_responses=True,
        client_name="reservation",
    )
    return Redis.from_pool(pool)


async def _leave_as_is(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Spare the round trip of a RESET: no code of ours leaves anything in a session (tests/db/test_pool.py).

    A transaction that is still open is rolled back by asyncpg before this.
    """


async def _prepare_connection(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads
    )
