"""Administration of ticket types."""

from functools import partial

from aiohttp import web

from ...catalog import ticket_types as service
from ...catalog.schemas import TicketTypeBody
from ...db.repository import ticket_types
from ...db.repository.ticket_types import TicketType
from ...errors import InUse
from ..app_keys import BODY, DATABASE, QUERY, TICKET_TYPES
from ..input.path_ids import find_row, path_id
from ..output.schemas import TicketTypeOutput
from ..paging import Cursor, PageQuery, page_response, page_schema
from ..preconditions import conditional_response, precondition, response_with_etag
from ..routes import CATALOGUE, CATALOGUE_OR_REPORTS, Access, Routes
from .catalog import routes as public_routes

routes = Routes("Administration: ticket types", Access.ADMIN, read_scopes=CATALOGUE_OR_REPORTS, write_scopes=CATALOGUE)


class TicketTypesQuery(PageQuery):
    """A page of ticket types."""

    cursor = Cursor(int, int, load_default=(-1, 0))


TICKET_TYPE_PAGE = page_schema(TicketTypeOutput())


@public_routes.add("GET", "/ticket-types", query=TicketTypesQuery(), output=TICKET_TYPE_PAGE)
async def list_ticket_types(request: web.Request) -> web.StreamResponse:
    """The ticket types that a hold may ask for, by position; the one called standard at first is always there."""
    return await _page(request, active_only=True)


@routes.add("GET", "/admin/ticket-types", query=TicketTypesQuery(), output=TICKET_TYPE_PAGE)
async def admin_list_ticket_types(request: web.Request) -> web.StreamResponse:
    """All ticket types, by position."""
    return await _page(request, active_only=False)


@routes.add("POST", "/admin/ticket-types", body=TicketTypeBody(), status=201, output=TicketTypeOutput(), etag=True)
async def create_ticket_type(request: web.Request) -> web.StreamResponse:
    """Create a ticket type.

    Several types may have the same name, as cinemas and auditoriums may: a type that is no longer active keeps its name
    beside the one that replaces it, and clients tell types apart by their ids.
    """
    async with request.app[DATABASE].change() as conn:
        made = await ticket_types.insert_ticket_type(conn, ticket_type=request[BODY])
    return response_with_etag(made, location=f"/admin/ticket-types/{made.id}")


@public_routes.add("GET", "/ticket-types/{ticket_type_id}", output=TicketTypeOutput(), etag=True)
async def get_ticket_type(request: web.Request) -> web.StreamResponse:
    """One ticket type, also if it is not active: tickets that were sold may be of it."""
    found: TicketType = await find_row(
        request, "ticket type", lambda conn, row_id: ticket_types.find_ticket_type(conn, ticket_type_id=row_id)
    )
    return conditional_response(request, found)


routes.add("GET", "/admin/ticket-types/{ticket_type_id}", output=TicketTypeOutput(), etag=True)(get_ticket_type)


@routes.add("PUT", "/admin/ticket-types/{ticket_type_id}", body=TicketTypeBody(), output=TicketTypeOutput(), etag=True)
async def replace_ticket_type(request: web.Request) -> web.StreamResponse:
    """Replace a ticket type. Reservations keep their prices, and show the new name.

    The standard type may have another name and position; its factor stays 1, and it stays active.
    """
    replaced = await service.update_ticket_type(
        request.app[DATABASE],
        ticket_type_id=path_id(request, "ticket_type_id"),
        ticket_type=request[BODY],
        check=precondition(request),
    )
    await request.app[TICKET_TYPES].refresh()
    return response_with_etag(replaced)


@routes.add("DELETE", "/admin/ticket-types/{ticket_type_id}", status=204, raises=(InUse,), etag=True)
async def delete_ticket_type(request: web.Request) -> web.StreamResponse:
    """Delete a ticket type that no hold has asked for; the others can be made inactive."""
    await service.delete_ticket_type(
        request.app[DATABASE], ticket_type_id=path_id(request, "ticket_type_id"), check=precondition(request)
    )
    return web.Response(status=204)


async def _page(request: web.Request, *, active_only: bool) -> web.StreamResponse:
    after_position, after_id = request[QUERY]["cursor"]
    read = partial(
        ticket_types.list_ticket_types, after_position=after_position, after_id=after_id, active_only=active_only
    )
    return await page_response(
        request, lambda conn, rows: read(conn, row_limit=rows), lambda each: [each.position, each.id]
    )
