"""Which of many showtimes can move to their new slots at once; without a database."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from operator import attrgetter

ShowtimeId = int

_start, _end = attrgetter("start"), attrgetter("end")


@dataclass(frozen=True, slots=True)
class Slot:
    """A room from `start` until it is free again at `end`, and the showtime that has it or shall have it."""

    showtime_id: ShowtimeId
    room: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """A showtime's slot and its new slot."""

    old: Slot
    new: Slot


class Obstacle(Enum):
    """Why another showtime is in the slot that a showtime shall move to."""

    STAYS = "it is not to move"
    MOVED_FIRST = "an earlier move took it"
    CANNOT_MOVE = "it was to move, and cannot"


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


def find_conflicts(moves: Sequence[Move], blocked: Mapping[ShowtimeId, ShowtimeId]) -> dict[ShowtimeId, Conflict]:
    """The showtimes that cannot move if all others do. Of two that want one slot, the first gets it.

    `blocked` are those whose new slot overlaps a showtime that is not to move. A showtime that cannot move keeps its
    old slot, which may then keep others from moving.
    """
    conflicts: dict[ShowtimeId, Conflict] = {}
    table = Timetable()
    for move in moves:
        showtime_id = move.new.showtime_id
        if showtime_id in blocked:
            conflicts[showtime_id] = Conflict(blocked[showtime_id], Obstacle.STAYS)
        elif others := table.overlapping(move.new):
            conflicts[showtime_id] = Conflict(others[0].showtime_id, Obstacle.MOVED_FIRST)
        else:
            table.add(move.new)
    old_slots = {move.old.showtime_id: move.old for move in moves}
    staying = deque(conflicts)
    while staying:
        kept = old_slots[staying.popleft()]
        for slot in table.overlapping(kept):
            table.remove(slot)
            conflicts[slot.showtime_id] = Conflict(kept.showtime_id, Obstacle.CANNOT_MOVE)
            staying.append(slot.showtime_id)
    return conflicts
