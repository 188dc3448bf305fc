"""What a customer does with a reservation: confirm, extend, release, remove a seat, cancel."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ...errors import (
    DomainError,
    Invalid,
    InvalidToken,
    NotAuthenticated,
    NotFound,
    PaymentProviderUnavailable,
    SeatsUnavailable,
    Unavailable,
)
from ...http.output.problems import STATUS_AND_CODE
from ...http.routes import Access
from ...runtime.lanes import Lane
from ..api_client import ApiClient
from ..forms import number_of
from ..page_table import PageTable, see_other
from ..request_keys import FORM, LANGUAGE
from ..texts.marking import mark as _
from ..texts.messages import message_of
from .reservations import PATH, Refusal, Reservation, own_reservation, show

pages = PageTable(Access.SIGNED_IN)

# These end in a page of their own: the reservation cannot be shown.
WITHOUT_PAGE = (NotAuthenticated, InvalidToken, Unavailable)
Change = Callable[[ApiClient, Reservation], Awaitable[str]]

NO_SEAT_CHOSEN = _("Choose the seats that you want to cancel.")
NO_SUCH_SEAT = _("A seat that you chose is not in this reservation any more. Please look at it again.")


@pages.post(PATH + "/confirm", lane=Lane.CONFIRM)
async def confirm(request: web.Request) -> web.StreamResponse:
    """Confirm a hold, or try to confirm one that has expired."""

    async def change(api: ApiClient, before: Reservation) -> str:
        await _post(request, api, before, "confirm")
        return "confirmed"

    return await _changed(request, change)


@pages.post(PATH + "/extend")
async def extend(request: web.Request) -> web.StreamResponse:
    """Extend a hold, as far as that is possible."""

    async def change(api: ApiClient, before: Reservation) -> str:
        after = await api.post(f"/reservations/{before['id']}/extend")
        return "not_extended" if after["expires_at"] == before["expires_at"] else "extended"

    return await _changed(request, change)


@pages.post(PATH + "/release")
async def release(request: web.Request) -> web.StreamResponse:
    """Release a hold; not what has been confirmed since its page was shown."""

    async def change(api: ApiClient, before: Reservation) -> str:
        await _post(request, api, before, "cancel", {"holds_only": True})
        return "released"

    return await _changed(request, change)


@pages.post(PATH + "/remove-seat")
async def remove_seat(request: web.Request) -> web.StreamResponse:
    """Remove a seat from a hold; a form that is sent twice finds it removed, and says so."""

    async def change(api: ApiClient, before: Reservation) -> str:
        seat_id = request[FORM].get("seat_id", "")
        if not any(str(seat["seat_id"]) == seat_id for seat in before["seats"]):
            raise Invalid("/seat_ids", "")
        await api.delete(f"/reservations/{before['id']}/seats/{seat_id}")
        return "seat_removed" if len(before["seats"]) > 1 else "released"

    return await _changed(request, change)


@pages.post(PATH + "/cancel")
async def cancel(request: web.Request) -> web.StreamResponse:
    """Cancel the chosen seats, or all of them."""
    chosen = [each if (number := number_of(each)) is None else number for each in request[FORM].getall("seat_id", [])]
    if "all" not in request[FORM] and not chosen:
        refusal = Refusal(422, request[LANGUAGE].gettext(NO_SEAT_CHOSEN))
        return await show(request, await own_reservation(request), refusal=refusal)

    async def change(api: ApiClient, before: Reservation) -> str:
        after = await _post(request, api, before, "cancel", None if "all" in request[FORM] else {"seat_ids": chosen})
        return "cancelled" if after["status"] == "cancelled" else "seats_cancelled"

    return await _changed(request, change)


async def _post(request: web.Request, api: ApiClient, before: Reservation, change: str, body: Any = None) -> Any:
    """A change with the idempotency key of the form, so that a form that is sent twice acts once."""
    key = request[FORM].get("key") or None
    return await api.post(f"/reservations/{before['id']}/{change}", body, idempotency_key=key)


async def _changed(request: web.Request, change: Change) -> web.StreamResponse:
    """The page of the changed reservation, or with the refusal the page as it is now."""
    before = await own_reservation(request)
    try:
        done = await change(ApiClient(request), before)
    except DomainError as error:
        return await refused_page(request, error, before)
    return see_other(f"/my/reservations/{before['id']}?done={done}")


async def refused_page(request: web.Request, error: DomainError, before: Reservation) -> web.StreamResponse:
    """The page of the reservation as it is now, with the refusal; raises errors that end in another page."""
    if isinstance(error, WITHOUT_PAGE) and not isinstance(error, PaymentProviderUnavailable):
        raise error
    now = await own_reservation(request)
    return await show(request, now, refusal=_refusal(request, error, before))


def _refusal(request: web.Request, error: DomainError, before: Reservation) -> Refusal:
    language, status = request[LANGUAGE], STATUS_AND_CODE[type(error)][0]
    if isinstance(error, Invalid | NotFound):
        return Refusal(422, language.gettext(NO_SUCH_SEAT))
    lost = error.seat_ids if isinstance(error, SeatsUnavailable) else frozenset()
    seats = [seat for seat in before["seats"] if seat["seat_id"] in lost]
    return Refusal(status, message_of(language, error), seats)
