"""The application's table of contents."""

import asyncio
import gc
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from multiprocessing.connection import Connection

import structlog
import uvloop
from aiohttp import web

from . import resources
from .http.app_keys import SETTINGS
from .http.cors import add_cors
from .http.dispatch import route_definitions
from .http.handlers import (
    accounts,
    admin_api_keys,
    admin_auditoriums,
    admin_movies,
    admin_programme,
    admin_showtimes,
    admin_users,
    catalog,
    events,
    holds,
    ops,
    reservations,
    seats,
)
from .http.middleware import middleware
from .http.openapi.pages import add_docs, openapi_json as document_of
from .http.request_records import request_records
from .runtime.logs import configure_logs
from .serving.reloads import Reloads
from .settings import Settings

# New objects before the collector looks for cycles among them; a request makes some forty, and hardly any cycle.
GC_THRESHOLD = 10_000

# The router tries them in this order, so what is asked most often stands first.
TABLES = (
    seats.routes,
    holds.routes,
    reservations.routes,
    events.routes,
    accounts.routes,
    catalog.routes,
    admin_movies.routes,
    admin_auditoriums.routes,
    admin_showtimes.routes,
    admin_programme.routes,
    admin_users.routes,
    admin_api_keys.routes,
    ops.routes,
)


def make_app(settings: Settings) -> web.Application:
    """The whole service as an aiohttp application; it connects to the stores when it starts."""
    app = web.Application(middlewares=[middleware], client_max_size=settings.max_body_bytes)
    app[SETTINGS] = settings
    app.cleanup_ctx.extend([request_records, resources.postgresql, resources.redis_and_booking, resources.accounts])
    app.cleanup_ctx.extend([resources.live, resources.subscription])
    app.on_shutdown.append(events.end_streams)
    app.add_routes(route_definitions(TABLES))
    add_docs(app, TABLES)
    add_cors(app, settings.cors_origins)
    return app


def openapi_json(settings: Settings) -> bytes:
    """What the application serves as /openapi.json."""
    return document_of(settings, TABLES)


def run_worker(settings: Settings, sock: socket.socket, orders: Connection) -> None:
    """Serve on a listening socket until SIGTERM or SIGINT, then finish what is under way; raises CannotStart.

    The supervisor's orders are about the statements: see serving/orders.py.
    """
    configure_logs(settings.log_level)
    _allow_open_files()
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    app = make_app(settings)
    app.on_startup.append(_spare_the_collector)

    async def reloads(_: web.Application) -> AsyncIterator[None]:
        obedient = Reloads(settings, orders, structlog.stdlib.get_logger("reservation.sql"))
        obedient.start()
        yield
        obedient.stop()

    app.cleanup_ctx.append(reloads)
    web.run_app(
        app,
        sock=sock,
        loop=loop,
        print=None,
        access_log=None,
        shutdown_timeout=settings.shutdown_s,
        keepalive_timeout=75,
    )


def _allow_open_files() -> None:
    """Have as many connections as the system lets us: a viewer of a live map is one that stays."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):  # a system whose hard limit is more than it grants
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _spare_the_collector(_: web.Application) -> None:
    """What exists by now stays until the end: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
