"""The ids of a room's seats, and the place of each by its id; consecutive ids are a range, not a tuple and a dict."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

CompactIds: TypeAlias = range | tuple[int, ...]


class Places(Protocol):
    """The place of each seat in the map of its room, by its id."""

    def __getitem__(self, seat_id: int, /) -> int: ...

    def __contains__(self, seat_id: object, /) -> bool: ...

    def __len__(self) -> int: ...

    def get(self, seat_id: int, /) -> int | None:
        """The place of a seat; None if the room does not have it."""
        ...


class ConsecutivePlaces:
    """The places of seats whose ids are consecutive, as those of seats that were made together are."""

    __slots__ = ("_count", "_first", "_ids")

    def __init__(self, seat_ids: range) -> None:
        self._ids, self._first, self._count = seat_ids, seat_ids.start, len(seat_ids)

    def __getitem__(self, seat_id: int) -> int:
        place = seat_id - self._first
        if 0 <= place < self._count:
            return place
        raise KeyError(seat_id)

    def __contains__(self, seat_id: object) -> bool:
        return seat_id in self._ids

    def __len__(self) -> int:
        return self._count

    def get(self, seat_id: int) -> int | None:
        """The place of a seat; None if the room does not have it."""
        place = seat_id - self._first
        return place if 0 <= place < self._count else None


def compact(seat_ids: Sequence[int]) -> CompactIds:
    """The same ids in the same order: a range if they are consecutive."""
    found = range(seat_ids[0], seat_ids[0] + len(seat_ids)) if seat_ids else range(0)
    ids = tuple(seat_ids)
    return found if ids == tuple(found) else ids


def places_of(seat_ids: CompactIds) -> Places:
    """The place of each of these seats, which are in the order of the map."""
    if isinstance(seat_ids, range):
        return ConsecutivePlaces(seat_ids)
    return {seat_id: place for place, seat_id in enumerate(seat_ids)}
