"""The ids of a room's seats, and the place of each by its id; consecutive ids are a range, not a tuple and a dict."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

CompactIds: TypeAlias = range | tuple[int, ...]


class Places(Protocol):
    """The place of each seat in the map of its room, by its id."""

    def __getitem__(self, seat_id: int, /) -> int: ...

    def __contains__(self, seat_id: object, /) -> bool: ...

    def __len__(self) -> int: ...

    def known(self, seat_ids: Iterable[int]) -> list[int]:
        """The places of these seats, without those that the room does not have."""
        ...


class ConsecutivePlaces:
    """The places of seats whose ids are consecutive, as those of seats that were made together are."""

    __slots__ = ("_ids",)

    def __init__(self, seat_ids: range) -> None:
        self._ids = seat_ids

    def __getitem__(self, seat_id: int) -> int:
        if seat_id not in self._ids:
            raise KeyError(seat_id)
        return seat_id - self._ids.start

    def __contains__(self, seat_id: object) -> bool:
        return seat_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def known(self, seat_ids: Iterable[int]) -> list[int]:
        """The places of these seats, without those that the room does not have."""
        ids, first = self._ids, self._ids.start
        return [seat_id - first for seat_id in seat_ids if seat_id in ids]


class PlacesById(dict[int, int]):
    """The places of any seats."""

    __slots__ = ()

    def known(self, seat_ids: Iterable[int]) -> list[int]:
        """The places of these seats, without those that the room does not have."""
        return [self[seat_id] for seat_id in seat_ids if seat_id in self]


def compact(seat_ids: Sequence[int]) -> CompactIds:
    """The same ids in the same order: a range if they are consecutive."""
    ids = tuple(seat_ids)
    consecutive = range(ids[0], ids[0] + len(ids)) if ids else range(0)
    return consecutive if ids == tuple(consecutive) else ids


def places_of(seat_ids: CompactIds) -> Places:
    """The place of each of these seats, which are in the order of the map."""
    if isinstance(seat_ids, range):
        return ConsecutivePlaces(seat_ids)
    return PlacesById((seat_id, place) for place, seat_id in enumerate(seat_ids))
