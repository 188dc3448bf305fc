"""Ticket types: the list in their order, and the form."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...forms import optional, text_of
from ...page_table import PageTable
from ...rendering import render
from ...request_keys import FORM
from .managed_things import ManagedThing, Thing

pages = PageTable(Access.ADMIN, lane=Lane.LIST)

LIST = "/manage/ticket-types"
MOST = 1000
FIELDS = ("name", "price_factor", "fixed_price", "position")


@pages.get(LIST)
async def list_ticket_types(request: web.Request) -> web.StreamResponse:
    """All ticket types, in the order in which customers see the active ones."""
    found = await ApiClient(request).every("/admin/ticket-types", most=MOST)
    return render(request, "manage/ticket_types.html", ticket_types=found)


def ticket_type_body(request: web.Request) -> dict[str, Any]:
    """The API's body of a ticket type."""
    return {
        "name": text_of(request, "name"),
        **{name: text_of(request, name).replace(",", ".") or None for name in ("price_factor", "fixed_price")},
        "position": optional(request, "position", int) or 0,
        "active": "active" in request[FORM],
    }


def ticket_type_fields(_request: web.Request, ticket_type: Thing) -> dict[str, Any]:
    """The form's values of a ticket type."""
    return {name: ticket_type[name] for name in FIELDS} | {"active": "on" if ticket_type["active"] else None}


async def _next_position(request: web.Request) -> Mapping[str, Any]:
    """A new one is shown last, unless another position is given."""
    found = await ApiClient(request).every("/admin/ticket-types", most=MOST)
    return {"position": max((each["position"] for each in found), default=-1) + 1}


ManagedThing(
    api="/admin/ticket-types",
    path=LIST,
    template="manage/ticket_type.html",
    body=ticket_type_body,
    fields=ticket_type_fields,
    new=dict.fromkeys(FIELDS) | {"active": "on"},
    listed_at=LIST,
    suggested=_next_position,
).add_to(pages)
