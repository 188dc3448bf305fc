"""Reservations of all customers, for the box office."""

from uuid import UUID

from ..pool import Connection
from ..statements import sql


async def find_owner(conn: Connection, *, reservation_id: UUID) -> int | None:
    """Whose a reservation is, archived ones included."""
    user_id: int | None = await conn.fetchval(sql("box_office/find_owner"), reservation_id)
    return user_id
