"""Schemas of the data of events, in the feed of changes and in the calls of webhooks. They document."""

from collections.abc import Mapping
from dataclasses import dataclass

from marshmallow import Schema, fields, validate

from ...db.repository.showtimes import STATUSES as SHOWTIME_STATUSES
from ...outbox.event_types import TEST_EVENT
from ...runtime.fields import Id, Instant, Money
from .schemas import CURRENCY, LANGUAGE, PROVIDERS, REFUND_REASONS, SEAT_CHANGES, ReservationOutput

# What an event of a showtime can name as changed.
SHOWTIME_MEMBERS = (
    "movie_id",
    "auditorium_id",
    "starts_at",
    "ends_at",
    "base_price",
    "format",
    "audio_language",
    "subtitle_language",
    "on_sale_at",
    "sales_end_at",
    "status",
    "cancelled_at",
    "cancel_reason",
)


class NoEventData(Schema):
    """Nothing."""


class ReservationEventData(Schema):
    """The reservation: its status, seats and prices right after the event, all else as it is now."""

    reservation = fields.Nested(
        ReservationOutput(),
        required=True,
        allow_none=True,
        metadata={"description": "null: it was deleted with the load test that made it"},
    )


class ReservationBeforeEvent(Schema):
    """What a reservation was before its seats changed."""

    change = fields.String(required=True, validate=validate.OneOf(SEAT_CHANGES))
    showtime_id = Id(required=True)
    seat_ids = fields.List(Id(), required=True)
    total_price = Money(required=True)


class ReservationChangedEventData(ReservationEventData):
    """The reservation with its new seats, and what it was before."""

    before = fields.Nested(ReservationBeforeEvent(), metadata={"description": "Not there if `reservation` is null"})


class PaymentEventData(Schema):
    """A payment that was made."""

    payment_id = fields.UUID(required=True)
    reservation_id = fields.UUID(required=True)
    provider = fields.String(required=True, validate=validate.OneOf(PROVIDERS))
    amount = Money(required=True)
    currency = fields.String(required=True, metadata=CURRENCY)


class RefundEventData(PaymentEventData):
    """A refund of a payment, or of a part of it: made by Stripe, or to be made by the client that took the money."""

    refund_id = fields.UUID(required=True)
    reason = fields.String(required=True, validate=validate.OneOf(REFUND_REASONS))


class ShowtimeBeforeEvent(Schema):
    """Those members of a showtime that have changed, as they were before."""

    movie_id = Id()
    auditorium_id = Id()
    starts_at = Instant()
    ends_at = Instant()
    base_price = Money()
    format = fields.String(allow_none=True)
    audio_language = fields.String(allow_none=True, metadata=LANGUAGE)
    subtitle_language = fields.String(allow_none=True, metadata=LANGUAGE)
    on_sale_at = Instant(allow_none=True)
    sales_end_at = Instant(allow_none=True)
    status = fields.String(validate=validate.OneOf(SHOWTIME_STATUSES))
    cancelled_at = Instant(allow_none=True)
    cancel_reason = fields.String(allow_none=True)


class ToldShowtime(Schema):
    """A showtime right after an event."""

    id = Id(required=True, metadata={"examples": [208]})
    movie_id = Id(required=True)
    auditorium_id = Id(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    base_price = Money(required=True)
    format = fields.String(required=True, allow_none=True)
    audio_language = fields.String(required=True, allow_none=True, metadata=LANGUAGE)
    subtitle_language = fields.String(required=True, allow_none=True, metadata=LANGUAGE)
    on_sale_at = Instant(required=True, allow_none=True)
    sales_end_at = Instant(required=True, allow_none=True)
    status = fields.String(required=True, validate=validate.OneOf(SHOWTIME_STATUSES))
    cancelled_at = Instant(required=True, allow_none=True)
    cancel_reason = fields.String(required=True, allow_none=True)


class ShowtimeEventData(Schema):
    """The showtime, and what has changed."""

    showtime = fields.Nested(ToldShowtime(), required=True)
    changed = fields.List(
        fields.String(validate=validate.OneOf(SHOWTIME_MEMBERS)),
        required=True,
        metadata={"description": "The names of the members that have changed", "examples": [["base_price"]]},
    )
    before = fields.Nested(ShowtimeBeforeEvent(), required=True)


class CheckedInSeat(Schema):
    """The seat of a ticket."""

    seat_id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)


class ToldTicket(Schema):
    """A ticket that was checked in."""

    id = fields.UUID(required=True, metadata={"examples": ["0196f2c4-1d3e-7a52-8f10-6b0d9c2e4a71"]})
    reservation_id = fields.UUID(required=True)
    showtime_id = Id(required=True)
    seat = fields.Nested(CheckedInSeat(), required=True)
    checked_in_at = Instant(required=True)


class TicketEventData(Schema):
    """The ticket."""

    ticket = fields.Nested(ToldTicket(), required=True)


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """A type of event: when it is told, and its data."""

    meaning: str
    data: type[Schema]


TOLD_EVENTS: Mapping[str, ToldEvent] = {
    "reservation.held": ToldEvent("Seats are held", ReservationEventData),
    "reservation.confirmed": ToldEvent("A hold is confirmed", ReservationEventData),
    "reservation.cancelled": ToldEvent("A hold is released, or a reservation cancelled", ReservationEventData),
    "reservation.changed": ToldEvent(
        "Seats are added, removed, cancelled in part or exchanged", ReservationChangedEventData
    ),
    "reservation.expired": ToldEvent("A hold has expired", ReservationEventData),
    "payment.succeeded": ToldEvent("A payment was made", PaymentEventData),
    "payment.refunded": ToldEvent("A payment, or a part of it, was refunded", RefundEventData),
    "showtime.changed": ToldEvent("A showtime has changed", ShowtimeEventData),
    "showtime.cancelled": ToldEvent("A showtime is called off", ShowtimeEventData),
    "ticket.checked_in": ToldEvent("A ticket is checked in at the door", TicketEventData),
    TEST_EVENT: ToldEvent("An administrator tests the webhook", NoEventData),
}
