"""What only files bring: many rows in one statement, and things by their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..pool import Connection
from ..statements import sql
from .movies import MovieInput
from .rows import every
from .showtimes import Showtime, ShowtimeInput


@dataclass(frozen=True, slots=True)
class Named:
    """A film or a room."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Left:
    """A showtime that was set aside, and when its room was free again where it was."""

    id: int
    free_at: datetime


async def find_films(conn: Connection, *, movie_ids: Sequence[int], titles: Sequence[str]) -> Sequence[Named]:
    """The films with these ids, and those with exactly these titles."""
    return await every(conn, Named, "bulk/find_films", movie_ids, titles)


async def find_rooms(conn: Connection, *, auditorium_ids: Sequence[int], names: Sequence[str]) -> Sequence[Named]:
    """The rooms with these ids, and those with exactly these names."""
    return await every(conn, Named, "bulk/find_rooms", auditorium_ids, names)


async def lock_showtimes(conn: Connection, *, showtime_ids: Sequence[int]) -> Sequence[Showtime]:
    """Lock showtimes against other administrators, while customers go on; those that there are."""
    return await every(conn, Showtime, "bulk/lock_showtimes", showtime_ids)


async def find_showtime_rooms(conn: Connection, *, showtime_ids: Sequence[int]) -> set[int]:
    """The rooms in which showtimes are, as long as nobody moves them."""
    return {row["auditorium_id"] for row in await conn.fetch(sql("bulk/find_showtime_rooms"), showtime_ids)}


async def find_reserved(conn: Connection, *, showtime_ids: Sequence[int]) -> set[int]:
    """Those of the showtimes of which seats were ever reserved."""
    return {row["id"] for row in await conn.fetch(sql("bulk/find_reserved"), showtime_ids)}


async def set_aside(
    conn: Connection, *, showtime_ids: Sequence[int], wanted: Sequence[ShowtimeInput], cleaning_s: int
) -> Sequence[Left]:
    """Move showtimes out of the way of others until `put_back` or `replace_showtimes`; those that do not just stay."""
    return await every(
        conn,
        Left,
        "bulk/set_aside",
        showtime_ids,
        [showtime.auditorium_id for showtime in wanted],
        [showtime.starts_at for showtime in wanted],
        [showtime.ends_at for showtime in wanted],
        cleaning_s,
    )


async def put_back(conn: Connection, *, showtime_ids: Sequence[int]) -> None:
    """Take back what `set_aside` did."""
    await conn.execute(sql("bulk/put_back"), showtime_ids)


async def replace_showtimes(
    conn: Connection, *, showtime_ids: Sequence[int], wanted: Sequence[ShowtimeInput], cleaning_s: int
) -> None:
    """Replace everything about showtimes that the caller has locked."""
    await conn.execute(
        sql("bulk/replace_showtimes"),
        showtime_ids,
        [showtime.movie_id for showtime in wanted],
        [showtime.auditorium_id for showtime in wanted],
        [showtime.starts_at for showtime in wanted],
        [showtime.ends_at for showtime in wanted],
        cleaning_s,
        [showtime.base_price for showtime in wanted],
    )


async def lock_moved(conn: Connection, *, showtime_ids: Sequence[int]) -> None:
    """Keep showtimes from being reserved until the commit."""
    await conn.execute(sql("bulk/lock_moved"), showtime_ids)


async def lock_movies(conn: Connection, *, movie_ids: Sequence[int]) -> set[int]:
    """Lock films against other administrators; the ids of those that there are."""
    return {row["id"] for row in await conn.fetch(sql("bulk/lock_movies"), movie_ids)}


async def replace_movies(conn: Connection, *, movie_ids: Sequence[int], movies: Sequence[MovieInput]) -> int:
    """Replace everything about films that the caller has locked; how many had to change."""
    changed = await conn.fetch(
        sql("bulk/replace_movies"),
        movie_ids,
        [movie.title for movie in movies],
        [movie.description for movie in movies],
        [movie.duration_minutes for movie in movies],
        [movie.poster_url for movie in movies],
        [movie.genre for movie in movies],
    )
    return len(changed)


async def insert_movies(conn: Connection, *, movies: Sequence[MovieInput]) -> None:
    """Add films in this order."""
    await conn.execute(
        sql("bulk/insert_movies"),
        [movie.title for movie in movies],
        [movie.description for movie in movies],
        [movie.duration_minutes for movie in movies],
        [movie.poster_url for movie in movies],
        [movie.genre for movie in movies],
    )
