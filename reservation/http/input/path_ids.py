"""Ids in the path. One that no row can have is answered like one that no row has: NotFound."""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from aiohttp import web

from ...db.driver_uuid import DriverUUID
from ...errors import NotFound
from ...runtime.fields import MAX_ID
from ..replica_reads import read

if TYPE_CHECKING:
    from ...db.pool import Connection

Row = TypeVar("Row")


def path_id(request: web.Request, name: str) -> int:
    """A positive 64-bit id; raises NotFound for anything else."""
    return _id(request.match_info[name])


@lru_cache(maxsize=4096)  # many requests are for few showtimes
def _id(raw: str) -> int:
    if not (raw.isascii() and raw.isdigit() and len(raw) <= len(str(MAX_ID)) and 0 < int(raw) <= MAX_ID):
        raise NotFound
    return int(raw)


def path_uuid(request: web.Request, name: str) -> UUID:
    """A UUID; raises NotFound for anything else."""
    raw = request.match_info[name]
    try:
        return DriverUUID(raw)
    except ValueError:
        return _uuid_of_another_form(raw)


def _uuid_of_another_form(raw: str) -> UUID:
    try:
        return UUID(raw)
    except ValueError:
        raise NotFound from None


async def find_row(
    request: web.Request, resource: str, find: "Callable[[Connection, int], Awaitable[Row | None]]"
) -> Row:
    """The row with the id in the path: for a `movie`, with the path's `movie_id`; raises NotFound."""
    row_id = path_id(request, f"{resource.lower().replace(' ', '_')}_id")
    found = await read(request, lambda conn: find(conn, row_id))
    if found is None:
        raise NotFound(f"There is no such {resource}.")
    return found
