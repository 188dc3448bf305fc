"""Replace and delete cinemas, under their row locks."""

from ..db.pool import Connection, Database
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import cinemas
from ..db.repository.cinemas import Cinema, CinemaInput
from ..errors import NotFound


async def update_cinema(
    database: Database, *, cinema_id: int, cinema: CinemaInput, check: Precondition = no_precondition
) -> Cinema:
    """Replace a cinema; raises NotFound and what `check` raises."""
    async with database.change() as conn:
        await _lock_cinema(conn, cinema_id, check)
        return await cinemas.update_cinema(conn, cinema_id=cinema_id, cinema=cinema)


async def delete_cinema(database: Database, *, cinema_id: int, check: Precondition = no_precondition) -> None:
    """Delete a cinema; raises NotFound, what `check` raises, and InUse when it has auditoriums."""
    async with database.change() as conn:
        await _lock_cinema(conn, cinema_id, check)
        await cinemas.delete_cinema(conn, cinema_id=cinema_id)


async def _lock_cinema(conn: Connection, cinema_id: int, check: Precondition) -> None:
    if not await cinemas.lock_cinema(conn, cinema_id=cinema_id):
        raise NotFound("There is no such cinema.")
    check(await cinemas.find_cinema(conn, cinema_id=cinema_id))
