"""Cinemas."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..pool import Connection
from ..statements import sql
from .rows import delete_unused, every, maybe, one


@dataclass(frozen=True, slots=True)
class Cinema:
    """A building with rooms."""

    id: int
    name: str
    address: str
    timezone: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CinemaInput:
    """The columns of a cinema that an administrator sets."""

    name: str
    timezone: str
    address: str = ""


async def insert_cinema(conn: Connection, *, cinema: CinemaInput) -> Cinema:
    """Insert a cinema; raises Invalid for a time zone that PostgreSQL does not know."""
    return await one(conn, Cinema, "cinemas/insert_cinema", cinema.name, cinema.address, cinema.timezone)


async def update_cinema(conn: Connection, *, cinema_id: int, cinema: CinemaInput) -> Cinema:
    """Replace a cinema that the caller has locked; raises Invalid for a time zone that PostgreSQL does not know."""
    return await one(conn, Cinema, "cinemas/update_cinema", cinema_id, cinema.name, cinema.address, cinema.timezone)


async def find_cinema(conn: Connection, *, cinema_id: int) -> Cinema | None:
    """One cinema."""
    return await maybe(conn, Cinema, "cinemas/find_cinema", cinema_id)


async def list_cinemas(conn: Connection, *, after: int, row_limit: int) -> Sequence[Cinema]:
    """A page of cinemas by id."""
    return await every(conn, Cinema, "cinemas/list_cinemas", after, row_limit)


async def lock_cinema(conn: Connection, *, cinema_id: int) -> bool:
    """Lock a cinema against other writers; False if there is none."""
    return await conn.fetchval(sql("cinemas/lock_cinema"), cinema_id) is not None


async def delete_cinema(conn: Connection, *, cinema_id: int) -> None:
    """Delete a cinema that the caller has locked; raises InUse if it has auditoriums."""
    await delete_unused(conn, "cinemas/delete_cinema", cinema_id)
