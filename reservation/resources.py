"""What the application opens at its start and closes at its end, each in one function."""

import asyncio
import resource
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

import asyncpg
import structlog
from aiohttp import web
from redis.asyncio import Redis

from .booking.batches import BookingBatches
from .booking.best_available import BestAvailable
from .booking.context import BookingContext
from .booking.idempotency import IdempotencyKeys
from .booking.orphan_job import tend_for_ever
from .catalog.context import CatalogContext
from .db.pgbouncer import wrong_settings
from .db.pool import Database
from .db.pool_options import COMMAND_MARGIN_S, pool_options, pool_settings, why_refused
from .db.repository import ops
from .errors import HoldsUnavailable, Unavailable
from .holds.pending_updates import PendingUpdates
from .holds.store import Holds
from .http.app_keys import (
    ACCOUNTS,
    API_KEYS,
    BEST_AVAILABLE,
    BOOKING_CONTEXT,
    CATALOG_CONTEXT,
    DATABASE,
    IDEMPOTENCY,
    LIVE,
    SEAT_MAPS,
    SESSIONS,
    SETTINGS,
)
from .identity.accounts import Accounts
from .identity.api_key_cache import ApiKeyCache
from .identity.api_key_limits import ApiKeyLimits
from .identity.api_keys import ApiKeys
from .identity.attempt_limits import AttemptLimits, Attempts
from .identity.auth_invalidation import AuthInvalidation
from .identity.passwords import PasswordWorkers
from .identity.sessions import Sessions
from .identity.tokens import token_mint
from .runtime.cancellation import cancel_and_wait
from .runtime.pubsub import listen_for_ever
from .runtime.redis_client import REDIS_TIMEOUT_S, redis_client
from .seatmap.layouts import Layouts
from .seatmap.live import Live
from .seatmap.map_notifications import MapNotifications, channel_of
from .seatmap.priming import prime
from .seatmap.rendering import SeatMaps
from .settings import Settings

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
        reason = why_refused(settings, error)
        raise CannotStart(reason if "DATABASE_ROLE" in reason else f"PostgreSQL cannot be reached: {reason}") from error
    await _require_rights(pool)
    app[DATABASE] = Database(pool, wait_s=settings.pool_wait_s, behind_pgbouncer=settings.pgbouncer)
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
        role = await ops.role_without_booking_rights(conn)
    if role is not None:
        pool.terminate()
        raise CannotStart(f"PostgreSQL's role {role} may not write reservations: docs/tuning.md tells which may")


async def _require_session_settings(pool: "asyncpg.Pool[asyncpg.Record]", wanted: Mapping[str, str]) -> None:
    async with pool.acquire() as conn:
        wrong = await wrong_settings(conn, wanted)
    if wrong:
        pool.terminate()
        raise CannotStart(
            f"PGBOUNCER: {'; '.join(wrong)}: set this for the role, as docs/poolers.md says, and RECONNECT PgBouncer"
        )


async def redis_and_booking(app: web.Application) -> AsyncIterator[None]:
    """The Redis client, and on it and the pool what booking needs."""
    settings, database = app[SETTINGS], app[DATABASE]
    client = app[REDIS] = redis_client(settings)
    holds = Holds(client, lambda showtime_id: prime(database, showtime_id))
    try:
        await holds.ping()
    except HoldsUnavailable as error:
        await client.aclose()
        raise CannotStart(f"Redis cannot be reached: {error.__cause__}") from error
    log = structlog.stdlib.get_logger("reservation.booking")
    pending_updates = PendingUpdates(holds, log)
    layouts = Layouts(database)
    app[BOOKING_CONTEXT] = BookingContext(
        database=database,
        batches=BookingBatches(database, pending_updates),
        holds=holds,
        pending_updates=pending_updates,
        layouts=layouts,
        log=log,
        hold_ttl_s=settings.hold_ttl_s,
        hold_max_s=settings.hold_max_s,
        hold_deadline_s=settings.pool_wait_s + settings.statement_timeout_s,
        cancel_cutoff_s=settings.cancel_cutoff_s,
    )
    app[CATALOG_CONTEXT] = CatalogContext(database, pending_updates, settings.cleaning_s)
    app[BEST_AVAILABLE] = BestAvailable(app[BOOKING_CONTEXT])
    app[SEAT_MAPS] = SeatMaps(database, holds, layouts)
    # A hold may begin to wait for a connection at the deadline, and its statement then runs until its own.
    statement_s = settings.pool_wait_s + settings.statement_timeout_s + COMMAND_MARGIN_S
    second_look_s = app[BOOKING_CONTEXT].hold_deadline_s + statement_s + 2 * REDIS_TIMEOUT_S
    app[IDEMPOTENCY] = IdempotencyKeys(database)
    tending = asyncio.create_task(tend_for_ever(client, app[BOOKING_CONTEXT], second_look_s=second_look_s))
    yield
    await cancel_and_wait([tending])
    await client.aclose()


async def accounts(app: web.Application) -> AsyncIterator[None]:
    """The threads that hash passwords, what signs tokens, and who is let in with which token or key."""
    passwords = PasswordWorkers()
    tokens = token_mint(app[SETTINGS])
    sessions = app[SESSIONS] = Sessions(tokens, app[DATABASE])
    holders = ApiKeyCache(app[DATABASE], structlog.stdlib.get_logger("reservation.api_keys"))
    notices = AuthInvalidation(app[REDIS], (sessions, holders), structlog.stdlib.get_logger("reservation.notices"))
    app[API_KEYS] = ApiKeys(app[DATABASE], notices, holders, api_key_limits(app[SETTINGS]))
    tasks = [asyncio.create_task(notices.listen_for_ever()), asyncio.create_task(holders.note_uses_for_ever())]
    attempts = Attempts(app[REDIS], attempt_limits(app[SETTINGS]), structlog.stdlib.get_logger("reservation.attempts"))
    app[ACCOUNTS] = Accounts(app[DATABASE], passwords, tokens, notices, attempts)
    yield
    await cancel_and_wait(tasks)
    with suppress(Unavailable, TimeoutError):  # it tells people which keys are in use: not worth a wait
        async with asyncio.timeout(NOTE_USES_S):
            await holders.note_uses()
    passwords.close()


def api_key_limits(settings: Settings) -> ApiKeyLimits:
    """How many requests of machine clients run at once in this worker."""
    return ApiKeyLimits(
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
    settings, stores, client = app[SETTINGS], app[BOOKING_CONTEXT], app[REDIS]
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
    listening = listen_for_ever(client, channel, MapNotifications(feeds), log)
    tasks = [asyncio.create_task(listening), asyncio.create_task(feeds.tend_for_ever())]
    yield
    await feeds.close()
    await cancel_and_wait(tasks)


def most_viewers(wanted: int, open_files: int) -> int:
    """As many as wanted, but never so many that nobody else could connect."""
    if open_files == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(open_files - SPARE_FILES, open_files // 2))
