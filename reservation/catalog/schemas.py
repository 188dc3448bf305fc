"""Input schemas of movies and showtimes, for HTTP bodies and for rows of CSV files."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, validates_schema

from ..db.repository.movies import MovieInput
from ..db.repository.showtimes import ShowtimeInput
from ..runtime.fields import BoundedInteger, Id, Input, Instant, Money, Text, Url


class MovieBody(Input):
    """A movie."""

    loads_as = MovieInput
    title = Text(300, required=True)
    description = Text(10_000, blank=True, load_default="")
    duration_minutes = BoundedInteger(1, 1440, required=True)
    poster_url = Url(2000, load_default=None, allow_none=True)
    genre = Text(100, load_default=None, allow_none=True)


class ShowtimeBody(Input):
    """A showtime."""

    loads_as = ShowtimeInput
    movie_id = Id(required=True)
    auditorium_id = Id(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True, metadata={"examples": ["2030-01-31T22:00:00Z"]})
    base_price = Money(required=True)

    @validates_schema
    def _ends_after_start(self, data: Mapping[str, Any], **_: object) -> None:
        if data["ends_at"] <= data["starts_at"]:
            raise ValidationError("Must be later than starts_at.", "ends_at")
