"""Reservations of all customers: found, seen with their changes, confirmed, extended and cancelled."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from aiohttp import web

from ....errors import DomainError, Invalid, NotFound
from ....http.handlers.box_office import CODE
from ....http.output.problems import STATUS_AND_CODE
from ....http.output.schemas import RESERVATION_STATUSES
from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...forms import FormState, numbers_of, refused_form, text_of
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM, LANGUAGE
from ...seat_map.names import names_of
from ...texts.marking import mark as _
from ..reservations import payments_of
from .home import chosen_cinema
from .sale import confirm_paid

pages = PageTable(Access.STAFF)

PAGE_SIZE = 50
# A name is looked for among the reservations of a showtime, or among the newest ones: the API has no filter by name.
MOST_SEARCHED = 1000
MOST_SHOWTIMES = 200
SHOWN_BEFORE, SHOWN_AFTER = timedelta(hours=12), timedelta(days=2)
DONE = {
    "confirmed": _("The reservation is confirmed."),
    "extended": _("The seats are held for longer."),
    "cancelled": _("The reservation is cancelled."),
    "seats-cancelled": _("The seats are cancelled."),
}
NO_SEAT_TICKED = _("Tick the seats to cancel.")


@pages.get("/box-office/reservations")
async def search_reservations(request: web.Request) -> web.StreamResponse:
    """Reservations by code, e-mail address or name, by showtime and status; a code leads to its reservation."""
    api, query = ApiClient(request), dict(request.query.items())
    text = query.get("q", "").strip()
    if re.fullmatch(CODE, text):
        found = (await api.get("/admin/reservations", code=text))["items"]
        if found:
            return see_other(f"/box-office/reservations/{found[0]['id']}")
    filters = {"showtime_id": query.get("showtime_id"), "status": query.get("status")}
    try:
        items, next_cursor = await _find(api, text, filters, query.get("cursor"))
    except Invalid:  # an address or a filter that the API does not take finds nothing
        items, next_cursor = [], None
    return render(
        request,
        "box_office/reservations.html",
        form=FormState(query),
        reservations=[each | {"seat_names": names_of(each["seats"])} for each in items],
        next_page=urlencode(query | {"cursor": next_cursor}) if next_cursor else None,
        showtimes=await _showtimes(request, api, query.get("showtime_id", "")),
        statuses=RESERVATION_STATUSES,
    )


@pages.get("/box-office/reservations/{reservation_id:[0-9a-fA-F-]{36}}")
async def reservation(request: web.Request) -> web.StreamResponse:
    """All of one reservation, with its changes, and what can be done; `done` is what has just been done."""
    return await _reservation_page(request, FormState())


@pages.get("/box-office/reservations/{reservation_id:[0-9a-fA-F-]{36}}/tickets.pdf")
async def tickets_pdf(request: web.Request) -> web.StreamResponse:
    """The tickets of a customer's reservation, to be printed at the counter."""
    path = f"/reservations/{request.match_info['reservation_id']}/tickets.pdf"
    return await ApiClient(request).respond("GET", path, query={"language": request[LANGUAGE].tag})


@pages.post("/box-office/reservations/{reservation_id:[0-9a-fA-F-]{36}}/confirm", lane=Lane.CONFIRM)
async def confirm(request: web.Request) -> web.StreamResponse:
    """Confirm a hold, also one that has expired, if its seats are still free."""
    return await _act(request, "/reservations/{}/confirm", None, "confirmed")


@pages.post("/box-office/reservations/{reservation_id:[0-9a-fA-F-]{36}}/paid", lane=Lane.CONFIRM)
async def take_payment(request: web.Request) -> web.StreamResponse:
    """Say that the customer has paid at the till, and confirm."""
    try:
        await confirm_paid(request, request.match_info["reservation_id"], amount=text_of(request, "amount"))
    except NotFound:
        raise
    except DomainError as error:
        form = refused_form(request, error, {"amount": "above the form"})  # its field is hidden
        return await _reservation_page(request, form, status=STATUS_AND_CODE[type(error)][0])
    return await _act(request, "/reservations/{}/confirm", None, "confirmed")


@pages.post("/box-office/reservations/{reservation_id:[0-9a-fA-F-]{36}}/extend")
async def extend(request: web.Request) -> web.StreamResponse:
    """Hold the seats for longer."""
    return await _act(request, "/reservations/{}/extend", None, "extended")


@pages.post("/box-office/reservations/{reservation_id:[0-9a-fA-F-]{36}}/cancel")
async def cancel(request: web.Request) -> web.StreamResponse:
    """Cancel the ticked seats, or all, for a reason."""
    form = request[FORM]
    ticked, shown = form.getall("seat", []), text_of(request, "seats_shown")
    if not ticked:
        state = FormState(dict(form.items()), {"seat": request[LANGUAGE].gettext(NO_SEAT_TICKED)})
        return await _reservation_page(request, state, status=422)
    body: dict[str, Any] = {"reason": form.get("reason", "")}
    done = "cancelled"
    if len(ticked) < len(shown.split(",")):
        body["seat_ids"], done = (
            numbers_of(ticked),
            "seats-cancelled",
        )
    return await _act(request, "/admin/reservations/{}/cancel", body, done)


async def _act(request: web.Request, path: str, body: Any, done: str) -> web.StreamResponse:
    """Call an operation on the reservation, and show it again with what was done or why not."""
    reservation_id = request.match_info["reservation_id"]
    try:
        key = text_of(request, "request_key") or None
        await ApiClient(request).post(path.format(reservation_id), body, idempotency_key=key)
    except NotFound:
        raise
    except DomainError as error:
        state = refused_form(request, error, {"seat_ids": "seat"})
        return await _reservation_page(request, state, status=STATUS_AND_CODE[type(error)][0])
    return see_other(f"/box-office/reservations/{reservation_id}?done={done}")


async def _reservation_page(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    api = ApiClient(request)
    found = await api.get(f"/admin/reservations/{request.match_info['reservation_id']}")
    config = await api.get("/config")
    payments = await payments_of(api, found, config)
    balance = sum(Decimal(each["amount"]) - Decimal(each["refunded"]) for each in payments if each["succeeded_at"])
    takes_payments = config["payment_provider"] != "none"
    done = DONE.get(request.query.get("done", ""))
    return render(
        request,
        "box_office/reservation.html",
        status=status,
        form=form,
        reservation=found,
        seats=names_of(found["seats"]),
        payments=payments,
        to_pay=Decimal(found["total_price"]) - balance if takes_payments else Decimal(0),
        done=done and request[LANGUAGE].gettext(done),
        request_key=uuid4(),
    )


async def _find(
    api: ApiClient, text: str, filters: dict[str, str | None], cursor: str | None
) -> tuple[list[Any], str | None]:
    """The reservations that match, and the cursor of the next page."""
    if not text or "@" in text:
        page = await api.get("/admin/reservations", email=text, **filters, cursor=cursor, limit=PAGE_SIZE)
        return page["items"], page["next_cursor"]
    searched, name = await api.every("/admin/reservations", most=MOST_SEARCHED, **filters), text.casefold()
    return [each for each in searched if _is_named(each, name)], None


def _is_named(reservation: dict[str, Any], name: str) -> bool:
    """Whether the customer's name has this part, or the name that a walk-in customer gave."""
    return name in reservation["customer"]["name"].casefold() or name in (reservation["reference"] or "").casefold()


async def _showtimes(request: web.Request, api: ApiClient, chosen: str) -> list[dict[str, Any]]:
    """The showtimes to choose from: those about now at this browser's cinema, and the chosen one."""
    cinema, now = await chosen_cinema(request, api), datetime.now(UTC)
    found: list[dict[str, Any]] = []
    if cinema is not None:
        span = {"from": (now - SHOWN_BEFORE).isoformat(), "to": (now + SHOWN_AFTER).isoformat()}
        found = await api.every("/showtimes", most=MOST_SHOWTIMES, cinema_id=cinema["id"], **span)
        found = [each | {"timezone": cinema["timezone"]} for each in found]
    if chosen.isdecimal() and chosen not in {str(each["id"]) for each in found}:
        try:
            other = await api.get(f"/showtimes/{chosen}")
        except NotFound:
            return found
        zone = (await api.get(f"/cinemas/{other['cinema_id']}"))["timezone"]
        found.insert(0, other | {"timezone": zone})
    return found
