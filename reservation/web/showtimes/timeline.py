"""A day of a cinema as a drawing: a row for each room, a block for each showtime with its cleaning time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

FIRST_HOUR = 9  # where the drawing begins, if no showtime does so before
MINUTE_PX = 1.4
HEAD_PX, ROW_PX, BLOCK_PX = 28, 84, 50
BLOCK_TOP_PX = ROW_PX - BLOCK_PX - 6
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Slot:
    """When a showtime has its room: until free_at, when the room has been cleaned. `id` is None for one not saved."""

    id: int | None
    room_id: int
    title: str
    starts_at: datetime
    ends_at: datetime
    free_at: datetime


@dataclass(frozen=True, slots=True)
class Block:
    """A slot in the drawing, in pixels."""

    slot: Slot
    x: float
    width: float
    cleaning_width: float
    is_marked: bool
    is_conflict: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A room in the drawing."""

    room: Mapping[str, Any]
    y: int
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The drawing of a day; `hours` are the full hours with their positions."""

    width: float
    height: int
    hours: Sequence[tuple[float, datetime]]
    rows: Sequence[Row]


def slot_of(showtime: Mapping[str, Any], cleaning_s: int) -> Slot:
    """The slot of a showtime of the API."""
    starts_at, ends_at = (datetime.fromisoformat(showtime[name]) for name in ("starts_at", "ends_at"))
    free_at = ends_at + timedelta(seconds=cleaning_s)
    return Slot(showtime["id"], showtime["auditorium_id"], showtime["movie_title"], starts_at, ends_at, free_at)


def conflicts_of(wanted: Slot, others: Iterable[Slot]) -> list[Slot]:
    """The slots that overlap the wanted one in its room, earliest first."""
    found = [
        other
        for other in others
        if other.room_id == wanted.room_id
        and other.id != wanted.id
        and other.starts_at < wanted.free_at
        and wanted.starts_at < other.free_at
    ]
    return sorted(found, key=lambda slot: slot.starts_at)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins in a time zone."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def timeline_of(
    day: date,
    zone: ZoneInfo,
    rooms: Iterable[Mapping[str, Any]],
    slots: Iterable[Slot],
    *,
    marked: Slot | None = None,
) -> Timeline:
    """The drawing of a day, with one slot marked, and those that it overlaps."""
    begin, end = midnight(day, zone), midnight(day + timedelta(days=1), zone)
    shown = [slot for slot in slots if slot.free_at > begin and slot.starts_at < end]
    if marked is not None:
        shown = [slot for slot in shown if slot.id is None or slot.id != marked.id] + [marked]
    first = max(begin, min([begin + FIRST_HOUR * HOUR, *(slot.starts_at for slot in shown)]))
    first = begin + (first - begin) // HOUR * HOUR
    last = max([end, *(slot.free_at for slot in shown if slot.starts_at < end)])
    overlapped = conflicts_of(marked, shown) if marked is not None else []

    def x(moment: datetime) -> float:
        return round(max(moment - first, timedelta()) / timedelta(minutes=1) * MINUTE_PX, 1)

    def block(slot: Slot) -> Block:
        begins, ends = x(slot.starts_at), x(slot.ends_at)
        return Block(slot, begins, ends - begins, x(slot.free_at) - ends, slot is marked, slot in overlapped)

    rows = [
        Row(room, HEAD_PX + index * ROW_PX, [block(slot) for slot in shown if slot.room_id == room["id"]])
        for index, room in enumerate(rooms)
    ]
    hours = [(x(first + count * HOUR), first + count * HOUR) for count in range(-(-(last - first) // HOUR))]
    return Timeline(x(last), HEAD_PX + ROW_PX * len(rows), hours, rows)
