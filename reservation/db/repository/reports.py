"""Sales and occupancy, summed by PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from ..pool import Connection
from ..statements import sql
from .box_office import CLOCKS_DIFFER, id_at
from .rows import every

# The longest life of a hold that HOLD_MAX_SECONDS allows, whatever it is set to now.
LONGEST_HOLD = timedelta(days=7)
# A day of any time zone begins and ends within a day of its UTC day.
ZONES_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """A period of whole days, the last one included; each is a day of the showtime's cinema."""

    first: date
    last: date

    @property
    def since(self) -> datetime:
        """A time before the first day begins anywhere."""
        return datetime.combine(self.first, time(), UTC) - ZONES_DIFFER

    @property
    def until(self) -> datetime:
        """A time after the last day ends everywhere."""
        return datetime.combine(self.last, time(), UTC) + timedelta(days=1) + ZONES_DIFFER


@dataclass(frozen=True, slots=True)
class SalesRow:
    """What was sold, and what was given back, of one thing; names and `starts_at` are those of the thing."""

    day: date | None
    id: int | None
    channel: str | None
    seats: int
    revenue: Decimal
    refunded_seats: int
    refunds: Decimal
    cinema_id: int | None
    cinema_name: str | None
    movie_title: str | None
    auditorium_name: str | None
    starts_at: datetime | None
    ticket_type_name: str | None


@dataclass(frozen=True, slots=True)
class OccupancyRow:
    """How full the showtimes of one thing are; `no_shows` is None if none has started."""

    day: date | None
    id: int | None
    showtimes: int
    capacity: int
    blocked: int
    sold: int
    held: int
    no_shows: int | None
    cinema_id: int | None
    cinema_name: str | None
    movie_title: str | None
    auditorium_name: str | None
    starts_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShowtimeSalesRow:
    """What was sold and given back of one showtime on a day, of one ticket type, through one channel."""

    day: date
    ticket_type_id: int
    ticket_type_name: str
    channel: str
    seats: int
    revenue: Decimal
    refunded_seats: int
    refunds: Decimal


async def begin(conn: Connection, *, timeout_s: float) -> None:
    """Make the settings of a report's transaction."""
    await conn.execute(sql("reports/begin"), str(int(timeout_s * 1000)))


async def list_sales(
    conn: Connection, *, grouping: str, days: Days, cinema_id: int | None, row_limit: int
) -> Sequence[SalesRow]:
    """Sales by day, cinema, movie, showtime, ticket_type or channel."""
    return await every(
        conn,
        SalesRow,
        "reports/sales",
        grouping,
        days.first,
        days.last,
        cinema_id,
        days.since,
        days.until,
        id_at(days.since - LONGEST_HOLD - CLOCKS_DIFFER),
        id_at(days.until + CLOCKS_DIFFER),
        row_limit,
    )


async def list_occupancy(
    conn: Connection, *, grouping: str, days: Days, cinema_id: int | None, row_limit: int
) -> Sequence[OccupancyRow]:
    """Occupancy of the scheduled showtimes that start on these days, by day, cinema, movie or showtime."""
    period = days.first, days.last, cinema_id, days.since, days.until
    return await every(conn, OccupancyRow, "reports/occupancy", grouping, *period, None, row_limit)


async def find_occupancy(conn: Connection, *, showtime_id: int) -> OccupancyRow | None:
    """Occupancy of one showtime."""
    rows = await every(
        conn, OccupancyRow, "reports/occupancy", "showtime", None, None, None, None, None, showtime_id, 1
    )
    return rows[0] if rows else None


async def list_showtime_sales(conn: Connection, *, showtime_id: int) -> Sequence[ShowtimeSalesRow]:
    """All sales of one showtime."""
    return await every(conn, ShowtimeSalesRow, "reports/showtime_sales", showtime_id)
