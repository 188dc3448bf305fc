"""Typed keys of what hangs on the application and on a request."""

import asyncio
from typing import Any

from aiohttp import web

from ..booking.best_available import BestAvailable
from ..booking.context import BookingContext
from ..booking.idempotency import IdempotencyKeys
from ..catalog.context import CatalogContext
from ..db.pool import Database
from ..db.repository.idempotency import Claim
from ..identity.accounts import Accounts
from ..identity.api_key_cache import ApiKeyIdentity
from ..identity.api_keys import ApiKeys
from ..identity.sessions import Session, Sessions
from ..runtime.access_log import AccessLog
from ..seatmap.live import Live
from ..seatmap.rendering import SeatMaps
from ..settings import Settings

SETTINGS = web.AppKey("SETTINGS", Settings)
DATABASE = web.AppKey("DATABASE", Database)
BOOKING_CONTEXT = web.AppKey("BOOKING_CONTEXT", BookingContext)
CATALOG_CONTEXT = web.AppKey("CATALOG_CONTEXT", CatalogContext)
BEST_AVAILABLE = web.AppKey("BEST_AVAILABLE", BestAvailable)
SEAT_MAPS = web.AppKey("SEAT_MAPS", SeatMaps)
LIVE = web.AppKey("LIVE", Live)
ACCOUNTS = web.AppKey("ACCOUNTS", Accounts)
API_KEYS = web.AppKey("API_KEYS", ApiKeys)
SESSIONS = web.AppKey("SESSIONS", Sessions)
IDEMPOTENCY = web.AppKey("IDEMPOTENCY", IdempotencyKeys)
ACCESS_LOG = web.AppKey("ACCESS_LOG", AccessLog)
# Set when the worker is about to end: each connection is closed after its next response.
DRAINING = web.AppKey("DRAINING", asyncio.Event)

USER = web.RequestKey[Session | ApiKeyIdentity]("USER")
# What the operation's schema made of the input: the handler that names the schema knows the type.
BODY = web.RequestKey[Any]("BODY")
QUERY = web.RequestKey[Any]("QUERY")
# What the Idempotency-Key stands for, if there is one.
CLAIM = web.RequestKey("CLAIM", Claim)
# Of a stream: when its first byte went out, in seconds since its request came in.
ANSWERED_S = web.RequestKey("ANSWERED_S", float)
REQUEST_ID = web.RequestKey("REQUEST_ID", str)
