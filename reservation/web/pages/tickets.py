"""The tickets of a reservation: the page with their QR codes, and the files to print and for the calendar."""

from typing import Any
from uuid import UUID

from aiohttp import web

from ...errors import NotFound
from ...http.routes import Access
from ...tickets.codes import grouped
from ..api_client import ApiClient
from ..page_table import PageTable, see_other
from ..programme.cache import PROGRAMME
from ..rendering import render
from ..request_keys import LANGUAGE
from ..texts.languages import local_time
from .reservations import PATH, offered_showtime, own_reservation

pages = PageTable(Access.SIGNED_IN)


@pages.get(PATH + "/tickets")
async def tickets(request: web.Request) -> web.StreamResponse:
    """The tickets, each with its QR code; a reservation that has none leads to its page."""
    found = await own_reservation(request)
    if found["status"] != "confirmed":
        return see_other(f"/my/reservations/{found['id']}")
    made = await ApiClient(request).get(f"/reservations/{found['id']}/tickets")
    timezone = found["showtime"]["cinema"]["timezone"]
    cinemas = await request.app[PROGRAMME].cinemas(request)
    return render(
        request,
        "my_tickets.html",
        reservation=found,
        showtime=found["showtime"],
        cinema=cinemas.get(found["showtime"]["cinema"]["id"], {}),
        offered=await offered_showtime(ApiClient(request), found),
        timezone=timezone,
        starts_on=local_time(found["showtime"]["starts_at"], timezone).date(),
        tickets=[each | {"grouped_code": grouped(each["code"])} for each in made["tickets"]],
    )


@pages.get(PATH + "/tickets/{ticket_id}/qr.svg")
async def ticket_qr(request: web.Request) -> web.StreamResponse:
    """The QR code of a ticket."""
    try:
        ticket_id = UUID(request.match_info["ticket_id"])
    except ValueError:
        raise NotFound from None
    return await _document(request, f"tickets/{ticket_id}/qr.svg")


@pages.get(PATH + "/tickets.pdf")
async def tickets_pdf(request: web.Request) -> web.StreamResponse:
    """The tickets as a PDF in the reader's language; `size` is a4 or wallet."""
    size = "wallet" if request.query.get("size") == "wallet" else "a4"
    return await _document(request, "tickets.pdf", size=size, language=request[LANGUAGE].tag)


@pages.get(PATH + "/tickets.ics")
async def calendar_entry(request: web.Request) -> web.StreamResponse:
    """The reservation as a calendar entry in the reader's language."""
    return await _document(request, "tickets.ics", language=request[LANGUAGE].code)


async def _document(request: web.Request, what: str, **query: Any) -> web.StreamResponse:
    found = await own_reservation(request)
    return await ApiClient(request).respond("GET", f"/reservations/{found['id']}/{what}", query=query)
