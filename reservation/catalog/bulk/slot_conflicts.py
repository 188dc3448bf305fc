"""Which of many showtimes can move to their new slots at once; without a database."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter

ShowtimeId = int

_start, _end = attrgetter("start"), attrgetter("end")


@dataclass(frozen=True, slots=True)
class Slot:
    """An auditorium from `start` until it is free again at `end`, and the showtime that has or is to have it."""

    showtime_id: ShowtimeId
    room: int
    start: datetime
    end: datetime


class Obstacle(StrEnum):
    """Why another showtime, which `line` of the file may move, is in the slot that a showtime shall move to."""

    STAYS = "Showtime {other} has the auditorium at that time."
    MOVED_FIRST = "The showtime of line {line} has the auditorium at that time."
    CANNOT_MOVE = "Showtime {other}, which line {line} cannot move, has the auditorium at that time."


@dataclass(frozen=True, slots=True)
class Conflict:
    """The showtime that keeps another from moving, and why it is there."""

    other: ShowtimeId
    obstacle: Obstacle


class Timetable:
    """Slots that do not overlap; one may begin the instant another ends."""

    def __init__(self) -> None:
        self._rooms: defaultdict[int, list[Slot]] = defaultdict(list)  # by start, and so by end as well

    def overlapping(self, slot: Slot) -> Sequence[Slot]:
        """The slots that overlap this one."""
        taken = self._rooms[slot.room]
        return taken[bisect_right(taken, slot.start, key=_end) : bisect_left(taken, slot.end, key=_start)]

    def add(self, slot: Slot) -> None:
        """Add a slot that overlaps no other."""
        insort(self._rooms[slot.room], slot, key=_start)

    def remove(self, slot: Slot) -> None:
        """Remove a slot."""
        taken = self._rooms[slot.room]
        del taken[bisect_left(taken, slot.start, key=_start)]


def find_conflicts(
    old_slots: Mapping[ShowtimeId, Slot], new_slots: Mapping[ShowtimeId, Slot], blocked: Mapping[ShowtimeId, ShowtimeId]
) -> dict[ShowtimeId, Conflict]:
    """The showtimes that cannot move if all others do. Of two that want one slot, the first gets it.

    `blocked` are those whose new slot overlaps a showtime that is not to move. A showtime that cannot move keeps its
    old slot, which may then keep others from moving.
    """
    conflicts: dict[ShowtimeId, Conflict] = {}
    table = Timetable()
    for showtime_id, slot in new_slots.items():
        if showtime_id in blocked:
            conflicts[showtime_id] = Conflict(blocked[showtime_id], Obstacle.STAYS)
        elif others := table.overlapping(slot):
            conflicts[showtime_id] = Conflict(others[0].showtime_id, Obstacle.MOVED_FIRST)
        else:
            table.add(slot)
    staying = deque(conflicts)
    while staying:
        kept = old_slots[staying.popleft()]
        for slot in table.overlapping(kept):
            table.remove(slot)
            conflicts[slot.showtime_id] = Conflict(kept.showtime_id, Obstacle.CANNOT_MOVE)
            staying.append(slot.showtime_id)
    return conflicts
