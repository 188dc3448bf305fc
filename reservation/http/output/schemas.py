"""Response schemas and choices that several operations share. They document; responses are not validated by them."""

from marshmallow import Schema, fields, validate

from ...runtime.fields import Id, Instant, Money, ReleaseDay

ROLES = ("user", "staff", "admin")
SEAT_TYPE = {"description": "regular, premium, wheelchair, companion, or another", "examples": ["regular"]}
# Of a seat in the drawing of its room.
POSITION: dict[str, dict[str, object]] = {
    "x": {"description": "Position from left to right, facing the screen; null where none is given", "examples": [5]},
    "y": {"description": "Position from the screen to the back; null where none is given", "examples": [1]},
}
SEAT_STATUSES = ("available", "held", "booked")
SHOWTIME_STATUSES = ("scheduled", "cancelled")
LANGUAGE = {"description": "Language tag (BCP 47)", "examples": ["en"]}
CURRENCY = {"description": "ISO 4217 code", "examples": ["USD"]}
RESERVATION_STATUSES = ("held", "confirmed", "cancelled", "expired")


class UserOutput(Schema):
    """An account."""

    id = Id(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True)
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    created_at = Instant(required=True)


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
    status = fields.String(required=True, validate=validate.OneOf(SHOWTIME_STATUSES))
    cancelled_at = Instant(required=True, allow_none=True)
    cancel_reason = fields.String(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class ReservedSeatOutput(Schema):
    """A seat of a reservation, at the price it was held for."""

    seat_id = Id(required=True)
    row_label = fields.String(required=True)
    seat_number = fields.Integer(required=True)
    price = Money(required=True)


class ReservationOutput(Schema):
    """A hold on seats, or the confirmed, cancelled or expired reservation that it became."""

    id = fields.UUID(required=True)
    showtime_id = Id(required=True)
    status = fields.String(required=True, validate=validate.OneOf(RESERVATION_STATUSES))
    seats = fields.List(fields.Nested(ReservedSeatOutput()), required=True)
    total_price = Money(required=True)
    created_at = Instant(required=True)
    expires_at = Instant(
        required=True, metadata={"description": "When the hold expires; without meaning in other statuses"}
    )
