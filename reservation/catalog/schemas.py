"""Input schemas of cinemas, movies and showtimes, for HTTP bodies and for rows of CSV files."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from ..db.repository.cinemas import CinemaInput
from ..db.repository.movies import MovieInput
from ..db.repository.showtimes import ShowtimeInput
from ..db.repository.ticket_types import TicketTypeInput
from ..runtime.fields import (
    BoundedInteger,
    Id,
    Input,
    Instant,
    LanguageTag,
    Money,
    ReleaseDay,
    StrictBoolean,
    Text,
    Url,
)
from ..runtime.time_zone_fields import TimeZoneName

MAX_GENRES = 10
MAX_PRICE_FACTOR = Decimal("99.99")
MAX_POSITION = 1_000_000  # ticket_types_position_check
ON_SALE_AT = {"description": "When the sale starts; null: at once", "examples": ["2030-01-01T10:00:00Z"]}
SALES_END_AT = {"description": "When the sale ends; null: at starts_at", "examples": ["2030-01-31T20:15:00Z"]}
WAITING_ROOM = {
    "description": "Whether a customer's hold needs an admission from its waiting room; null: as its movie has it"
}
WAITING_ROOMS = {"description": "Whether showtimes that do not say it themselves have a waiting room"}


class CinemaBody(Input):
    """A cinema."""

    loads_as = CinemaInput
    name = Text(200, required=True)
    address = Text(1000, blank=True, lines=True, load_default="")
    timezone = TimeZoneName(required=True)


class TicketTypeBody(Input):
    """A ticket type: with a factor on the price of the seat, or with a fixed price."""

    loads_as = TicketTypeInput
    name = Text(100, required=True)
    price_factor = Money(
        limit=MAX_PRICE_FACTOR,
        load_default=None,
        allow_none=True,
        metadata={"description": "Price: base_price x price_modifier of the seat x price_factor", "examples": ["0.50"]},
    )
    fixed_price = Money(
        load_default=None,
        allow_none=True,
        metadata={"description": "In place of base_price; price: fixed_price x price_modifier of the seat"},
    )
    position = BoundedInteger(0, MAX_POSITION, load_default=0, metadata={"description": "Lists show lower ones first"})
    active = StrictBoolean(load_default=True, metadata={"description": "Whether holds may ask for it"})

    @validates_schema
    def _one_price(self, data: Mapping[str, Any], **_: object) -> None:
        if (data["price_factor"] is None) is (data["fixed_price"] is None):
            raise ValidationError("Give either price_factor or fixed_price.", "price_factor")


class MovieBody(Input):
    """A movie."""

    loads_as = MovieInput
    title = Text(300, required=True)
    description = Text(10_000, blank=True, lines=True, load_default="")
    duration_minutes = BoundedInteger(1, 1440, required=True)
    poster_url = Url(2000, load_default=None, allow_none=True)
    genre = Text(
        100,
        allow_none=True,
        metadata={"description": "The first of `genres`; sent without them, the only one"},
    )
    genres = fields.List(
        Text(100),
        validate=validate.Length(0, MAX_GENRES),
        metadata={"description": "The most important one first", "examples": [["Drama", "Comedy"]]},
    )
    age_rating = Text(50, load_default=None, allow_none=True, metadata={"examples": ["PG-13"]})
    release_date = ReleaseDay(load_default=None, allow_none=True)
    original_language = LanguageTag(load_default=None, allow_none=True)
    director = Text(300, load_default=None, allow_none=True)
    waiting_room = StrictBoolean(load_default=False, metadata=WAITING_ROOMS)

    @post_load
    def _load_as(self, data: Mapping[str, Any], **rest: object) -> object:
        first = data.get("genre")
        genres = data.get("genres", [] if first is None else [first])
        if "genre" in data and first != next(iter(genres), None):
            raise ValidationError("Must be the first of genres, or be left out.", "genre")
        others = {name: value for name, value in data.items() if name not in ("genre", "genres")}
        return MovieInput(**others, genres=genres)


class ShowtimeBody(Input):
    """A showtime."""

    loads_as = ShowtimeInput
    movie_id = Id(required=True)
    auditorium_id = Id(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True, metadata={"examples": ["2030-01-31T22:00:00Z"]})
    base_price = Money(required=True)
    format = Text(50, load_default=None, allow_none=True, metadata={"examples": ["IMAX 3D"]})
    audio_language = LanguageTag(load_default=None, allow_none=True)
    subtitle_language = LanguageTag(load_default=None, allow_none=True)
    on_sale_at = Instant(load_default=None, allow_none=True, metadata=ON_SALE_AT)
    sales_end_at = Instant(load_default=None, allow_none=True, metadata=SALES_END_AT)
    waiting_room = StrictBoolean(load_default=None, allow_none=True, metadata=WAITING_ROOM)

    @validates_schema
    def _in_order(self, data: Mapping[str, Any], **_: object) -> None:
        if data["ends_at"] <= data["starts_at"]:
            raise ValidationError("Must be later than starts_at.", "ends_at")
        sales_end_at = data["sales_end_at"] or data["starts_at"]
        if sales_end_at > data["ends_at"]:
            raise ValidationError("Must not be later than ends_at.", "sales_end_at")
        if data["on_sale_at"] is not None and data["on_sale_at"] >= sales_end_at:
            raise ValidationError("Must be earlier than the end of the sale.", "on_sale_at")
