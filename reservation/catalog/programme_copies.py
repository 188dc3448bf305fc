"""Copy a cinema's programme: its scheduled showtimes of some days, shifted by whole days of its time zone."""

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ..db.repository import cinemas, showtimes
from ..db.repository.showtimes import Filters, Showtime, ShowtimeInput, Span
from ..errors import DomainError, Invalid
from .context import CatalogContext
from .showtime_batches import Outcomes, Position, add_showtimes

MAX_COPIES = 1000


@dataclass(frozen=True, slots=True)
class ProgrammeCopy:
    """Which days of a cinema to copy, both included, and how many days later."""

    cinema_id: int
    first: date
    last: date
    shift_days: int
    waiting_room: bool | None = None  # of all copies; None: where the original or its film has one


@dataclass(frozen=True, slots=True)
class Copies:
    """The copied showtimes, in the order of their start, and what became of each, by its position among them."""

    originals: list[Showtime]
    outcomes: Outcomes


async def copy_programme(context: CatalogContext, *, wanted: ProgrammeCopy) -> Copies:
    """Copy what can be copied; raises Invalid for an unknown cinema, and for more than MAX_COPIES showtimes."""
    async with context.database.connection() as conn:
        cinema = await cinemas.find_cinema(conn, cinema_id=wanted.cinema_id)
        if cinema is None:
            raise Invalid("/cinema_id", "There is no such cinema.")
        zone = ZoneInfo(cinema.timezone)
        span = Span(_midnight(wanted.first, zone), 0, _midnight(wanted.last + timedelta(days=1), zone))
        only = Filters(statuses=["scheduled"], cinema_id=cinema.id)
        found = [*await showtimes.list_showtimes(conn, span=span, only=only, row_limit=MAX_COPIES + 1)]
    if len(found) > MAX_COPIES:
        raise Invalid("/to", f"These days have more than {MAX_COPIES} showtimes.")
    shifted: dict[Position, ShowtimeInput] = {}
    failed: dict[Position, DomainError] = {}
    for position, showtime in enumerate(found):
        copied = shift(showtime, wanted.shift_days, zone, waiting_room=wanted.waiting_room)
        if copied.on_sale_at is not None and copied.on_sale_at >= (copied.sales_end_at or copied.starts_at):
            failed[position] = Invalid("/on_sale_at", "Must be earlier than the end of the sale.")
        else:
            shifted[position] = copied
    return Copies(found, await add_showtimes(context, wanted=shifted, failed=failed, all_or_nothing=False))


def shift(showtime: Showtime, days: int, zone: ZoneInfo, *, waiting_room: bool | None = None) -> ShowtimeInput:
    """The showtime some days later: its start and the start of its sale at the same time of day, its length unchanged.

    The sale ends as long before or after the start as it did. Unless `waiting_room` says whether it has a waiting
    room, it has one if the original or its film has one.
    """
    starts_at = _later(showtime.starts_at, days, zone)
    copied = {column.name: getattr(showtime, column.name) for column in fields(ShowtimeInput)}
    for name in ("ends_at", "sales_end_at"):
        if copied[name] is not None:
            copied[name] = starts_at + (copied[name] - showtime.starts_at)
    if copied["on_sale_at"] is not None:
        copied["on_sale_at"] = _later(copied["on_sale_at"], days, zone)
    if waiting_room is None:
        waiting_room = showtime.waiting_room or None
    return ShowtimeInput(**copied | {"starts_at": starts_at, "waiting_room": waiting_room})


def _later(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    # Arithmetic within a time zone leaves the time of day as it is, whatever the clocks do in between.
    return (moment.astimezone(zone) + timedelta(days=days)).astimezone(UTC)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
