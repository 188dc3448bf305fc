"""The limits on what a user may hold, and have of one showtime."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from ...errors import LimitReached
from ..pool import Connection
from ..statements import sql


class HoldLimits(NamedTuple):
    """The most live holds of a user, the most seats in a showtime, or None, and the longest life of a hold."""

    most_holds: int | None
    most_seats: int | None
    longest_s: int


class LimitedHold(NamedTuple):
    """A hold that is to be inserted, and the limits of its user."""

    reservation_id: UUID
    user_id: int
    showtime_id: int
    seats: int
    limits: HoldLimits


Columns = tuple[list[UUID], list[int], list[int], list[int], list[int | None], list[int | None], int]


def limit_columns(holds: Iterable[LimitedHold]) -> Columns:
    """The parameters of find_limited: each limit less what earlier holds of the user in the batch may take of it."""
    columns: Columns = ([], [], [], [], [], [], 0)
    ids, users, showtimes, seats, most_holds, most_seats, longest_s = columns
    earlier_holds, earlier_seats = Counter[int](), Counter[tuple[int, int]]()
    for hold in holds:
        limits, own, there = hold.limits, hold.user_id, (hold.user_id, hold.showtime_id)
        ids.append(hold.reservation_id)
        users.append(own)
        showtimes.append(hold.showtime_id)
        seats.append(hold.seats)
        most_holds.append(None if limits.most_holds is None else limits.most_holds - earlier_holds[own])
        most_seats.append(None if limits.most_seats is None else limits.most_seats - earlier_seats[there])
        longest_s = limits.longest_s
        earlier_holds[own] += 1
        earlier_seats[there] += hold.seats
    return ids, users, showtimes, seats, most_holds, most_seats, longest_s


async def require_room(
    conn: Connection,
    limits: HoldLimits | None,
    *,
    reservation_id: UUID,
    user_id: int,
    showtime_id: int,
    seats: int,
) -> None:
    """Raise LimitReached if the user would have too many seats of a showtime, of which the reservation has so many.

    The user is locked until the end of the transaction, so that holds at the same time are counted one after the other.
    """
    if limits is None or limits.most_seats is None:
        return
    reached = await conn.fetchval(
        sql("reservations/find_limit"), reservation_id, user_id, showtime_id, seats, limits.most_seats
    )
    if reached is not None:
        raise LimitReached(reached)
