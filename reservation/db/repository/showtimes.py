"""Showtimes, and their seats as a customer sees them."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from ..pool import Connection
from ..statements import sql
from .rows import arrays, delete_unused, every, maybe

STATUSES = ("scheduled", "cancelled")
# Columns of a showtime beside its film, room and time, in the order of the statements' parameters.
DETAILS = ("base_price", "format", "audio_language", "subtitle_language", "on_sale_at", "sales_end_at", "waiting_room")
# Bounds of `starts_at` for a list of all showtimes.
FAR_BACK, FAR_AHEAD = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Showtime:
    """One showing of a film in a room."""

    id: int
    movie_id: int
    movie_title: str
    auditorium_id: int
    auditorium_name: str
    cinema_id: int
    starts_at: datetime
    ends_at: datetime
    base_price: Decimal
    format: str | None
    audio_language: str | None
    subtitle_language: str | None
    on_sale_at: datetime | None
    sales_end_at: datetime | None
    waiting_room: bool
    status: str
    cancelled_at: datetime | None
    cancel_reason: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ShowtimeInput:
    """The fields of a showtime that an administrator sets."""

    movie_id: int
    auditorium_id: int
    starts_at: datetime
    ends_at: datetime
    base_price: Decimal
    format: str | None = None
    audio_language: str | None = None
    subtitle_language: str | None = None
    on_sale_at: datetime | None = None  # None: at once
    sales_end_at: datetime | None = None  # None: starts_at
    waiting_room: bool | None = False  # None: as its film has it


@dataclass(frozen=True, slots=True)
class Inserted:
    """An inserted showtime of a batch; no other one of the room has this start."""

    id: int
    auditorium_id: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Overlap:
    """The showtime that overlaps the one at a position of the input, counted from 1."""

    position: int
    showtime_id: int


@dataclass(frozen=True, slots=True)
class ShowtimeLayout:
    """A showtime's room, the version of that room's plan, and the price; and its taken seats, if asked for.

    `booked` has the blocked seats, too. `version` is above all before; the live holds are three columns.
    """

    id: int
    starts_at: datetime
    ends_at: datetime
    on_sale_at: datetime | None
    sales_end_at: datetime
    waiting_room: bool
    status: str
    movie_id: int
    movie_title: str
    auditorium_id: int
    auditorium_name: str
    cinema_id: int
    cinema_name: str
    cinema_timezone: str
    plan_version: int
    base_price: Decimal
    layout_version: int
    focal_row: str | None
    booked: Sequence[int]
    blocked: Sequence[int]
    version: int
    held: Sequence[int]
    holders: Sequence[UUID]
    ttls_ms: Sequence[int]


@dataclass(frozen=True, slots=True)
class SeatCheck:
    """Why a showtime is not on sale, as a problem's code (None: it is), and which of the seats are its room's."""

    sale_refusal: str | None
    on_sale_at: datetime | None
    seat_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class ShowtimePrime:
    """A version above all before, and the live holds as three columns; lives in milliseconds."""

    showtime_id: int
    version: int
    seat_ids: Sequence[int]
    reservation_ids: Sequence[UUID]
    ttls_ms: Sequence[int]


@dataclass(frozen=True, slots=True)
class ChangedShowtime:
    """What has changed of a showtime's map: its seats or prices themselves, and the status of some seats."""

    showtime_id: int
    layout_changed: bool
    seat_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Span:
    """Part of the showtimes in the order of start and id: between two such pairs, both excluded; no start means now."""

    after_start: datetime | None = FAR_BACK
    after_id: int = 0
    before_start: datetime = FAR_AHEAD
    before_id: int = 0
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    """Which showtimes a list has; None: all of them. A day is one of the time zone of the showtime's cinema."""

    statuses: Sequence[str] = STATUSES
    day: date | None = None
    cinema_id: int | None = None
    auditorium_id: int | None = None
    movie_id: int | None = None
    genre: str | None = None
    min_seats_left: int | None = None


async def insert_showtimes(conn: Connection, *, wanted: Sequence[ShowtimeInput], cleaning_s: int) -> Sequence[Inserted]:
    """Insert showtimes in this order, except those that overlap; the caller has locked the rooms and the films."""
    return await every(
        conn,
        Inserted,
        "showtimes/insert_showtimes",
        *arrays(wanted, "movie_id", "auditorium_id", "starts_at", "ends_at"),
        cleaning_s,
        *arrays(wanted, *DETAILS),
    )


async def update_showtime(conn: Connection, *, showtime_id: int, showtime: ShowtimeInput, cleaning_s: int) -> None:
    """Replace everything about a showtime that the caller has locked; raises ShowtimeOverlap and Invalid."""
    place = (showtime.movie_id, showtime.auditorium_id, showtime.starts_at, showtime.ends_at)
    details = (getattr(showtime, name) for name in DETAILS)
    await conn.execute(sql("showtimes/update_showtime"), showtime_id, *place, cleaning_s, *details)


async def lock_showtime(conn: Connection, *, showtime_id: int) -> int | None:
    """Lock a showtime against new reservations; the id of its room, or None when there is no such showtime."""
    auditorium_id: int | None = await conn.fetchval(sql("showtimes/lock_showtime"), showtime_id)
    return auditorium_id


async def with_archived(conn: Connection, *, showtime_ids: Sequence[int]) -> set[int]:
    """Those of the showtimes that have archived reservations."""
    return {row["id"] for row in await conn.fetch(sql("showtimes/with_archived"), showtime_ids)}


async def find_overlap(conn: Connection, *, showtime: ShowtimeInput, cleaning_s: int, except_id: int) -> int | None:
    """The id of a showtime that overlaps this one."""
    found: int | None = await conn.fetchval(
        sql("showtimes/find_overlap"),
        showtime.auditorium_id,
        showtime.starts_at,
        showtime.ends_at,
        cleaning_s,
        except_id,
    )
    return found


async def find_overlaps(conn: Connection, *, wanted: Sequence[ShowtimeInput], cleaning_s: int) -> Sequence[Overlap]:
    """The showtimes that overlap each of these, which are not in the table."""
    return await every(
        conn,
        Overlap,
        "showtimes/find_overlaps",
        [showtime.auditorium_id for showtime in wanted],
        [showtime.starts_at for showtime in wanted],
        [showtime.ends_at for showtime in wanted],
        cleaning_s,
    )


async def find_showtimes(conn: Connection, *, showtime_ids: Sequence[int]) -> Sequence[Showtime]:
    """Those of the showtimes that there are, in any order."""
    return await every(conn, Showtime, "showtimes/find_showtimes", showtime_ids)


async def find_showtime(conn: Connection, *, showtime_id: int) -> Showtime | None:
    """One showtime."""
    return await maybe(conn, Showtime, "showtimes/find_showtime", showtime_id)


async def list_showtimes(conn: Connection, *, span: Span, only: Filters, row_limit: int) -> Sequence[Showtime]:
    """A page of showtimes in the order of their start; `span` says from where, and in which direction."""
    common = (*astuple(span), only.statuses, only.day)
    if only.movie_id is not None or (only.genre is not None and only.cinema_id is None and only.auditorium_id is None):
        rest = (only.movie_id, only.genre, only.cinema_id, only.auditorium_id, row_limit, only.min_seats_left)
        return await every(conn, Showtime, "showtimes/list_showtimes_of_films", *common, *rest)
    if only.cinema_id is not None or only.auditorium_id is not None:
        rest_of_rooms = (only.cinema_id, only.auditorium_id, only.genre, row_limit, only.min_seats_left)
        return await every(conn, Showtime, "showtimes/list_showtimes_of_rooms", *common, *rest_of_rooms)
    return await every(conn, Showtime, "showtimes/list_showtimes", *common, row_limit, only.min_seats_left)


async def list_showtimes_by_price(
    conn: Connection, *, span: Span, only: Filters, after: tuple[Decimal, int], row_limit: int
) -> Sequence[Showtime]:
    """A page of the showtimes of a time in the order of their lowest price, after such a price and id."""
    return await every(
        conn,
        Showtime,
        "showtimes/list_showtimes_by_price",
        span.after_start,
        span.before_start,
        *after,
        only.statuses,
        only.day,
        only.cinema_id,
        only.auditorium_id,
        only.movie_id,
        only.genre,
        only.min_seats_left,
        row_limit,
    )


async def list_open_ids(conn: Connection, *, auditorium_id: int) -> Sequence[int]:
    """The ids of a room's showtimes that are not over."""
    return [row["id"] for row in await conn.fetch(sql("showtimes/list_open_ids"), auditorium_id)]


async def delete_showtime(conn: Connection, *, showtime_id: int) -> None:
    """Remove a showtime that the caller has locked; raises InUse when it was ever reserved."""
    await delete_unused(conn, "showtimes/delete_showtime", showtime_id)


async def layouts(
    conn: Connection, *, showtime_ids: Sequence[int], with_booked: bool, with_holds: bool = False
) -> Sequence[ShowtimeLayout]:
    """What the maps of showtimes are drawn from, besides the plans of their rooms; nothing for an unknown showtime."""
    return await every(conn, ShowtimeLayout, "showtimes/layouts", showtime_ids, with_booked, with_holds)


async def check_seats(conn: Connection, *, showtime_id: int, seat_ids: Sequence[int]) -> SeatCheck | None:
    """Whether a showtime is on sale and which of the seats are in its room; None for an unknown showtime."""
    return await maybe(conn, SeatCheck, "showtimes/check_seats", showtime_id, seat_ids)


async def prime(conn: Connection, *, showtime_ids: Sequence[int]) -> Sequence[ShowtimePrime]:
    """New versions and the live holds, to prime showtimes in Redis with; nothing for an unknown one."""
    return await every(conn, ShowtimePrime, "showtimes/prime", showtime_ids)


async def changed_since(conn: Connection, *, showtime_ids: Sequence[int], since: datetime) -> Sequence[ChangedShowtime]:
    """The showtimes whose maps may lack a change that was committed since a moment; deleted showtimes included."""
    return await every(conn, ChangedShowtime, "showtimes/changed_since", showtime_ids, since)
