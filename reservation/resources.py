"""What the application opens at its start and closes at its end, each in one function."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import asyncpg
import structlog
from aiohttp import web
from redis.asyncio import Redis
from structlog.stdlib import BoundLogger

from .booking.batches import BookingBatches
from .booking.best_available import BestAvailable
from .booking.context import BookingContext, address_limit, hold_limits
from .booking.jobs.availability import count_changed
from .booking.jobs.schedule import Job, booking_jobs, run_job, start_jobs
from .booking.key_limit import KeyLimit
from .catalog.context import CatalogContext
from .db.connection_slots import slots_of
from .db.failover.promotion_watch import watched_servers
from .db.failover.server_lines import ServerLines
from .db.pool import Database
from .db.pool_options import COMMAND_MARGIN_S, pool_options, pool_settings, why_refused
from .db.postgresql_errors import DRIVER_ERRORS
from .db.report_pool import database_of, report_pool
from .db.repository.confirms import PaymentRules
from .errors import Unavailable
from .holds.map_versions import MapVersions
from .holds.pending_updates import PendingUpdates
from .holds.store import Holds
from .http import app_keys
from .http.readiness import Readiness
from .http.stream_limit import StreamLimit, most_viewers
from .identity import auth_invalidation
from .identity.account_mails import AccountMails
from .identity.accounts import AccountContext
from .identity.api_key_limits import ApiKeyLimits
from .identity.api_keys import ApiKeyContext
from .identity.attempt_limits import AttemptLimiter
from .identity.auth_invalidation import AuthInvalidation
from .identity.passwords import PasswordWorkers
from .identity.tokens import TokenMint
from .identity.verifiers import AccessTokenVerifier, ApiKeyVerifier
from .mail.rendering import MailTemplates
from .payments.context import open_payments
from .reports.reports import TIMEOUT_S, Reports
from .runtime.cancellation import cancel_and_wait
from .runtime.pubsub import Subscription
from .runtime.redis_client import RedisClient, redis_client, redis_timeout_s
from .seatmap.layouts import Layouts
from .seatmap.live_feed import LiveFeeds
from .seatmap.map_channels import map_channels
from .seatmap.map_recovery import MapRecovery
from .seatmap.priming import Primer
from .seatmap.room_layouts import RoomLayouts
from .seatmap.seat_maps import SeatMaps
from .seatmap.ticket_types import TicketTypes
from .start_checks import CannotStart, redis_answers, require_rights, require_session_settings
from .tickets.context import TicketContext
from .waiting.context import open_waiting_rooms

WRITE_LAST_USED_EVERY_S = 60
LAST_WRITE_S = 1.0
LAST_STATEMENTS_S = 1.0  # requests have had SHUTDOWN_SECONDS before
UNSET_MAIL_FROM = "reservation@localhost"  # in files: to send mails, MAIL_FROM is required
REDIS: web.AppKey[RedisClient] = web.AppKey("REDIS", Redis)
SUBSCRIPTION = web.AppKey("SUBSCRIPTION", Subscription)


async def postgresql(app: web.Application) -> AsyncIterator[None]:
    """The connection pool; raises CannotStart if PostgreSQL does not answer or the role lacks rights."""
    settings, lines = app[app_keys.SETTINGS], ServerLines()
    try:
        pool = await asyncpg.create_pool(**pool_options(settings, lines))
    except (*DRIVER_ERRORS, TimeoutError) as error:
        reason = why_refused(settings, error)
        raise CannotStart(reason if "DATABASE_ROLE" in reason else f"PostgreSQL cannot be reached: {reason}") from error
    await require_rights(pool)
    app[app_keys.DATABASE] = Database(
        pool, wait_s=settings.pool_wait_s, behind_pgbouncer=settings.pgbouncer, slots=slots_of(settings), lines=lines
    )
    if settings.pgbouncer:
        await require_session_settings(pool, pool_settings(settings))
    url, most = settings.database_url, settings.reports_concurrency
    reports = await report_pool(settings, url=url, connections=most, timeout_s=TIMEOUT_S, lines=lines)
    app[app_keys.REPORTS] = Reports(database_of(reports, settings, lines))
    async with watched_servers(settings, lines):
        yield
    reports.terminate()  # a report that still runs has lost its client
    try:
        async with asyncio.timeout(LAST_STATEMENTS_S):
            await pool.close()
    except TimeoutError:  # a connection is still in use; a stop takes a bounded time
        pool.terminate()


async def redis_and_booking(app: web.Application) -> AsyncIterator[None]:
    """The Redis client, and the objects of booking and the catalogue, which use it and the pool."""
    settings, database, versions = app[app_keys.SETTINGS], app[app_keys.DATABASE], MapVersions()
    client = app[REDIS] = redis_client(settings)
    holds = Holds(client, Primer(database, versions), versions, wait_s=settings.redis_wait_ms / 1000)
    log = structlog.stdlib.get_logger("reservation.booking")
    is_answering = await redis_answers(client, holds, log)
    app[SUBSCRIPTION] = Subscription(client, structlog.stdlib.get_logger("reservation.pubsub"))
    holds.server.on_reconnected = partial(_leave_redis, app[SUBSCRIPTION], log)
    app[app_keys.READINESS] = Readiness(database, holds)
    pending_updates = PendingUpdates(holds, log)
    holds.server.on_answering = pending_updates.retry_soon
    ticket_types = app[app_keys.TICKET_TYPES] = TicketTypes(database)
    layouts = Layouts(database, ticket_types, versions)
    ticket_types.on_renamed = layouts.forget
    await ticket_types.refresh()
    payment_rules = PaymentRules(settings.takes_payments, settings.currency)
    app[app_keys.BOOKING_CONTEXT] = BookingContext(
        database=database,
        batches=BookingBatches(database, pending_updates, layouts, payment_rules),
        holds=holds,
        pending_updates=pending_updates,
        layouts=layouts,
        ticket_types=ticket_types,
        log=log,
        hold_ttl_s=settings.hold_ttl_s,
        hold_max_s=settings.hold_max_s,
        hold_deadline_s=settings.pool_wait_s + settings.statement_timeout_s,
        cancel_cutoff_s=settings.cancel_cutoff_s,
        limits=hold_limits(settings),
        address_limit=address_limit(holds, settings),
        key_limit=KeyLimit(holds, settings.idempotency_keys_per_day),
    )
    await app[app_keys.BOOKING_CONTEXT].batches.prepare()
    app[app_keys.CATALOG_CONTEXT] = CatalogContext(database, holds, pending_updates, settings.cleaning_s)
    app[app_keys.BEST_AVAILABLE] = BestAvailable(app[app_keys.BOOKING_CONTEXT])
    app[app_keys.SEAT_MAPS] = SeatMaps(database, holds, layouts)
    app[app_keys.ROOM_LAYOUTS] = RoomLayouts(database)
    # A hold may begin to wait for a connection at the deadline, and its statement then runs until its own.
    statement_s = settings.pool_wait_s + settings.statement_timeout_s + COMMAND_MARGIN_S
    second_look_s = app[app_keys.BOOKING_CONTEXT].hold_deadline_s + statement_s + 2 * redis_timeout_s(settings)
    jobs = booking_jobs(client, app[app_keys.BOOKING_CONTEXT], second_look_s=second_look_s)

    def forget_layouts() -> None:
        layouts.forget()
        ticket_types.forget()
        app[app_keys.ROOM_LAYOUTS].forget()

    change_s = 4 * second_look_s
    recovery = MapRecovery(client, database, pending_updates, log, change_s=change_s, on_restore=forget_layouts)
    async with recovery.running(redis_answers=is_answering):
        tasks = start_jobs(jobs, client, log)
        yield
        await cancel_and_wait(tasks)
    with suppress(Unavailable, TimeoutError):  # otherwise the round over all open showtimes counts them
        async with asyncio.timeout(LAST_WRITE_S):
            await count_changed(database, pending_updates.changed_showtimes)
    await app[app_keys.BOOKING_CONTEXT].batches.aclose()
    await holds.aclose()
    await client.aclose()


def _leave_redis(subscription: Subscription, log: BoundLogger, reason: str) -> None:
    """The connection of the holds was replaced, since its server is no master any more: replace the others, too."""
    log.warning("redis_left", reason=reason)
    subscription.reconnect()


async def accounts(app: web.Application) -> AsyncIterator[None]:
    """Accounts, the verification of access tokens and API keys, and the invalidation of what was verified."""
    settings, database = app[app_keys.SETTINGS], app[app_keys.DATABASE]
    passwords = PasswordWorkers()
    tokens = TokenMint.from_settings(settings)
    access_tokens = app[app_keys.ACCESS_TOKENS] = AccessTokenVerifier(tokens, database)
    api_keys = ApiKeyVerifier(database)
    invalidation = AuthInvalidation(
        app[REDIS],
        (access_tokens.cache, api_keys.cache),
        structlog.stdlib.get_logger("reservation.auth_invalidation"),
        redis_hangs=app[app_keys.BOOKING_CONTEXT].holds.server.hangs,
        wait_s=settings.redis_wait_ms / 1000,
    )
    app[SUBSCRIPTION].register(
        auth_invalidation.CHANNEL, on_message=invalidation.on_message, on_connected=invalidation.on_connected
    )
    limits = ApiKeyLimits(
        back_office=settings.reports_concurrency,
        per_key=settings.api_key_concurrency,
        connections=settings.pool_size,
    )
    app[app_keys.API_KEYS] = ApiKeyContext(database, invalidation, api_keys, limits)
    log = structlog.stdlib.get_logger("reservation.attempts")
    attempts = AttemptLimiter(app[REDIS], settings, log, app[app_keys.BOOKING_CONTEXT].holds.server.hangs)
    mail_from = settings.mail_from or UNSET_MAIL_FROM
    mails = AccountMails(
        database, MailTemplates.from_settings(settings), mail_from, settings.public_url, settings.mail_folder
    )
    app[app_keys.ACCOUNTS] = AccountContext(
        database, passwords, tokens, invalidation, attempts, mails, settings.reauthentication_s
    )
    job = Job("write_api_key_uses", WRITE_LAST_USED_EVERY_S, api_keys.write_last_used)
    log = structlog.stdlib.get_logger("reservation.api_keys")
    tasks = [
        asyncio.create_task(invalidation.retry_unsent()),
        asyncio.create_task(run_job(job, app[REDIS], log)),
    ]
    yield
    await cancel_and_wait(tasks)
    with suppress(Unavailable, TimeoutError):  # last_used_at is not worth a longer stop
        async with asyncio.timeout(LAST_WRITE_S):
            await api_keys.write_last_used()
    passwords.close()


async def payments(app: web.Application) -> AsyncIterator[None]:
    """Payments, with the payment provider's library only where it is configured."""
    async with open_payments(app[app_keys.SETTINGS], app[app_keys.BOOKING_CONTEXT]) as app[app_keys.PAYMENTS]:
        yield


async def tickets(app: web.Application) -> AsyncIterator[None]:
    """The keys that sign tickets, and the thread that renders them."""
    context = app[app_keys.TICKETS] = TicketContext.from_settings(app[app_keys.DATABASE], app[app_keys.SETTINGS])
    yield
    context.renderer.close()


async def live(app: web.Application) -> AsyncIterator[None]:
    """The live seat maps and their notifications."""
    settings, context, client = app[app_keys.SETTINGS], app[app_keys.BOOKING_CONTEXT], app[REDIS]
    log = structlog.stdlib.get_logger("reservation.live")
    channels = map_channels(client, app[SUBSCRIPTION], log)
    feeds = app[app_keys.LIVE] = LiveFeeds(
        context.database,
        context.holds,
        context.layouts,
        log,
        channels=channels,
        most_viewers=most_viewers(settings.live_viewers_max, resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        heartbeat_s=settings.sse_heartbeat_s,
    )
    running = [asyncio.create_task(feeds.run_forever()), asyncio.create_task(channels.run())]
    yield
    await feeds.close()
    await cancel_and_wait(running)


async def waiting_rooms(app: web.Application) -> AsyncIterator[None]:
    """The waiting rooms, the streams of those who wait, and the limit on streams."""
    settings, feeds = app[app_keys.SETTINGS], app[app_keys.LIVE]
    app[app_keys.STREAM_LIMIT] = StreamLimit(settings.streams_per_address)
    layouts = app[app_keys.BOOKING_CONTEXT].layouts
    most = most_viewers(settings.live_viewers_max, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    async with open_waiting_rooms(app[REDIS], layouts, settings, most=most, others=lambda: feeds.viewers) as opened:
        app[app_keys.WAITING_ROOMS], app[app_keys.WAITING_STREAMS] = opened
        yield


async def subscription(app: web.Application) -> AsyncIterator[None]:
    """The Redis connection that receives notifications; starts last, since channels are registered before it."""
    task = asyncio.create_task(app[SUBSCRIPTION].run())
    yield
    await cancel_and_wait([task])
