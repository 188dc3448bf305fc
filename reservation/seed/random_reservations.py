"""Random reservations: parties on adjacent seats, at the real prices, with a plausible history; without I/O."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from ..db.repository.seed import BookedSeatRow, ReservationRow, RoomSeat, RoomShowtime
from ..db.reservation_ids import CHANCE_BITS, reservation_id_of

BATCH = 10_000  # reservations a transaction; more is hardly faster and takes more memory
PARTY_SIZES = (1, 1, 2, 2, 2, 2, 3, 4)
CONFIRMED, CANCELLED, EXPIRED = 0.90, 0.95, 0.98  # cumulative; the rest are expired holds, not marked yet
HOLD_TTL = timedelta(minutes=10)
BOOKING_WINDOW_MS = 14 * 86_400_000  # reservations are made in the two weeks before `latest`
MAX_ANSWER_S = 590  # confirmed and cancelled within the hold
CENT = Decimal("0.01")
MILLISECOND = timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Prices = dict[Decimal, Decimal]


@dataclass(slots=True)
class Batch:
    """Rows for COPY; all that belongs to a reservation is in the same batch."""

    reservations: list[ReservationRow] = field(default_factory=list)
    booked_seats: list[BookedSeatRow] = field(default_factory=list)
    confirmed: int = 0


class _Random(random.Random):
    """A seeded source: fast and repeatable, which matters here more than being unpredictable."""

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1; five times as fast as randrange, and not quite as uniform."""
        return int(self.random() * bound)

    def reservation_id(self, showtime_id: int, at_ms: int) -> UUID:
        """The id of a reservation that was made in this Unix millisecond."""
        return reservation_id_of(showtime_id, at_ms, self.getrandbits(CHANCE_BITS))


def room_batches(
    *,
    shows: Sequence[RoomShowtime],
    parties: Sequence[int],
    seats: Sequence[RoomSeat],
    user_ids: Sequence[int],
    random_seed: str,
) -> Iterator[Batch]:
    """Reservations for the showtimes of one room, `parties[i]` of them for `shows[i]`, in bounded batches.

    No two share a seat, so `parties[i]` is at most the number of seats. The seed decides everything but the times.
    """
    chance = _Random(random_seed)
    rows = _rows(seats)
    batch = Batch()
    for show, count in zip(shows, parties, strict=True):
        prices = {seat.price_modifier: price(show.base_price, seat.price_modifier) for seat in seats}
        for party in _seat_parties(rows, count, chance):
            _add(batch, chance, show=show, party=party, prices=prices, user_ids=user_ids)
        if len(batch.reservations) >= BATCH:
            yield batch
            batch = Batch()
    if batch.reservations:
        yield batch


def price(base_price: Decimal, modifier: Decimal) -> Decimal:
    """The price of a seat, as PostgreSQL rounds it."""
    return (base_price * modifier).quantize(CENT, ROUND_HALF_UP)


def _rows(seats: Sequence[RoomSeat]) -> list[list[RoomSeat]]:
    rows: dict[str, list[RoomSeat]] = defaultdict(list)
    for seat in seats:
        rows[seat.row_label].append(seat)
    return list(rows.values())


def _seat_parties(rows: list[list[RoomSeat]], count: int, chance: _Random) -> Iterator[list[RoomSeat]]:
    """Seat `count` parties, each on adjacent seats of one row; smaller ones where few seats are left."""
    free = sum(map(len, rows))
    waiting = count
    for row in chance.sample(rows, len(rows)):
        place = 0
        while waiting and place < len(row):
            # Each party that waits needs at least one seat.
            size = min(PARTY_SIZES[chance.below(len(PARTY_SIZES))], free - waiting + 1, len(row) - place)
            yield row[place : place + size]
            place += size
            free -= size
            waiting -= 1


def _add(
    batch: Batch,
    chance: _Random,
    *,
    show: RoomShowtime,
    party: list[RoomSeat],
    prices: Prices,
    user_ids: Sequence[int],
) -> None:
    created_at = show.latest - timedelta(milliseconds=chance.below(BOOKING_WINDOW_MS))
    answered_at = created_at + timedelta(seconds=1 + chance.below(MAX_ANSWER_S))
    reservation_id = chance.reservation_id(show.id, (created_at - EPOCH) // MILLISECOND)
    confirmed_at = cancelled_at = None
    fate = chance.random()
    if fate < CONFIRMED:
        status, confirmed_at = "confirmed", answered_at
        batch.confirmed += 1
        batch.booked_seats += [(show.id, seat.id, reservation_id) for seat in party]
    elif fate < CANCELLED:
        status, cancelled_at = "cancelled", answered_at
    else:
        status = "expired" if fate < EXPIRED else "held"
    paid = [prices[seat.price_modifier] for seat in party]
    batch.reservations.append(
        (
            reservation_id,
            user_ids[chance.below(len(user_ids))],
            show.id,
            status,
            sum(paid, Decimal(0)),
            created_at,
            created_at + HOLD_TTL,
            confirmed_at,
            cancelled_at,
            [seat.id for seat in party],
            [seat.row_label for seat in party],
            [seat.seat_number for seat in party],
            paid,
        )
    )
