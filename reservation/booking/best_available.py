"""Hold the best available seats: choose a block of seats, hold it, and choose again if another request was faster.

The free seats are read once for all requests that wait, and each is offered another block. Another worker may offer the
same blocks; Redis and PostgreSQL decide, as for any hold, and the one that loses chooses again from newer data. A
request that gets no offer waits for the holds of this worker that are in progress: if one fails, its seats may be free.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..db.repository.idempotency import IdempotencyKey
from ..db.repository.reservation_rows import Reservation
from ..errors import DomainError, Invalid, SeatsUnavailable
from ..runtime.batching import Batcher
from ..seatmap.occupancy import Occupancy, read_occupancies
from .admission import require_admission
from .best_seats import Block, FreeSeats
from .context import BookingContext
from .hold import NO_DETAILS, HoldDetails, check_seats, hold

MAX_LOSSES = 10
MAX_OFFERS = 100  # also counts those without a block, which wait for holds that fail each time
MAX_BATCH = 32  # choosing blocks the event loop: some milliseconds in a room of 10,000 seats
# A request that has lost chooses at random among so many of the best blocks, four times as many after each loss: if all
# workers offered the best block, and then the next one, only one of them would win each time.
SPREAD = 4
MAX_SPREAD = 64

SeatIds = tuple[int, ...]


@dataclass(slots=True, eq=False)
class _Request:
    """What a caller wants, the seats it has lost so far, and the block that it is about to hold."""

    showtime_id: int
    quantity: int
    seat_type: str | None
    details: HoldDetails = NO_DETAILS
    lost: set[int] = field(default_factory=set)
    losses: int = 0
    block: SeatIds = ()
    waiters: list["_HoldsInProgress"] = field(default_factory=list)
    has_ended: bool = False

    def finish_block(self, *, failed: bool) -> None:
        """Notify those who wait for this block that it is held, or that its hold failed."""
        for waiter in self.waiters:
            waiter.count(failed=failed)
        self.waiters.clear()


class _HoldsInProgress:
    """The holds of one showtime that were in progress when no block was left to offer."""

    def __init__(self, in_progress: Sequence[_Request]) -> None:
        self._left = len(in_progress)
        self._any_failed = False
        self._outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        for request in in_progress:
            request.waiters.append(self)
        if not in_progress:
            self._outcome.set_result(False)

    def count(self, *, failed: bool) -> None:
        """Count one that has ended."""
        self._left -= 1
        self._any_failed |= failed
        if not self._left:
            self._outcome.set_result(self._any_failed)

    async def any_failed(self) -> bool:
        """Wait for all of them; whether one failed, so that its seats may be free."""
        return await asyncio.shield(self._outcome)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A showtime's free seats, and the least quantity of each seat type of which there is no block."""

    free: FreeSeats
    too_many: dict[str | None, int] = field(default_factory=dict)


class BestAvailable:
    """Holds the best seats of showtimes; concurrent requests of one worker are offered different blocks."""

    def __init__(self, context: BookingContext) -> None:
        self._context = context
        self._requests: defaultdict[int, set[_Request]] = defaultdict(set)
        self._held: list[_Request] = []  # since the last read began, which may not have seen them
        # One lane: a second read could not know which of the two has seen a hold that was made in between.
        self._offers: Batcher[_Request, SeatIds | _HoldsInProgress] = Batcher(
            self._offer_all, max_batch=MAX_BATCH, name="best_available"
        )

    async def hold(
        self,
        *,
        user_id: int,
        showtime_id: int,
        quantity: int,
        seat_type: str | None,
        details: HoldDetails = NO_DETAILS,
        idempotency_key: IdempotencyKey | None = None,
    ) -> Reservation:
        """Hold the best `quantity` adjacent seats, of a type if one is given.

        The ticket types are given to the seats from left to right. Raises what hold() raises; SeatsUnavailable without
        seats if no row has so many adjacent free seats, or if other requests were faster MAX_LOSSES times; Invalid
        if the auditorium has no seats of the type.
        """
        request = _Request(showtime_id, quantity, seat_type, details)
        self._requests[showtime_id].add(request)
        try:
            return await self._hold(user_id, request, idempotency_key)
        finally:
            request.has_ended = True
            request.finish_block(failed=True)  # unless it is finished: then there are no waiters
            self._requests[showtime_id].discard(request)
            if not self._requests[showtime_id]:
                del self._requests[showtime_id]

    async def _hold(self, user_id: int, request: _Request, idempotency_key: IdempotencyKey | None) -> Reservation:
        layout = self._context.layouts.known(request.showtime_id)
        if layout is not None and layout.sale.waiting_room:  # before the seats are read; hold() looks again
            await require_admission(self._context, layout, request.details.admission)
        for _ in range(MAX_OFFERS):
            await self._context.ticket_types.choose(request.details.tickets)  # before a seat is lost to a wrong type
            offer = await self._offers.submit(request)
            if isinstance(offer, _HoldsInProgress):
                if await offer.any_failed():
                    continue
                break
            held = await self._hold_block(user_id, request, idempotency_key)
            if held is not None:
                return held
            if request.losses == MAX_LOSSES:
                raise SeatsUnavailable("Others were quicker each time: try again, or choose seats from the seat map.")
        # For a showtime that is not on sale, that is the reason to give.
        await check_seats(self._context, request.showtime_id, ())
        self._require_known_type(request)
        raise SeatsUnavailable(_none_left(request))

    def _require_known_type(self, request: _Request) -> None:
        """Raise Invalid if the auditorium has no seats of the type at all: it is not that others have them."""
        layout = self._context.layouts.known(request.showtime_id)
        if request.seat_type is not None and layout is not None:
            types = {kind for row in layout.room.rows for kind in row.types}
            if request.seat_type not in types:
                known = f": it has {', '.join(sorted(types))}" if types else ""
                raise Invalid("/seat_type", f"The auditorium has no seats of this type{known}.")

    async def _hold_block(
        self, user_id: int, request: _Request, idempotency_key: IdempotencyKey | None
    ) -> Reservation | None:
        """Hold the offered block; None if one of its seats is not available."""
        try:
            held = await hold(
                self._context,
                user_id=user_id,
                showtime_id=request.showtime_id,
                seat_ids=request.block,
                details=request.details,
                idempotency_key=idempotency_key,
            )
        except SeatsUnavailable as error:
            request.lost |= error.seat_ids
        except Invalid:
            request.lost.update(request.block)  # an administrator has deleted one of them meanwhile
        else:
            self._held.append(request)
            request.finish_block(failed=False)
            return held
        request.losses += 1
        request.block = ()
        request.finish_block(failed=True)
        return None

    async def _offer_all(self, requests: Sequence[_Request]) -> Sequence[SeatIds | _HoldsInProgress | Exception]:
        """A block for each, all of them different; where there is none, the holds in progress."""
        self._held.clear()
        showtime_ids = list(dict.fromkeys(request.showtime_id for request in requests))
        context = self._context
        seen = await read_occupancies(context.database, context.holds, context.layouts, showtime_ids)
        choices = {
            showtime_id: each if isinstance(each, DomainError) else self._choice(each)
            for showtime_id, each in zip(showtime_ids, seen, strict=True)
        }
        offers = [_offer(request, choices[request.showtime_id]) for request in requests]
        without = {request.showtime_id for request, offer in zip(requests, offers, strict=True) if offer == ()}
        in_progress = {
            each: _HoldsInProgress([request for request in self._requests.get(each, ()) if request.block])
            for each in without
        }
        return [
            in_progress[request.showtime_id] if offer == () else offer
            for request, offer in zip(requests, offers, strict=True)
        ]

    def _choice(self, seen: Occupancy) -> _Choice:
        taken = {*seen.held, *seen.booked}
        taken.update(*self._offered(seen.showtime_id))
        return _Choice(FreeSeats.of(seen.room.rows, seen.layout.venue.focal_row, taken))

    def _offered(self, showtime_id: int) -> Iterator[SeatIds]:
        """The blocks that this worker is about to hold, or has held since the read began."""
        for request in (*self._requests.get(showtime_id, ()), *self._held):
            if request.showtime_id == showtime_id:
                yield request.block


def _offer(request: _Request, choice: _Choice | DomainError) -> SeatIds | DomainError:
    """Choose a block for one request, and remove it from the free seats."""
    if isinstance(choice, DomainError):
        return choice
    too_many = choice.too_many.get(request.seat_type)
    if request.has_ended or (too_many is not None and request.quantity >= too_many):
        return ()  # ended: the caller was cancelled during the read
    blocks = _best_blocks(request, choice)
    if blocks:
        block = random.choice(blocks)  # noqa: S311 - spreads callers over equal blocks; no secret
        request.block = block.seat_ids
        choice.free.take(block)
    else:
        choice.too_many[request.seat_type] = request.quantity
    return request.block


def _best_blocks(request: _Request, choice: _Choice) -> list[Block]:
    """The best blocks; those with seats that the request has lost only if there are no others.

    A lost seat may be free again, since the data is newer than the loss. Or it only seems free, and is lost again.
    """
    most = min(SPREAD**request.losses, MAX_SPREAD)
    if request.lost:
        blocks = choice.free.without(request.lost).best(request.quantity, request.seat_type, most)
        if blocks:
            return blocks
    return choice.free.best(request.quantity, request.seat_type, most)


def _none_left(request: _Request) -> str:
    kind = "" if request.seat_type is None else f"{request.seat_type} "
    if request.quantity == 1:
        return f"No {kind}seat is available."
    return (
        f"No {request.quantity} adjacent {kind}seats are available: ask for fewer, or choose seats from the seat map."
    )
