"""Statements of CSV imports: many rows in one statement, and look-ups by name."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..pool import Connection
from ..statements import sql
from .movies import MovieInput
from .rows import arrays, every
from .showtimes import DETAILS, Showtime, ShowtimeInput

MOVIE_COLUMNS = ("title", "description", "duration_minutes", "poster_url")
MOVIE_DETAILS = ("age_rating", "release_date", "original_language", "director", "waiting_room")


@dataclass(frozen=True, slots=True)
class NamedFilm:
    """A film, its title, and whether new showtimes of it have a waiting room."""

    id: int
    name: str
    waiting_room: bool


@dataclass(frozen=True, slots=True)
class NamedRoom:
    """A room, its name, and its cinema."""

    id: int
    name: str
    cinema_id: int
    cinema_name: str


@dataclass(frozen=True, slots=True)
class FreedSlot:
    """A showtime that was set aside, and the `free_at` of the slot that it had."""

    id: int
    free_at: datetime


async def find_films(conn: Connection, *, movie_ids: Sequence[int], titles: Sequence[str]) -> Sequence[NamedFilm]:
    """The films with these ids, and those with exactly these titles."""
    return await every(conn, NamedFilm, "bulk/find_films", movie_ids, titles)


async def find_rooms(conn: Connection, *, auditorium_ids: Sequence[int], names: Sequence[str]) -> Sequence[NamedRoom]:
    """The rooms with these ids, and those with exactly these names."""
    return await every(conn, NamedRoom, "bulk/find_rooms", auditorium_ids, names)


async def lock_showtimes(conn: Connection, *, showtime_ids: Sequence[int]) -> Sequence[Showtime]:
    """Lock showtimes against other administrators, not against reservations; those that exist."""
    return await every(conn, Showtime, "bulk/lock_showtimes", showtime_ids)


async def find_showtime_rooms(conn: Connection, *, showtime_ids: Sequence[int]) -> set[int]:
    """The rooms of showtimes, without locking them."""
    return {row["auditorium_id"] for row in await conn.fetch(sql("bulk/find_showtime_rooms"), showtime_ids)}


async def find_reserved(conn: Connection, *, showtime_ids: Sequence[int], with_blocked: bool = False) -> set[int]:
    """The showtimes that have live holds or confirmed reservations, or, if they are wanted, blocked seats."""
    return {row["id"] for row in await conn.fetch(sql("bulk/find_reserved"), showtime_ids, with_blocked)}


async def set_aside(
    conn: Connection, *, showtime_ids: Sequence[int], wanted: Sequence[ShowtimeInput], cleaning_s: int
) -> Sequence[FreedSlot]:
    """Free the slots of showtimes that change theirs, until `put_back` or `replace_showtimes`; the freed slots."""
    slots = arrays(wanted, "auditorium_id", "starts_at", "ends_at")
    return await every(conn, FreedSlot, "bulk/set_aside", showtime_ids, *slots, cleaning_s)


async def put_back(conn: Connection, *, showtime_ids: Sequence[int]) -> None:
    """Undo `set_aside`."""
    await conn.execute(sql("bulk/put_back"), showtime_ids)


async def replace_showtimes(
    conn: Connection, *, showtime_ids: Sequence[int], wanted: Sequence[ShowtimeInput], cleaning_s: int
) -> None:
    """Replace showtimes that the caller has locked."""
    slots = arrays(wanted, "movie_id", "auditorium_id", "starts_at", "ends_at")
    await conn.execute(sql("bulk/replace_showtimes"), showtime_ids, *slots, cleaning_s, *arrays(wanted, *DETAILS))


async def lock_changed(conn: Connection, *, showtime_ids: Sequence[int]) -> None:
    """Lock showtimes against reservations until the commit."""
    await conn.execute(sql("bulk/lock_changed"), showtime_ids)


async def lock_movies(conn: Connection, *, movie_ids: Sequence[int]) -> set[int]:
    """Lock films against other administrators; the ids of those that exist."""
    return {row["id"] for row in await conn.fetch(sql("bulk/lock_movies"), movie_ids)}


async def replace_movies(conn: Connection, *, movie_ids: Sequence[int], movies: Sequence[MovieInput]) -> int:
    """Replace films that the caller has locked; the number of films that changed."""
    return len(await conn.fetch(sql("bulk/replace_movies"), movie_ids, *_movie_columns(movies)))


async def insert_movies(conn: Connection, *, movies: Sequence[MovieInput]) -> None:
    """Insert films in this order."""
    await conn.execute(sql("bulk/insert_movies"), *_movie_columns(movies))


def _movie_columns(movies: Sequence[MovieInput]) -> list[list[Any]]:
    """As the statements take them: the genres of a film as JSON, since PostgreSQL has no arrays of unequal arrays."""
    genres = [json.dumps(list(movie.genres)) for movie in movies]
    return [*arrays(movies, *MOVIE_COLUMNS), genres, *arrays(movies, *MOVIE_DETAILS)]
