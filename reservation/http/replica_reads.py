"""Reads from replicas, such that a client sees what it has written."""

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from ..db import metrics
from ..db.repository.wal_positions import START, WalPosition
from ..errors import Unavailable
from .app_keys import CALLER, DATABASE, REPLICAS
from .read_sources import Source

if TYPE_CHECKING:
    from ..db.pool import Connection
    from ..db.replicas import Replica, Replicas

WRITTEN = "Reservation-Written"
NOTHING = "0"  # the client has written nothing
UNKNOWN = "primary"  # what was written is on the primary, at a place that is not known
MAX_CHARS = 200

Found = TypeVar("Found")

_POSITION = re.compile(r"([0-9]{1,9})\.([0-9]{1,19})", re.ASCII)


async def read(request: web.Request, find: "Callable[[Connection], Awaitable[Found]]") -> Found:
    """Run statements that only read where the request's operation reads from (read_sources).

    That is the primary where no replica may or can answer.
    """
    replicas = request.app.get(REPLICAS)
    if replicas is not None and (source := _source(request)) is not Source.PRIMARY:
        replica = await _replica_for(request, source, replicas)
        if replica is not None:
            try:
                async with replica.database.connection() as conn:
                    found = await find(conn)
            except Unavailable as error:
                replicas.note_failure(replica, error)
            else:
                metrics.READS.counts["replica"] += 1
                return found
        metrics.READS.counts["primary"] += 1
    async with request.app[DATABASE].connection() as conn:
        return await find(conn)


async def with_write_position(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """The response to a write, with the header that says up to where a replica has to be for later reads."""
    replicas = request.app.get(REPLICAS)
    if replicas is not None and not response.prepared:
        try:
            position = await replicas.positions.now()
        except Unavailable:
            response.headers[WRITTEN] = UNKNOWN
        else:
            response.headers[WRITTEN] = f"{position.timeline}.{position.wal_bytes}"
    return response


def _source(request: web.Request) -> Source:
    """That of the request's operation; a page's own reads are from the primary."""
    return getattr(getattr(request.match_info.handler, "__self__", None), "reads_from", Source.PRIMARY)


async def _replica_for(request: web.Request, source: Source, replicas: "Replicas") -> "Replica | None":
    if source is Source.CAUGHT_UP:
        return await replicas.caught_up()
    needed = _written(request)
    return None if needed is None else replicas.choose(needed)


def _written(request: web.Request) -> WalPosition | None:
    """A place before which is all that the client has written; None if that is not known: read from the primary.

    A caller who is signed in and says nothing may have written just now, at this worker or at another.
    """
    given = request.headers.getall(WRITTEN, None)
    if given is None:
        return None if CALLER in request or "Authorization" in request.headers else START
    return position_of(",".join(given))


def position_of(text: str) -> WalPosition | None:
    """The place after those of all values of the header, with commas between them; None if one has no place."""
    if len(text) > MAX_CHARS:
        return None
    timeline = wal_bytes = 0
    for value in text.split(","):
        if value.strip() == NOTHING:
            continue
        if (match := _POSITION.fullmatch(value.strip())) is None:
            return None
        timeline, wal_bytes = max(timeline, int(match[1])), max(wal_bytes, int(match[2]))
    return WalPosition("", timeline, wal_bytes)
