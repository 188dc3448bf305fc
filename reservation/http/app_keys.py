"""Typed keys of the objects that the application and each request carry.

The types are imported for the type checker alone: a handler that needs one object does not import the others' modules.
"""

from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ..booking.best_available import BestAvailable
    from ..booking.context import BookingContext
    from ..catalog.context import CatalogContext
    from ..db.pool import Database
    from ..db.replicas import Replicas
    from ..db.repository.idempotency import IdempotencyKey
    from ..identity.accounts import AccountContext
    from ..identity.api_keys import ApiKeyContext
    from ..identity.credential_cache import Identity
    from ..identity.verifiers import AccessTokenVerifier
    from ..payments.context import PaymentContext
    from ..reports.reports import Reports
    from ..runtime.load_shedding import LoadShedding
    from ..runtime.spans import Spans
    from ..seatmap.live_feed import LiveFeeds
    from ..seatmap.room_layouts import RoomLayouts
    from ..seatmap.seat_maps import SeatMaps
    from ..seatmap.ticket_types import TicketTypes
    from ..settings import Settings
    from ..tickets.context import TicketContext
    from ..waiting.room import WaitingRooms
    from ..waiting.streams import WaitingStreams
    from .input.body_budget import BodyBudget
    from .middleware import Records
    from .output.responses import SingleWriteResponse
    from .readiness import Readiness
    from .stream_limit import StreamLimit

SETTINGS: "web.AppKey[Settings]" = web.AppKey("SETTINGS")
SPANS: "web.AppKey[Spans]" = web.AppKey("SPANS")  # only while tracing is on
DATABASE: "web.AppKey[Database]" = web.AppKey("DATABASE")
# Not there without DATABASE_READ_URL.
REPLICAS: "web.AppKey[Replicas]" = web.AppKey("REPLICAS")
BOOKING_CONTEXT: "web.AppKey[BookingContext]" = web.AppKey("BOOKING_CONTEXT")
PAYMENTS: "web.AppKey[PaymentContext]" = web.AppKey("PAYMENTS")
CATALOG_CONTEXT: "web.AppKey[CatalogContext]" = web.AppKey("CATALOG_CONTEXT")
BEST_AVAILABLE: "web.AppKey[BestAvailable]" = web.AppKey("BEST_AVAILABLE")
TICKET_TYPES: "web.AppKey[TicketTypes]" = web.AppKey("TICKET_TYPES")
SEAT_MAPS: "web.AppKey[SeatMaps]" = web.AppKey("SEAT_MAPS")
ROOM_LAYOUTS: "web.AppKey[RoomLayouts]" = web.AppKey("ROOM_LAYOUTS")
TICKETS: "web.AppKey[TicketContext]" = web.AppKey("TICKETS")
READINESS: "web.AppKey[Readiness]" = web.AppKey("READINESS")
LIVE: "web.AppKey[LiveFeeds]" = web.AppKey("LIVE")
WAITING_ROOMS: "web.AppKey[WaitingRooms]" = web.AppKey("WAITING_ROOMS")
WAITING_STREAMS: "web.AppKey[WaitingStreams]" = web.AppKey("WAITING_STREAMS")
STREAM_LIMIT: "web.AppKey[StreamLimit]" = web.AppKey("STREAM_LIMIT")
ACCOUNTS: "web.AppKey[AccountContext]" = web.AppKey("ACCOUNTS")
REPORTS: "web.AppKey[Reports]" = web.AppKey("REPORTS")
API_KEYS: "web.AppKey[ApiKeyContext]" = web.AppKey("API_KEYS")
ACCESS_TOKENS: "web.AppKey[AccessTokenVerifier]" = web.AppKey("ACCESS_TOKENS")
RECORDS: "web.AppKey[Records]" = web.AppKey("RECORDS")
BODY_BUDGET: "web.AppKey[BodyBudget]" = web.AppKey("BODY_BUDGET")
# None if no request is refused for the load.
LOAD_SHEDDING: "web.AppKey[LoadShedding | None]" = web.AppKey("LOAD_SHEDDING")
# Set when the worker is about to end: each connection is closed after its next response.
DRAINING: "web.AppKey[asyncio.Event]" = web.AppKey("DRAINING")
# Set when the whole service is about to stop: balancers are told to send no more.
STOPPING: "web.AppKey[asyncio.Event]" = web.AppKey("STOPPING")

# Makes a page of a problem, for a browser; without it, problems are JSON.
PROBLEM_PAGE: "web.AppKey[Callable[[web.Request, SingleWriteResponse], SingleWriteResponse]]" = web.AppKey(
    "PROBLEM_PAGE"
)

# The authenticated caller.
CALLER: "web.RequestKey[Identity]" = web.RequestKey("CALLER")
# The validated input; the handler that declares the schema knows the type.
BODY: "web.RequestKey[Any]" = web.RequestKey("BODY")
# The decoded bytes of the body, once they are read.
RAW_BODY: "web.RequestKey[bytes]" = web.RequestKey("RAW_BODY")
# The most bytes of the body, where more than usual are allowed; never more than MAX_BODY_BYTES.
MAX_BODY: "web.RequestKey[int]" = web.RequestKey("MAX_BODY")
QUERY: "web.RequestKey[Any]" = web.RequestKey("QUERY")
# The request's Idempotency-Key, None if it has none; for operations that take one.
IDEMPOTENCY_KEY: "web.RequestKey[IdempotencyKey | None]" = web.RequestKey("IDEMPOTENCY_KEY")
# Seconds from the request to the first byte of a stream, which lasts longer than it took to answer.
ANSWERED_S: "web.RequestKey[float]" = web.RequestKey("ANSWERED_S")
