"""Ticket types: for whom a ticket is, and how that changes its price."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..pool import Connection
from ..statements import sql
from .rows import every, maybe, one


@dataclass(frozen=True, slots=True)
class TicketType:
    """A ticket type; it has a factor or a fixed price."""

    id: int
    name: str
    price_factor: Decimal | None
    fixed_price: Decimal | None
    position: int
    active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TicketTypeInput:
    """The columns of a ticket type that an administrator sets, in the order of the statements' parameters."""

    name: str
    price_factor: Decimal | None
    fixed_price: Decimal | None
    position: int
    active: bool


@dataclass(frozen=True, slots=True)
class KnownTicketType:
    """What a worker keeps of a ticket type, at a version of the list."""

    id: int
    name: str
    price_factor: Decimal | None
    fixed_price: Decimal | None
    active: bool
    is_used: bool
    version: int


async def list_ticket_types(
    conn: Connection, *, after_position: int, after_id: int, active_only: bool, row_limit: int
) -> Sequence[TicketType]:
    """A page of ticket types by position."""
    return await every(
        conn, TicketType, "ticket_types/list_ticket_types", after_position, after_id, active_only, row_limit
    )


async def find_ticket_type(conn: Connection, *, ticket_type_id: int) -> TicketType | None:
    """One ticket type."""
    return await maybe(conn, TicketType, "ticket_types/find_ticket_type", ticket_type_id)


async def insert_ticket_type(conn: Connection, *, ticket_type: TicketTypeInput) -> TicketType:
    """Insert a ticket type."""
    return await one(conn, TicketType, "ticket_types/insert_ticket_type", *_columns(ticket_type))


async def update_ticket_type(conn: Connection, *, ticket_type_id: int, ticket_type: TicketTypeInput) -> TicketType:
    """Replace a ticket type that the caller has locked."""
    return await one(conn, TicketType, "ticket_types/update_ticket_type", ticket_type_id, *_columns(ticket_type))


async def lock_ticket_type(conn: Connection, *, ticket_type_id: int) -> bool | None:
    """Lock a ticket type against other writers: whether a hold has asked for it; None if there is none."""
    is_used: bool | None = await conn.fetchval(sql("ticket_types/lock_ticket_type"), ticket_type_id)
    return is_used


async def delete_ticket_type(conn: Connection, *, ticket_type_id: int) -> None:
    """Delete a ticket type that the caller has locked, and that no hold has asked for."""
    await conn.execute(sql("ticket_types/delete_ticket_type"), ticket_type_id)


async def mark_used(conn: Connection, *, ticket_type_ids: Sequence[int]) -> None:
    """Note that holds ask for these ticket types."""
    await conn.execute(sql("ticket_types/mark_used"), ticket_type_ids)


async def read_all(conn: Connection) -> Sequence[KnownTicketType]:
    """All ticket types, which are never none."""
    return await every(conn, KnownTicketType, "ticket_types/read_all")


def _columns(given: TicketTypeInput) -> tuple[str, Decimal | None, Decimal | None, int, bool]:
    return given.name, given.price_factor, given.fixed_price, given.position, given.active
