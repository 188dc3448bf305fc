"""Filters and order of the lists of showtimes."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from ...db.repository.showtimes import FAR_AHEAD, FAR_BACK, STATUSES, Filters, Span
from ...runtime.fields import MAX_ID, Day, Instant, IntegerParameter, Text
from ...runtime.instants import parse_instant
from ...runtime.time_zone_fields import TimeZone
from ..paging import Cursor, PageQuery

BY_PRICE = "price_from"
MAX_SEATS_LEFT = 2**31 - 1
ORDERS = ("starts_at", "-starts_at", BY_PRICE)
# The time zones in which a day begins first and last.
FIRST_MIDNIGHT, LAST_MIDNIGHT = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


class ShowtimesCursor(Cursor):
    """A start and an id, or in a list by price a price and an id."""

    def __init__(self) -> None:
        super().__init__(str, int)

    def _deserialize(self, *args: Any, **rest: Any) -> tuple[Any, ...]:
        first, last_id = super()._deserialize(*args, **rest)
        try:
            if re.fullmatch(r"\d{1,10}\.\d\d", first, re.ASCII):
                return Decimal(first), last_id
            return parse_instant(first), last_id
        except ValueError:
            raise ValidationError("Not a cursor of this list: use next_cursor as you got it.") from None


class AnyShowtimesQuery(PageQuery):
    """Filters of every list of showtimes."""

    cursor = ShowtimesCursor()
    cinema_id = IntegerParameter(1, MAX_ID, metadata={"description": "Only showtimes in this cinema"})
    auditorium_id = IntegerParameter(1, MAX_ID, metadata={"description": "Only showtimes in this auditorium"})
    date = Day(metadata={"description": "Showtimes that start on this day, one of the cinema's time zone"})
    tz = TimeZone(metadata={"description": "Time zone of `date`, as an IANA name, in place of the cinemas'"})
    start = Instant(data_key="from", metadata={"description": "Showtimes that start then or later"})
    end = Instant(data_key="to", metadata={"description": "Showtimes that start before"})
    sort = fields.String(
        validate=validate.OneOf(ORDERS),
        load_default="starts_at",
        metadata={"description": "Earliest first, latest first, or the lowest price first; a cursor is for one order"},
    )
    min_seats_left = IntegerParameter(
        1, MAX_SEATS_LEFT, metadata={"description": "Only showtimes with so many seats left, up to 5 seconds ago"}
    )

    @validates_schema
    def _tz_of_a_date(self, data: Mapping[str, Any], **_: object) -> None:
        if "tz" in data and "date" not in data:
            raise ValidationError("Is the time zone of date, which is not given.", "tz")

    @validates_schema
    def _same_order(self, data: Mapping[str, Any], **_: object) -> None:
        cursor = data.get("cursor")
        if cursor is not None and isinstance(cursor[0], Decimal) is not (data["sort"] == BY_PRICE):
            raise ValidationError("Not a cursor of a list in this order.", "cursor")


class MovieShowtimesQuery(AnyShowtimesQuery):
    """Filters of a movie's showtimes; without `date` and `from`, those that have not started."""

    status = fields.String(validate=validate.OneOf(STATUSES), load_default="scheduled")


class ShowtimesQuery(MovieShowtimesQuery):
    """Filters of the showtimes; without `date` and `from`, those that have not started."""

    movie_id = IntegerParameter(1, MAX_ID, metadata={"description": "Only showtimes of this movie"})
    genre = Text(100, metadata={"description": "Only movies with this genre; case and accents do not matter"})


class AdminShowtimesQuery(AnyShowtimesQuery):
    """Filters of the showtimes, which include past and cancelled ones."""

    status = fields.String(validate=validate.OneOf(STATUSES), metadata={"description": "Both if not given"})
    movie_id = IntegerParameter(1, MAX_ID, metadata={"description": "Only showtimes of this movie"})
    genre = Text(100, metadata={"description": "Only movies with this genre; case and accents do not matter"})


def filters_of(query: Mapping[str, Any], *, movie_id: int | None = None) -> Filters:
    """What a query asks for; `movie_id` is that of the path."""
    return Filters(
        statuses=[query["status"]] if "status" in query else STATUSES,
        day=None if "tz" in query else query.get("date"),
        cinema_id=query.get("cinema_id"),
        auditorium_id=query.get("auditorium_id"),
        movie_id=query.get("movie_id", movie_id),
        genre=query.get("genre"),
        min_seats_left=query.get("min_seats_left"),
    )


def span_of(query: Mapping[str, Any], *, past: bool = False) -> Span:
    """The times that a query asks for, and where its page begins; without a time: from now, or with `past` from ever.

    A cursor from another list does not lead out of these times.
    """
    starts = [query["start"]] if "start" in query else []
    ends = [query["end"]] if "end" in query else []
    if "date" in query:
        first, last = _day(query["date"], query.get("tz"))
        starts.append(first)
        ends.append(last)
    after: datetime | None = max(starts) if starts else FAR_BACK if past else None
    low, high = (after, 0), (min(ends, default=FAR_AHEAD), 0)
    cursor: tuple[datetime, int] | None = None if query["sort"] == BY_PRICE else query.get("cursor")
    descending = query["sort"] == "-starts_at"
    if cursor is not None and descending:
        high = min(cursor, high)
    elif cursor is not None:
        low = cursor if after is None else max(cursor, (after, 0))
    return Span(*low, *high, descending)


def _day(day: date, zone: Any) -> tuple[datetime, datetime]:
    """The bounds of a day in a time zone; without one, those of the day in every time zone."""
    begin, end = (zone, zone) if zone is not None else (FIRST_MIDNIGHT, LAST_MIDNIGHT)
    return (
        datetime.combine(day, time(), begin).astimezone(UTC),
        datetime.combine(day + timedelta(days=1), time(), end).astimezone(UTC),
    )
