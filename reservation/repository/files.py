"""What only files bring: many rows in one statement, and things by their names."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..database import Connection
from ..queries import sql
from .movies import MovieInput
from .rows import every
from .showtimes import Showtime


@dataclass(frozen=True, slots=True)
class Named:
    """A film or a room."""

    id: int
    name: str


async def find_films(conn: Connection, *, movie_ids: Sequence[int], titles: Sequence[str]) -> Sequence[Named]:
    """The films with these ids, and those with exactly these titles."""
    return await every(conn, Named, "files/find_films", movie_ids, titles)


async def find_rooms(conn: Connection, *, auditorium_ids: Sequence[int], names: Sequence[str]) -> Sequence[Named]:
    """The rooms with these ids, and those with exactly these names."""
    return await every(conn, Named, "files/find_rooms", auditorium_ids, names)


async def lock_showtimes(conn: Connection, *, showtime_ids: Sequence[int]) -> Sequence[Showtime]:
    """Lock showtimes against other administrators, while customers go on; those that there are."""
    return await every(conn, Showtime, "files/lock_showtimes", showtime_ids)


async def lock_movies(conn: Connection, *, movie_ids: Sequence[int]) -> set[int]:
    """Lock films against other administrators; the ids of those that there are."""
    return {row["id"] for row in await conn.fetch(sql("files/lock_movies"), movie_ids)}


async def replace_movies(conn: Connection, *, movie_ids: Sequence[int], movies: Sequence[MovieInput]) -> int:
    """Replace everything about films that the caller has locked; how many had to change."""
    changed = await conn.fetch(
        sql("files/replace_movies"),
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
        sql("files/insert_movies"),
        [movie.title for movie in movies],
        [movie.description for movie in movies],
        [movie.duration_minutes for movie in movies],
        [movie.poster_url for movie in movies],
        [movie.genre for movie in movies],
    )
