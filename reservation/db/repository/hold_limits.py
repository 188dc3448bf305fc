"""The limits on what a user may hold, and have of one showtime."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from ...errors import LimitReached
from ..pool import Connection
from ..statements import sql
from .reservation_rows import ReservedSeat


class HoldLimits(NamedTuple):
    """The most live holds of a user, the most seats in a showtime, or None, and the longest life of a hold.

    And how often a user may have held a seat without confirming it, or None, and for how long such a hold counts.
    """

    most_holds: int | None
    most_seats: int | None
    longest_s: int
    most_unconfirmed: int | None = None
    cooling_s: int = 0


class LimitedHold(NamedTuple):
    """A hold that is to be inserted, and the limits of its user."""

    reservation_id: UUID
    user_id: int
    showtime_id: int
    seats: Sequence[ReservedSeat]
    limits: HoldLimits


Limits = list[int | None]
Columns = tuple[list[UUID], list[int], list[int], list[int], Limits, Limits, int, list[str], Limits, int]


def limit_columns(holds: Iterable[LimitedHold]) -> Columns:
    """The parameters of find_limited: each limit less what earlier holds of the user in the batch may take of it."""
    columns: Columns = ([], [], [], [], [], [], 0, [], [], 0)
    ids, users, showtimes, seats, most_holds, most_seats, longest_s, seat_ids, most_unconfirmed, cooling_s = columns
    earlier_holds, earlier_seats = Counter[int](), Counter[tuple[int, int]]()
    for hold in holds:
        limits, own, there = hold.limits, hold.user_id, (hold.user_id, hold.showtime_id)
        ids.append(hold.reservation_id)
        users.append(own)
        showtimes.append(hold.showtime_id)
        seats.append(len(hold.seats))
        seat_ids.append(as_array([seat.seat_id for seat in hold.seats]))
        most_unconfirmed.append(limits.most_unconfirmed)
        most_holds.append(None if limits.most_holds is None else limits.most_holds - earlier_holds[own])
        most_seats.append(None if limits.most_seats is None else limits.most_seats - earlier_seats[there])
        # An API key's hold has no cooling-off, and may be in a batch with those of customers.
        longest_s, cooling_s = max(longest_s, limits.longest_s), max(cooling_s, limits.cooling_s)
        earlier_holds[own] += 1
        earlier_seats[there] += len(hold.seats)
    return ids, users, showtimes, seats, most_holds, most_seats, longest_s, seat_ids, most_unconfirmed, cooling_s


def as_array(seat_ids: Iterable[int]) -> str:
    """Seats as an array in PostgreSQL's text form."""
    return f"{{{','.join(map(str, seat_ids))}}}"


async def require_room(
    conn: Connection,
    limits: HoldLimits | None,
    *,
    reservation_id: UUID,
    user_id: int,
    showtime_id: int,
    seats: int,
    new: Sequence[int] = (),
) -> None:
    """Raise LimitReached if the user would have too many seats of a showtime, of which the reservation has so many.

    Also if the user held one of the seats that are new to it too often without confirming.
    The user is locked until the end of the transaction, so that holds at the same time are counted one after the other.
    """
    if limits is None or (limits.most_seats is None and limits.most_unconfirmed is None):
        return
    reached = await conn.fetchval(
        sql("reservations/find_limit"),
        reservation_id,
        user_id,
        showtime_id,
        seats,
        limits.most_seats,
        as_array(new),
        limits.most_unconfirmed if new else None,
        limits.cooling_s,
    )
    if reached is not None:
        raise LimitReached(reached)
