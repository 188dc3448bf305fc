"""A sale at the box office: choose seats and tickets, hold them, confirm them."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

from aiohttp import web

from ....db.repository.reservation_rows import STANDARD_TICKET
from ....errors import DomainError, NotFound, NothingToPay, SeatsUnavailable
from ....http.app_keys import SETTINGS
from ....http.output.problems import STATUS_AND_CODE
from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...forms import FormState, number_of, numbers_of, refused_form, text_of
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM, LANGUAGE
from ...seat_map.names import UnknownSeat, free_rows, names_of, names_of_ids, quantity_of, seats_of
from ...seat_map.view import seat_map
from ...texts.marking import mark as _
from ...texts.messages import message_of

pages = PageTable(Access.STAFF)

MOST_TYPES = 20
# Pointers into the body of a hold, and the fields of the form that they are about.
FIELDS = {
    "customer/name": "name",
    "customer/email": "email",
    "reference": "name",
    "quantity": "seats",
    "seat_ids": "seats",
}
UNKNOWN_SEAT = _("There is no seat %(seat)s. Type seats as F7-9, G1, or how many.")
NO_SEATS = _("Type seats as F7-9, G1, or how many.")
TYPED_AND_TICKED = _("Type how many seats, or choose them in the map, but not both.")
NOT_A_NUMBER = _("Type a number.")
TOO_MANY_TICKETS = _("These are more tickets than seats.")
TOO_MANY_SEATS = _("At most %(num)s seats can be sold at once.")
TAKEN = _("Taken by another customer: %(seats)s. Your entries are kept.")
NOT_TOGETHER = _("No row has so many seats together any more. Name the seats, or sell fewer at a time.")


@pages.get(r"/box-office/sale/{showtime_id:\d+}")
async def sale(request: web.Request) -> web.StreamResponse:
    """The form: seats, tickets, and whom they are for."""
    return await _sale_page(request, FormState({"seats": request.query.get("seats", "")}))


@pages.post(r"/box-office/sale/{showtime_id:\d+}")
async def hold_seats(request: web.Request) -> web.StreamResponse:
    """Hold the seats; what is refused is shown with all that was typed."""
    api, showtime_id = ApiClient(request), request.match_info["showtime_id"]
    types = await _ticket_types(api)
    seats = (await api.get(f"/showtimes/{showtime_id}/seats"))["seats"]
    body, errors = _hold_body(request, types, seats)
    if errors:
        form = FormState(dict(request[FORM].items()), errors)
        return await _sale_page(request, form, status=422)
    key = text_of(request, "request_key")
    try:
        held = await api.post(f"/showtimes/{showtime_id}/holds", body, idempotency_key=key or None)
    except NotFound:
        raise
    except DomainError as error:
        form = refused_form(request, error, FIELDS)
        if isinstance(error, SeatsUnavailable):
            form.errors["seats"], form.error = _taken(request, error, seats), None
        return await _sale_page(request, form, status=STATUS_AND_CODE[type(error)][0])
    return see_other(f"/box-office/holds/{held['id']}")


@pages.get("/box-office/holds/{reservation_id:[0-9a-fA-F-]{36}}")
async def held_seats(request: web.Request) -> web.StreamResponse:
    """The held seats with their total; Enter confirms."""
    return await _held_page(request)


@pages.post("/box-office/holds/{reservation_id:[0-9a-fA-F-]{36}}/confirm", lane=Lane.CONFIRM)
async def confirm_sale(request: web.Request) -> web.StreamResponse:
    """Confirm the hold, and be ready for the next customer."""
    reservation_id, key = request.match_info["reservation_id"], text_of(request, "request_key")
    try:
        await confirm_paid(request, reservation_id, idempotency_key=key or None)
    except NotFound:
        raise
    except DomainError as error:
        return await _held_page(request, error)
    return see_other(f"/box-office?sold={reservation_id}")


async def confirm_paid(
    request: web.Request, reservation_id: str, *, idempotency_key: str | None = None, amount: str = ""
) -> None:
    """Confirm a hold; where payments are taken, the customer has paid at the till all that was due, or this amount."""
    api = ApiClient(request)
    if (await api.get("/config"))["payment_provider"] != "none":
        with suppress(NothingToPay):
            paid = {"provider": "external"} | ({"amount": amount} if amount else {})
            await api.post(f"/reservations/{reservation_id}/pay", paid)
            return
    await api.post(f"/reservations/{reservation_id}/confirm", idempotency_key=idempotency_key)


@pages.post("/box-office/holds/{reservation_id:[0-9a-fA-F-]{36}}/release")
async def release_seats(request: web.Request) -> web.StreamResponse:
    """Release the hold, if it has not been confirmed, and choose again."""
    api, reservation_id = ApiClient(request), request.match_info["reservation_id"]
    released = await api.post(f"/reservations/{reservation_id}/cancel", {"holds_only": True})
    return see_other(f"/box-office/sale/{released['showtime_id']}")


async def _sale_page(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    api, showtime_id = ApiClient(request), request.match_info["showtime_id"]
    showtime = await api.get(f"/showtimes/{showtime_id}")
    cinema = await api.get(f"/cinemas/{showtime['cinema_id']}")
    seats = (await api.get(f"/showtimes/{showtime_id}/seats"))["seats"]
    ticked = _ticked(request) if FORM in request else []
    return render(
        request,
        "box_office/sale.html",
        status=status,
        form=form,
        showtime=showtime,
        timezone=cinema["timezone"],
        rows=free_rows(seats),
        seat_map=await seat_map(request, showtime, chosen=ticked),
        types=await _ticket_types(api),
        standard=STANDARD_TICKET,
        request_key=uuid4(),
    )


async def _held_page(request: web.Request, error: DomainError | None = None) -> web.StreamResponse:
    held = await ApiClient(request).get(f"/admin/reservations/{request.match_info['reservation_id']}")
    return render(
        request,
        "box_office/hold.html",
        status=200 if error is None else STATUS_AND_CODE[type(error)][0],
        held=held,
        seats=names_of(held["seats"]),
        error=None if error is None else message_of(request[LANGUAGE], error),
        request_key=uuid4(),
    )


async def _ticket_types(api: ApiClient) -> list[Any]:
    return await api.every("/ticket-types", most=MOST_TYPES)


def _hold_body(
    request: web.Request, types: list[Any], seats: list[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The body of the hold that the form asks for, and the errors of its fields."""
    language, errors = request[LANGUAGE], dict[str, str]()
    body: dict[str, Any] = {}
    text = text_of(request, "seats")
    quantity, seat_ids = quantity_of(text), _ticked(request)
    if quantity is None:
        try:
            seat_ids = [*dict.fromkeys([seat["id"] for seat in seats_of(text, seats)] + seat_ids)]
        except UnknownSeat as unknown:
            errors["seats"] = language.gettext(UNKNOWN_SEAT) % {"seat": unknown}
    elif seat_ids:
        errors["seats"] = language.gettext(TYPED_AND_TICKED)
    count = len(seat_ids) if quantity is None else quantity
    most = request.app[SETTINGS].max_seats_per_hold
    if not errors and not 0 < count <= most:
        errors["seats"] = language.gettext(TOO_MANY_SEATS if count else NO_SEATS) % {"num": most}
    ticket_types = list[int]()
    for kind in types:
        name = f"tickets_{kind['id']}"
        given = number_of(text_of(request, name) or "0")
        if given is None:
            errors[name] = language.gettext(NOT_A_NUMBER)
        elif kind["id"] != STANDARD_TICKET:
            ticket_types += [kind["id"]] * min(given, count + 1)
    if len(ticket_types) > count and not errors:
        errors[f"tickets_{ticket_types[-1]}"] = language.gettext(TOO_MANY_TICKETS)
    body |= _seats_and_tickets(seat_ids, quantity, ticket_types)
    return body | _customer(request), errors


def _seats_and_tickets(seat_ids: list[int], quantity: int | None, other_types: list[int]) -> dict[str, Any]:
    """The members of a hold for seats and tickets: the first seats get standard tickets, the last ones the others."""
    count = len(seat_ids) if quantity is None else quantity
    types = [STANDARD_TICKET] * (count - len(other_types)) + other_types
    if not other_types:
        return {"seat_ids": seat_ids} if quantity is None else {"quantity": quantity}
    if quantity is not None:
        return {"quantity": quantity, "ticket_type_ids": types}
    pairs = zip(seat_ids, types, strict=False)
    return {"seats": [{"seat_id": seat_id, "ticket_type_id": type_id} for seat_id, type_id in pairs]}


def _ticked(request: web.Request) -> list[int]:
    """The seats that were chosen in the map."""
    return numbers_of(request[FORM].getall("seat_id", []))


def _customer(request: web.Request) -> dict[str, Any]:
    """Whom the seats are for: an account or a guest by e-mail address; without it, the seller's own, under a name."""
    name, email = text_of(request, "name"), text_of(request, "email")
    if email:
        return {"customer": {"email": email, **({"name": name} if name else {})}}
    return {"reference": name} if name else {}


def _taken(request: web.Request, error: SeatsUnavailable, seats: list[Mapping[str, Any]]) -> str:
    language = request[LANGUAGE]
    if not error.seat_ids:
        return language.gettext(NOT_TOGETHER)
    return language.gettext(TAKEN) % {"seats": names_of_ids(seats, error.seat_ids)}
