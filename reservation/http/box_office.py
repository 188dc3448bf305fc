"""The box office: staff and administrators act on the reservations of all customers."""

from uuid import UUID

from aiohttp import web

from ..db.repository import box_office
from ..db.repository.box_office import Customer
from ..errors import NotFound
from .app_keys import CALLER, DATABASE
from .authentication import current_role, require_access
from .routes import STAFF_ROLES


async def owner_id(request: web.Request, reservation_id: UUID) -> int:
    """Whose reservation the request may be about: the caller's own, and for staff its owner's.

    Customers cost no look-up, since the service compares the owner anyway.
    """
    caller = request[CALLER]
    if caller.user.role not in STAFF_ROLES or await current_role(request) not in STAFF_ROLES:
        return caller.user_id
    async with request.app[DATABASE].connection() as conn:
        owner = await box_office.find_owner(conn, reservation_id=reservation_id)
    return caller.user_id if owner is None else owner


async def customer_id(request: web.Request, *, email: str, name: str) -> int:
    """For whom staff hold seats: the account of the address or a guest; raises Forbidden if the caller is not staff."""
    await require_access(request, STAFF_ROLES)
    async with request.app[DATABASE].change() as conn:
        return await box_office.ensure_customer(conn, email=email, name=name)


async def customer_of(request: web.Request, reservation_id: UUID) -> Customer:
    """The customer of a reservation."""
    async with request.app[DATABASE].connection() as conn:
        found = await box_office.find_reservations(conn, reservation_ids=[reservation_id])
    if reservation_id not in found:
        raise NotFound("There is no such reservation.")
    return found[reservation_id].customer
