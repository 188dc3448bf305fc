"""Replace and delete movies, under their row locks."""

from ..db.pool import Connection, Database
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import movies
from ..db.repository.movies import Movie, MovieInput
from ..errors import NotFound


async def update_movie(
    database: Database, *, movie_id: int, movie: MovieInput, check: Precondition = no_precondition
) -> Movie:
    """Replace a movie; raises NotFound and what `check` raises."""
    async with database.change() as conn:
        await _lock_movie(conn, movie_id, check)
        return await movies.update_movie(conn, movie_id=movie_id, movie=movie)


async def delete_movie(database: Database, *, movie_id: int, check: Precondition = no_precondition) -> None:
    """Delete a movie; raises NotFound, what `check` raises, and InUse when it has showtimes."""
    async with database.change() as conn:
        await _lock_movie(conn, movie_id, check)
        await movies.delete_movie(conn, movie_id=movie_id)


async def _lock_movie(conn: Connection, movie_id: int, check: Precondition) -> None:
    if not await movies.lock_movie(conn, movie_id=movie_id):
        raise NotFound("There is no such movie.")
    check(await movies.find_movie(conn, movie_id=movie_id))
