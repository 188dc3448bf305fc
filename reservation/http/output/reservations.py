"""Reservations as clients see them: as they are kept, and the currency of their prices."""

from dataclasses import replace
from typing import Any

from aiohttp import web

from ...booking.idempotency import FirstOutcome
from ...db.repository.box_office import Customer
from ...db.repository.reservation_rows import Reservation
from ..app_keys import SETTINGS
from .responses import SingleWriteResponse, created_response, json_response


def reservation_members(request: web.Request, reservation: Reservation) -> dict[str, Any]:
    """The members of a reservation's JSON."""
    # The driver writes its class of UUID faster than orjson, which does not know it.
    return vars(reservation) | {"id": str(reservation.id), "currency": request.app[SETTINGS].currency}


def reservation_response(request: web.Request, reservation: Reservation) -> SingleWriteResponse:
    """A 200 with a reservation."""
    return json_response(reservation_members(request, reservation))


def hold_response(request: web.Request, held: Reservation, customer: Customer | None) -> SingleWriteResponse:
    """A 201 with a hold, and with the customer for whom the box office made it."""
    members = reservation_members(request, held)
    if customer is not None:
        members["customer"] = customer
    return created_response(members, location=f"/reservations/{held.id}")


def first_hold(first: FirstOutcome) -> Reservation:
    """A hold as it was answered first, whatever has become of it."""
    return replace(
        _not_cancelled(first.reservation), status="held", expires_at=first.expires_at, confirmed_at=None, late=False
    )


async def replayed_confirm(request: web.Request, first: FirstOutcome) -> SingleWriteResponse:
    """The first answer to a confirm, whatever has become of the reservation."""
    return reservation_response(request, replace(_not_cancelled(first.reservation), status="confirmed"))


async def replayed_change(request: web.Request, first: FirstOutcome) -> SingleWriteResponse:
    """The first answer to a cancel or to a change of the seats."""
    return reservation_response(request, answered_change(first))


def answered_change(first: FirstOutcome) -> Reservation:
    """The reservation after a cancel or a change of its seats: what came afterwards is left out."""
    answered = first.reservation
    if answered.cancelled_at is not None and answered.cancelled_at > first.answered_at:
        answered = replace(_not_cancelled(answered), status="held" if answered.confirmed_at is None else "confirmed")
    if answered.confirmed_at is not None and answered.confirmed_at > first.answered_at:
        answered = replace(answered, status="held", confirmed_at=None, late=False)
    if answered.status == "expired":  # since then: only a live hold is changed
        answered = replace(answered, status="held")
    if answered.status != "cancelled" and first.changed_expires_at is not None:  # it may have been extended since
        answered = replace(answered, expires_at=first.changed_expires_at)
    return answered


def _not_cancelled(reservation: Reservation) -> Reservation:
    return replace(reservation, cancelled_at=None, cancelled_by=None)
