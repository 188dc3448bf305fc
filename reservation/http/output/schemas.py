"""Response schemas and choices that several operations share. They document; responses are not validated by them."""

from marshmallow import Schema, fields, validate

from ...db.repository.showtimes import STATUSES as SHOWTIME_STATUSES
from ...runtime.fields import Id, Instant, JsonObject, Money, ReleaseDay

ACCOUNT_ROLES = ("user", "staff", "admin")
ROLES = (*ACCOUNT_ROLES, "guest")
SEAT_TYPE = {"description": "regular, premium, wheelchair, companion, or another", "examples": ["regular"]}
# Of a seat in the drawing of its room.
POSITION: dict[str, dict[str, object]] = {
    "x": {"description": "Position from left to right, facing the screen; null where none is given", "examples": [5]},
    "y": {"description": "Position from the screen to the back; null where none is given", "examples": [1]},
}
SEAT_CHANGES = ("cancelled_seats", "added_seats", "exchanged")
SEAT_STATUSES = ("available", "held", "booked", "blocked")
LANGUAGE = {"description": "Language tag (BCP 47)", "examples": ["en"]}
CURRENCY = {"description": "ISO 4217 code", "examples": ["USD"]}
CANCELLED_BY = ("customer", "cinema", "staff")
DISABLED_REASONS = ("failing", "gone")  # of webhooks
PROVIDERS = ("stripe", "external")  # of payments
REFUND_REASONS = ("cancelled", "seats_cancelled", "exchanged", "showtime_cancelled", "not_available", "overpaid")
RESERVATION_STATUSES = ("held", "confirmed", "cancelled", "expired")


class UserOutput(Schema):
    """An account, or a guest, who has none."""

    id = Id(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True)
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    created_at = Instant(required=True)
    email_verified = fields.Boolean(
        required=True,
        metadata={"description": "Whether the address is confirmed; false for a guest"},
    )


class ListedUserOutput(UserOutput):
    """An account or a guest, for administrators."""

    disabled = fields.Boolean(required=True)


class CinemaOutput(Schema):
    """A cinema, which has auditoriums."""

    id = Id(required=True)
    name = fields.String(required=True)
    address = fields.String(required=True, metadata={"examples": ["1 Main Street, Springfield"]})
    timezone = fields.String(required=True, metadata={"description": "IANA name", "examples": ["Europe/Berlin"]})
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class MovieOutput(Schema):
    """A film."""

    id = Id(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    duration_minutes = fields.Integer(required=True)
    poster_url = fields.String(required=True, allow_none=True)
    genre = fields.String(required=True, allow_none=True, metadata={"description": "The first of `genres`"})
    genres = fields.List(fields.String(), required=True)
    age_rating = fields.String(required=True, allow_none=True, metadata={"examples": ["PG-13"]})
    release_date = ReleaseDay(required=True, allow_none=True)
    original_language = fields.String(required=True, allow_none=True, metadata=LANGUAGE)
    director = fields.String(required=True, allow_none=True)
    waiting_room = fields.Boolean(
        required=True, metadata={"description": "Whether showtimes that do not say it themselves have a waiting room"}
    )
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class ShowtimeOutput(Schema):
    """One showing of a film."""

    id = Id(required=True)
    movie_id = Id(required=True)
    movie_title = fields.String(required=True)
    auditorium_id = Id(required=True)
    auditorium_name = fields.String(required=True)
    cinema_id = Id(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    base_price = Money(required=True)
    price_from = Money(
        required=True,
        allow_none=True,
        metadata={"description": "The lowest price of a seat at the standard ticket; null: it has no seats"},
    )
    capacity = fields.Integer(
        required=True, metadata={"description": "Number of seats that the auditorium has now", "examples": [120]}
    )
    seats_left = fields.Integer(
        required=True,
        metadata={"description": "Number of seats that can be held, up to 5 seconds ago", "examples": [48]},
    )
    currency = fields.String(required=True, metadata=CURRENCY)
    format = fields.String(required=True, allow_none=True, metadata={"examples": ["IMAX 3D"]})
    audio_language = fields.String(required=True, allow_none=True, metadata=LANGUAGE)
    subtitle_language = fields.String(required=True, allow_none=True, metadata=LANGUAGE)
    on_sale_at = Instant(
        required=True, allow_none=True, metadata={"description": "When the sale starts; null: it has started"}
    )
    sales_end_at = Instant(
        required=True, allow_none=True, metadata={"description": "When the sale ends; null: at starts_at"}
    )
    waiting_room = fields.Boolean(
        required=True,
        metadata={"description": "Whether a customer's hold needs an admission from the showtime's waiting room"},
    )
    status = fields.String(required=True, validate=validate.OneOf(SHOWTIME_STATUSES))
    cancelled_at = Instant(required=True, allow_none=True)
    cancel_reason = fields.String(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class TicketTypeOutput(Schema):
    """For whom a ticket is, and its price: with a factor on that of the seat, or a fixed one."""

    id = Id(required=True)
    name = fields.String(required=True)
    price_factor = Money(required=True, allow_none=True)
    fixed_price = Money(required=True, allow_none=True)
    position = fields.Integer(required=True)
    active = fields.Boolean(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class ReservedMovieOutput(Schema):
    """The film of a reservation."""

    id = Id(required=True)
    title = fields.String(required=True)


class ReservedAuditoriumOutput(Schema):
    """The auditorium of a reservation."""

    id = Id(required=True)
    name = fields.String(required=True)


class ReservedCinemaOutput(Schema):
    """The cinema of a reservation."""

    id = Id(required=True)
    name = fields.String(required=True)
    timezone = fields.String(required=True, metadata={"description": "IANA name", "examples": ["Europe/Berlin"]})


class ReservedShowtimeOutput(Schema):
    """The showtime of a reservation as it is now."""

    id = Id(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    status = fields.String(required=True, validate=validate.OneOf(SHOWTIME_STATUSES))
    movie = fields.Nested(ReservedMovieOutput(), required=True)
    auditorium = fields.Nested(ReservedAuditoriumOutput(), required=True)
    cinema = fields.Nested(ReservedCinemaOutput(), required=True)


class SeatTicketTypeOutput(Schema):
    """The ticket type of a reserved seat."""

    id = Id(required=True)
    name = fields.String(required=True)


class ReservedSeatOutput(Schema):
    """A seat of a reservation, at the price it was held for."""

    seat_id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    price = Money(required=True)
    ticket_type = fields.Nested(SeatTicketTypeOutput(), required=True)


class CustomerOutput(Schema):
    """Whose a reservation is: an account or a guest."""

    id = Id(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True)


class ReservationOutput(Schema):
    """A hold on seats, or the confirmed, cancelled or expired reservation that it became."""

    id = fields.UUID(required=True)
    code = fields.String(
        required=True,
        validate=validate.Length(8, 8),
        metadata={"description": "For people and the box office: Crockford's base32", "examples": ["7ZK3Q0VD"]},
    )
    showtime_id = Id(required=True)
    showtime = fields.Nested(ReservedShowtimeOutput(), required=True)
    status = fields.String(required=True, validate=validate.OneOf(RESERVATION_STATUSES))
    seats = fields.List(fields.Nested(ReservedSeatOutput()), required=True)
    total_price = Money(required=True)
    currency = fields.String(required=True, metadata=CURRENCY)
    created_at = Instant(required=True)
    expires_at = Instant(
        required=True,
        metadata={
            "description": "When the hold expires or expired; without meaning once confirmed, also late, or cancelled"
        },
    )
    confirmed_at = Instant(required=True, allow_none=True)
    cancelled_at = Instant(required=True, allow_none=True)
    cancelled_by = fields.String(required=True, allow_none=True, validate=validate.OneOf(CANCELLED_BY))
    reference = fields.String(
        required=True, allow_none=True, metadata={"description": "The client's own, as it was given with the hold"}
    )
    metadata = JsonObject(
        required=True, allow_none=True, metadata={"description": "The client's own, as it was given with the hold"}
    )
    late = fields.Boolean(
        required=True, metadata={"description": "Whether it was confirmed after the hold had expired"}
    )
    customer = fields.Nested(
        CustomerOutput(), metadata={"description": "Only in the answer to a hold for a `customer`, by the box office"}
    )


class CustomerReservationOutput(ReservationOutput):
    """A reservation with its customer, for staff and administrators."""

    customer = fields.Nested(CustomerOutput(), required=True)
    cancel_reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Why the box office cancelled it; null if it did not"}
    )


class ReservationChangeOutput(Schema):
    """A change of a reservation's seats."""

    change = fields.String(required=True, validate=validate.OneOf(SEAT_CHANGES))
    changed_by = fields.String(required=True, validate=validate.OneOf(CANCELLED_BY))
    reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Of the box office; null if it gave none"}
    )
    changed_at = Instant(required=True)


class CustomerReservationWithChangesOutput(CustomerReservationOutput):
    """A reservation with its customer and the changes of its seats."""

    changes = fields.List(
        fields.Nested(ReservationChangeOutput()),
        required=True,
        metadata={"description": "Up to 50 changes of its seats, the newest first"},
    )
