"""The tickets of a reservation, and the keys with which a scanner verifies them."""

from typing import Any

from aiohttp import web
from marshmallow import Schema, fields, validate

from ...booking.lookup import find
from ...db.repository.reservation_rows import Reservation
from ...errors import HoldExpired, ReservationCancelled, ReservationNotConfirmed
from ...runtime.fields import Input, Instant
from ...tickets.documents import ics, ticket_qr, tickets_pdf
from ...tickets.issue import tickets_of
from ...tickets.printed import LANGUAGES
from ..app_keys import DATABASE, QUERY, TICKETS
from ..input.path_ids import path_uuid
from ..output.responses import SingleWriteResponse, encode, json_response
from ..output.schemas import ReservedSeatOutput
from ..routes import BOOKING, Access, Routes
from .reservations import owner_and_id

routes = Routes("Tickets", Access.SIGNED_IN, read_scopes=BOOKING)
public_routes = Routes("Tickets", is_versioned=False)

WITHOUT_TICKETS = (ReservationNotConfirmed, HoldExpired, ReservationCancelled)
# Scanners are told a new key by an hour after the workers have it: sign with it later than that.
KEYS_MAX_AGE_S = 3600
PRIVATE = {"Cache-Control": "private, no-store"}  # whoever has a ticket's code gets in


class TicketOutput(Schema):
    """A ticket for one seat."""

    id = fields.UUID(required=True)
    code = fields.String(
        required=True,
        validate=validate.Length(10, 10),
        metadata={"description": "For people, at the door: Crockford's base32", "examples": ["5QK3Z0VD7M"]},
    )
    seat = fields.Nested(ReservedSeatOutput(), required=True)
    qr_payload = fields.String(
        required=True,
        metadata={
            "description": "The content of its QR code: a compact JSON Web Signature (EdDSA) with the claims code,"
            " showtime, seat and starts"
        },
    )
    checked_in_at = Instant(required=True, allow_none=True)


class ReservationTicketsOutput(Schema):
    """The tickets of a reservation."""

    tickets = fields.List(fields.Nested(TicketOutput()), required=True)


class TicketKeyOutput(Schema):
    """A public key (RFC 8037)."""

    kty = fields.String(required=True, validate=validate.OneOf(["OKP"]))
    crv = fields.String(required=True, validate=validate.OneOf(["Ed25519"]))
    x = fields.String(required=True)
    kid = fields.String(required=True, metadata={"description": "As in the header of a ticket's signature"})
    alg = fields.String(required=True, validate=validate.OneOf(["EdDSA"]))
    use = fields.String(required=True, validate=validate.OneOf(["sig"]))


class TicketKeysOutput(Schema):
    """A JSON Web Key Set (RFC 7517); tickets are signed with the first of its keys."""

    keys = fields.List(fields.Nested(TicketKeyOutput()), required=True)


@routes.add("GET", "/reservations/{reservation_id}/tickets", output=ReservationTicketsOutput(), raises=WITHOUT_TICKETS)
async def list_tickets(request: web.Request) -> web.StreamResponse:
    """The tickets of a confirmed reservation, one for each seat.

    The ticket of a seat that is cancelled or exchanged is no longer good, and its code lets nobody in. Staff and
    administrators may read those of any reservation.
    """
    made = await tickets_of(request.app[TICKETS], await found_reservation(request))
    return SingleWriteResponse(encode({"tickets": made}), headers=PRIVATE)


@routes.add(
    "GET",
    "/reservations/{reservation_id}/tickets/{ticket_id}/qr.svg",
    content_type="image/svg+xml",
    raises=WITHOUT_TICKETS,
)
async def get_ticket_qr(request: web.Request) -> web.StreamResponse:
    """The QR code of a ticket, as an image."""
    found = await found_reservation(request)
    image = await ticket_qr(request.app[TICKETS], found, path_uuid(request, "ticket_id"))
    return SingleWriteResponse(image, content_type="image/svg+xml", headers=PRIVATE)


class PdfQuery(Input):
    """Size and language of a PDF."""

    size = fields.String(
        load_default="a4",
        validate=validate.OneOf(["a4", "wallet"]),
        metadata={"description": "Three tickets to an A4 page, or one to a page of the size of a bank card"},
    )
    language = fields.String(
        load_default=LANGUAGES[0],
        validate=validate.Regexp(f"^({'|'.join(LANGUAGES)})(-[A-Z]{{2}})?$"),
        metadata={
            "description": "Language, and the region whose forms of dates and amounts are used",
            "examples": ["en-GB"],
        },
    )


class CalendarQuery(Input):
    """The language of a calendar entry."""

    language = fields.String(load_default=LANGUAGES[0], validate=validate.OneOf(LANGUAGES))


@routes.add(
    "GET",
    "/reservations/{reservation_id}/tickets.pdf",
    query=PdfQuery(),
    content_type="application/pdf",
    raises=WITHOUT_TICKETS,
)
async def get_tickets_pdf(request: web.Request) -> web.StreamResponse:
    """The tickets of a confirmed reservation, to be printed; times are those of the cinema."""
    found, query = await found_reservation(request), request[QUERY]
    made = await tickets_pdf(request.app[TICKETS], found, query["size"], query["language"])
    response = _document(made, "application/pdf", f"tickets-{found.code}.pdf")
    response.is_negotiated = True  # it is compressed inside
    return response


@routes.add(
    "GET",
    "/reservations/{reservation_id}/tickets.ics",
    query=CalendarQuery(),
    content_type="text/calendar",
    raises=WITHOUT_TICKETS,
)
async def get_calendar_entry(request: web.Request) -> web.StreamResponse:
    """The reservation as an entry for a calendar.

    A later one replaces the entry that a calendar has. That of a reservation that was cancelled after it had been
    confirmed takes the entry back.
    """
    found = await found_reservation(request)
    made = await ics(request.app[TICKETS], found, request[QUERY]["language"])
    return _document(made, "text/calendar; charset=utf-8", f"reservation-{found.code}.ics")


@public_routes.add("GET", "/.well-known/ticket-keys.json", output=TicketKeysOutput())
async def list_ticket_keys(request: web.Request) -> web.StreamResponse:
    """The public keys that tickets are signed with, so that a scanner can verify them without a connection.

    A cache may keep them for an hour.
    """
    keys = [key.published for key in request.app[TICKETS].signer.keys.values()]
    return json_response({"keys": keys}, headers={"Cache-Control": f"public, max-age={KEYS_MAX_AGE_S}"})


def _document(body: bytes, content_type: str, name: str) -> SingleWriteResponse:
    headers = PRIVATE | {"Content-Disposition": f'inline; filename="{name}"'}
    return SingleWriteResponse(body, content_type=content_type, headers=headers)


async def found_reservation(request: web.Request) -> Reservation:
    """The reservation of the path, of the caller's own, for staff anybody's; raises NotFound."""
    whose: dict[str, Any] = await owner_and_id(request)
    return await find(request.app[DATABASE], **whose)
