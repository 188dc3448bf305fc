"""Replace and delete ticket types, under their row locks."""

from decimal import Decimal

from ..db.pool import Connection, Database
from ..db.preconditions import Precondition, no_precondition
from ..db.repository import ticket_types
from ..db.repository.reservation_rows import STANDARD_TICKET
from ..db.repository.ticket_types import TicketType, TicketTypeInput
from ..errors import InUse, Invalid, NotFound


async def update_ticket_type(
    database: Database, *, ticket_type_id: int, ticket_type: TicketTypeInput, check: Precondition = no_precondition
) -> TicketType:
    """Replace a ticket type; raises NotFound, what `check` raises, and Invalid for a change of the standard one."""
    if ticket_type_id == STANDARD_TICKET and ticket_type.price_factor != Decimal(1):
        raise Invalid("/price_factor", "The standard ticket type has the factor 1.")
    if ticket_type_id == STANDARD_TICKET and not ticket_type.active:
        raise Invalid("/active", "The standard ticket type is always active.")
    async with database.change() as conn:
        await _lock_ticket_type(conn, ticket_type_id, check)
        return await ticket_types.update_ticket_type(conn, ticket_type_id=ticket_type_id, ticket_type=ticket_type)


async def delete_ticket_type(database: Database, *, ticket_type_id: int, check: Precondition = no_precondition) -> None:
    """Delete a ticket type; raises NotFound, what `check` raises, and InUse for one that holds have asked for."""
    async with database.change() as conn:
        is_used = await _lock_ticket_type(conn, ticket_type_id, check)
        if ticket_type_id == STANDARD_TICKET:
            raise InUse("The standard ticket type cannot be deleted.")
        if is_used:
            raise InUse("Holds have asked for it, so it cannot be deleted: set active to false.")
        await ticket_types.delete_ticket_type(conn, ticket_type_id=ticket_type_id)


async def _lock_ticket_type(conn: Connection, ticket_type_id: int, check: Precondition) -> bool:
    is_used = await ticket_types.lock_ticket_type(conn, ticket_type_id=ticket_type_id)
    if is_used is None:
        raise NotFound("There is no such ticket type.")
    check(await ticket_types.find_ticket_type(conn, ticket_type_id=ticket_type_id))
    return is_used
