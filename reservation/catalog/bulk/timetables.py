"""Which of many showtimes can have the places that they are to get; knows no database."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

Owner = int  # the id of a showtime

_start, _end = attrgetter("start"), attrgetter("end")


@dataclass(frozen=True, slots=True)
class Place:
    """A room from `start` until it is free again at `end`, and who has it or is to have it."""

    owner: Owner
    room: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """Where a showtime is, and where it is to go."""

    old: Place
    new: Place


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who is in the way of a move; `by` says how: it never moves, it moves there first, or it was refused itself."""

    other: Owner
    by: str


class Timetable:
    """Places that do not overlap; one may begin the instant another ends."""

    def __init__(self) -> None:
        # By start, and so by end, too.
        self._rooms: defaultdict[int, list[Place]] = defaultdict(list)

    def overlapping(self, place: Place) -> Sequence[Place]:
        """The places of which this one would take a part."""
        taken = self._rooms[place.room]
        return taken[bisect_right(taken, place.start, key=_end) : bisect_left(taken, place.end, key=_start)]

    def add(self, place: Place) -> None:
        """Put in a place that overlaps no other."""
        insort(self._rooms[place.room], place, key=_start)

    def remove(self, place: Place) -> None:
        """Take one out again."""
        taken = self._rooms[place.room]
        del taken[bisect_left(taken, place.start, key=_start)]


def refusals(moves: Sequence[Move], blocked: Mapping[Owner, Owner]) -> dict[Owner, Refusal]:
    """Those that cannot move if all others do; of two that want one place, the first has it.

    `blocked` are those in whose way somebody is who never moves. Who is refused stays, and may be in the way in turn.
    """
    refused: dict[Owner, Refusal] = {}
    table = Timetable()
    for move in moves:
        owner = move.new.owner
        if owner in blocked:
            refused[owner] = Refusal(blocked[owner], "there")
        elif others := table.overlapping(move.new):
            refused[owner] = Refusal(others[0].owner, "first")
        else:
            table.add(move.new)
    homes = {move.old.owner: move.old for move in moves}
    staying = deque(refused)
    while staying:
        home = homes[staying.popleft()]
        for place in table.overlapping(home):
            table.remove(place)
            refused[place.owner] = Refusal(home.owner, "refused")
            staying.append(place.owner)
    return refused
