"""Films."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from ..pool import Connection
from ..statements import sql
from .rows import delete_unused, every, maybe, one


@dataclass(frozen=True, slots=True)
class Movie:
    """A film."""

    id: int
    title: str
    description: str
    duration_minutes: int
    poster_url: str | None
    genre: str | None  # the first of genres
    genres: Sequence[str]
    age_rating: str | None
    release_date: date | None
    original_language: str | None
    director: str | None
    waiting_room: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class MovieInput:
    """The columns of a film that an administrator sets."""

    title: str
    duration_minutes: int
    description: str = ""
    poster_url: str | None = None
    genres: Sequence[str] = ()
    age_rating: str | None = None
    release_date: date | None = None
    original_language: str | None = None
    director: str | None = None
    waiting_room: bool = False  # of new showtimes that do not say it themselves


async def insert_movie(conn: Connection, *, movie: MovieInput) -> Movie:
    """Insert a film."""
    return await one(conn, Movie, "movies/insert_movie", *_columns(movie))


async def update_movie(conn: Connection, *, movie_id: int, movie: MovieInput) -> Movie:
    """Replace a film that the caller has locked."""
    return await one(conn, Movie, "movies/update_movie", movie_id, *_columns(movie))


def _columns(movie: MovieInput) -> tuple[object, ...]:
    return (
        movie.title,
        movie.description,
        movie.duration_minutes,
        movie.poster_url,
        movie.genres,
        movie.age_rating,
        movie.release_date,
        movie.original_language,
        movie.director,
        movie.waiting_room,
    )


async def find_movie(conn: Connection, *, movie_id: int) -> Movie | None:
    """One film."""
    return await maybe(conn, Movie, "movies/find_movie", movie_id)


async def lock_movie(conn: Connection, *, movie_id: int) -> bool:
    """Lock a film against other writers; False if there is none."""
    return await conn.fetchval(sql("movies/lock_movie"), movie_id) is not None


async def list_movies(
    conn: Connection,
    *,
    after: int,
    row_limit: int,
    title_part: str | None = None,
    genre: str | None = None,
    now_showing: bool | None = None,
) -> Sequence[Movie]:
    """A page of films by id, filtered by part of the title, by genre, and by whether they have showtimes to come."""
    return await every(conn, Movie, "movies/list_movies", after, title_part, genre, now_showing, row_limit)


async def delete_movie(conn: Connection, *, movie_id: int) -> None:
    """Delete a film that the caller has locked; raises InUse if it has showtimes."""
    await delete_unused(conn, "movies/delete_movie", movie_id)


async def lock_movies(conn: Connection, *, movie_ids: Sequence[int]) -> set[int]:
    """Lock films against deletion; the ids of those that exist."""
    return {row["id"] for row in await conn.fetch(sql("movies/lock_movies"), movie_ids)}
