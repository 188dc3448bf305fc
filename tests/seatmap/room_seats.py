"""The seats of a room at its prices."""

from reservation.db.repository.reservation_rows import ReservedSeat
from reservation.seatmap.rooms import Room


def seats_of(room: Room) -> list[ReservedSeat]:
    """All of them, in the order of the map."""
    return [*room.seats_at(range(len(room.places)))]
