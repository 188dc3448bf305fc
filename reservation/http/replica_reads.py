"""Reads from replicas, such that a client sees what it has written."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from ..db.replicas import MAX_SKEW_US
from ..errors import Unavailable
from .app_keys import CALLER, DATABASE, REPLICAS

if TYPE_CHECKING:
    from ..db.pool import Connection
    from ..db.replicas import Replicas

WRITTEN = "Reservation-Written"
NEVER = 0
MAX_CHARS = 19

Found = TypeVar("Found")


async def read(request: web.Request, find: "Callable[[Connection], Awaitable[Found]]") -> Found:
    """Run statements that only read on a replica, or on the primary where no replica may or can answer."""
    replicas = request.app.get(REPLICAS)
    written_us = None if replicas is None else _written_us(request, replicas)
    if replicas is not None and written_us is not None and (replica := replicas.choose(written_us)) is not None:
        try:
            async with replica.database.connection() as conn:
                return await find(conn)
        except Unavailable as error:
            replicas.leave_out(replica, error)
    async with request.app[DATABASE].connection() as conn:
        return await find(conn)


def written_line(request: web.Request) -> str:
    """The header line of the response to a write: when it was answered at the latest; empty without replicas."""
    replicas = request.app.get(REPLICAS)
    return "" if replicas is None or request.method in ("GET", "HEAD") else f"{WRITTEN}: {replicas.now_us()}\r\n"


def _written_us(request: web.Request, replicas: "Replicas") -> int | None:
    """The last write of which the client tells; None: it has to be read from the primary.

    A caller who is signed in and tells nothing may have written just now, at this worker or at another.
    """
    given = request.headers.get(WRITTEN)
    if given is None:
        return None if CALLER in request or "Authorization" in request.headers else NEVER
    if len(given) > MAX_CHARS or not (given.isascii() and given.isdigit()):
        return None
    written_us = int(given)
    return None if written_us > replicas.now_us() + MAX_SKEW_US else written_us
