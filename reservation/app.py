"""The application's table of contents."""

import asyncio

from aiohttp import web

from . import resources
from .http.app_keys import BODY_BUDGET, DRAINING, LOAD_SHEDDING, RECORDS, SETTINGS, STOPPING
from .http.cors import add_cors
from .http.dispatch import route_definitions
from .http.handlers import (
    accounts,
    admin_api_keys,
    admin_auditoriums,
    admin_blocks,
    admin_change_log,
    admin_cinemas,
    admin_movies,
    admin_seats,
    admin_showtimes,
    admin_ticket_types,
    admin_users,
    admin_webhooks,
    box_office,
    catalog,
    changes,
    check_ins,
    config,
    deliveries,
    email_verification,
    events,
    export,
    holds,
    layouts,
    ops,
    passwords,
    payments,
    personal_data,
    reports,
    reservations,
    seat_changes,
    seats,
    second_factor,
    sessions,
    tickets,
    waiting_rooms,
)
from .http.input.body_budget import BodyBudget
from .http.load_shedding import load_shedding_of, running_load_shedding
from .http.middleware import Records, middleware, request_records
from .http.openapi.pages import add_docs, openapi_json as document_of
from .http.parser_problems import LIMITS
from .http.tracing import tracing
from .read_replicas import read_replicas
from .settings import Settings
from .web.site import add_site

# The router tries them in this order: the most frequent requests come first.
TABLES = (
    seats.routes,
    holds.routes,
    reservations.routes,
    seat_changes.routes,
    tickets.routes,
    check_ins.routes,
    payments.routes,
    events.routes,
    waiting_rooms.routes,
    layouts.routes,
    accounts.routes,
    sessions.routes,
    second_factor.routes,
    personal_data.routes,
    export.routes,
    passwords.routes,
    email_verification.routes,
    catalog.routes,
    config.routes,
    box_office.routes,
    admin_cinemas.routes,
    admin_movies.routes,
    admin_auditoriums.routes,
    admin_seats.routes,
    admin_showtimes.routes,
    admin_blocks.routes,
    admin_ticket_types.routes,
    admin_users.routes,
    admin_change_log.routes,
    admin_api_keys.routes,
    changes.routes,
    tickets.public_routes,
    admin_webhooks.routes,
    deliveries.routes,
    reports.routes,
    ops.routes,
)

# Browsers then use TLS alone, for a year from the last response (RFC 6797); of this host, not of hosts below it.
HSTS_LINE = "Strict-Transport-Security: max-age=31536000\r\n"


def make_app(settings: Settings) -> web.Application:
    """The whole service as an aiohttp application; it connects to the stores when it starts."""
    app = web.Application(middlewares=[middleware], client_max_size=settings.max_body_bytes, handler_args=LIMITS)
    app[SETTINGS] = settings
    app[DRAINING], app[STOPPING] = asyncio.Event(), asyncio.Event()
    app[BODY_BUDGET] = BodyBudget(settings.body_buffer_bytes)
    app[LOAD_SHEDDING] = load_shedding_of(settings)
    app[RECORDS] = Records(app[DRAINING], HSTS_LINE if (settings.public_url or "").startswith("https:") else "")
    if settings.traces:
        app.cleanup_ctx.append(tracing)
    app.cleanup_ctx.extend(
        [
            request_records,
            running_load_shedding,
            resources.postgresql,
            read_replicas,
            resources.redis_and_booking,
            resources.accounts,
        ]
    )
    app.cleanup_ctx.extend([resources.tickets, resources.payments, resources.live])
    app.cleanup_ctx.extend([resources.waiting_rooms, resources.subscription])
    app.on_shutdown.append(events.end_streams)
    app.add_routes(route_definitions(TABLES, with_replicas=settings.database_read_url is not None))
    add_docs(app, TABLES)
    add_cors(app)
    add_site(app)
    return app


def openapi_json(settings: Settings) -> bytes:
    """The content of /openapi.json."""
    return document_of(settings, TABLES)
