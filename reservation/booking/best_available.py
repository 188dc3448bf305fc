"""Holding the best available seats: choose a block, hold it, and choose again when somebody else was quicker.

What is free is read for all who ask at once, and they are offered different blocks. Another worker may offer the same
ones; Redis and PostgreSQL decide, as for any hold, and whoever loses chooses again from a fresh picture. Those for whom
nothing was left wait for the holds of this worker that are under way: when one of them fails, its seats may be free.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..db.repository.idempotency import Claim
from ..db.repository.reservations import Reservation
from ..errors import DomainError, Invalid, SeatsUnavailable
from ..runtime.batching import Batcher
from ..seatmap.occupancy import Occupancy, read_occupancies
from .best_seats import Block, FreeSeats
from .context import BookingContext
from .hold import check_seats, hold

TRIES = 10
MAX_LOOKS = 100  # also of those who are offered nothing, and wait for holds that fail each time
MAX_IN_A_BATCH = 32  # nobody else has a turn while they choose: some milliseconds in a hall of 10,000 seats
# From how many of the best blocks a caller who lost chooses by chance: workers that all offer the best one, and then
# all the next, would let one of them win each time. Four times as many with each loss.
SPREAD = 4
MAX_SPREAD = 64

Seats = tuple[int, ...]


@dataclass(slots=True, eq=False)
class _Wish:
    """What a caller asks for, the seats it has lost so far, and the block that it is about to hold."""

    showtime_id: int
    quantity: int
    seat_type: str | None
    lost: set[int] = field(default_factory=set)
    losses: int = 0
    block: Seats = ()
    rounds: list["_Round"] = field(default_factory=list)  # who waits for what becomes of it
    is_over: bool = False

    def settle(self, *, failed: bool) -> None:
        """Tell those who wait that the block is held, or will not be."""
        for waited in self.rounds:
            waited.count(failed=failed)
        self.rounds.clear()


class _Round:
    """The holds of a showtime that were under way after a look."""

    def __init__(self, under_way: Sequence[_Wish]) -> None:
        self._left = len(under_way)
        self._any_failed = False
        self._outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        for wish in under_way:
            wish.rounds.append(self)
        if not under_way:
            self._outcome.set_result(False)

    def count(self, *, failed: bool) -> None:
        """One of them has ended."""
        self._left -= 1
        self._any_failed |= failed
        if not self._left:
            self._outcome.set_result(self._any_failed)

    async def any_failed(self) -> bool:
        """Wait for all of them; whether a seat may be free that was not."""
        return await asyncio.shield(self._outcome)


@dataclass(frozen=True, slots=True)
class _Picture:
    """A showtime's free seats, and the least quantity of a type that was not to be had."""

    free: FreeSeats
    nothing: dict[str | None, int] = field(default_factory=dict)


class BestAvailable:
    """Holds the best seats of showtimes; concurrent callers of one process are offered different ones."""

    def __init__(self, context: BookingContext) -> None:
        self._context = context
        self._wishes: defaultdict[int, set[_Wish]] = defaultdict(set)
        self._granted: list[_Wish] = []  # since the last look was begun, which may not have seen them
        # One look at a time: a second would have to know which of the two has seen what was granted in between.
        self._looks: Batcher[_Wish, Seats | _Round] = Batcher(self._look, max_batch=MAX_IN_A_BATCH)

    async def hold(
        self,
        *,
        user_id: int,
        showtime_id: int,
        quantity: int,
        seat_type: str | None,
        claim: Claim | None = None,
    ) -> Reservation:
        """Hold the best `quantity` adjacent seats, of a type if one is given.

        Raises NotFound (the showtime), ShowtimeStarted, and SeatsUnavailable, which names no seats: no row has so many
        adjacent ones left, or others were quicker TRIES times; under a claim KeyClaimed and IdempotencyInFlight.
        """
        wish = _Wish(showtime_id, quantity, seat_type)
        self._wishes[showtime_id].add(wish)
        try:
            return await self._hold(user_id, wish, claim)
        finally:
            wish.is_over = True
            wish.settle(failed=True)  # unless it is settled: then nobody waits
            self._wishes[showtime_id].discard(wish)
            if not self._wishes[showtime_id]:
                del self._wishes[showtime_id]

    async def _hold(self, user_id: int, wish: _Wish, claim: Claim | None) -> Reservation:
        for _ in range(MAX_LOOKS):
            found = await self._looks.submit(wish)
            if isinstance(found, _Round):
                if await found.any_failed():
                    continue
                break
            held = await self._try(user_id, wish, claim)
            if held is not None:
                return held
            if wish.losses == TRIES:
                raise SeatsUnavailable("Others were quicker each time: try again, or choose seats from the seat map.")
        # To a showtime that has started nothing else matters.
        await check_seats(self._context, wish.showtime_id, ())
        raise SeatsUnavailable(_none_left(wish))

    async def _try(self, user_id: int, wish: _Wish, claim: Claim | None) -> Reservation | None:
        """Hold the block that was chosen; None when one of its seats cannot be had."""
        try:
            held = await hold(
                self._context,
                user_id=user_id,
                showtime_id=wish.showtime_id,
                seat_ids=wish.block,
                claim=claim,
            )
        except SeatsUnavailable as error:
            wish.lost |= error.seat_ids
        except Invalid:
            wish.lost.update(wish.block)  # an administrator has removed one of them meanwhile
        else:
            self._granted.append(wish)
            wish.settle(failed=False)
            return held
        wish.losses += 1
        wish.block = ()
        wish.settle(failed=True)
        return None

    async def _look(self, wishes: Sequence[_Wish]) -> Sequence[Seats | _Round | Exception]:
        """A block for each, all of them different; where there is none, what is under way."""
        self._granted.clear()
        showtime_ids = list(dict.fromkeys(wish.showtime_id for wish in wishes))
        context = self._context
        found = await read_occupancies(context.database, context.holds, context.layouts, showtime_ids)
        pictures = {
            showtime_id: one if isinstance(one, DomainError) else self._picture(one)
            for showtime_id, one in zip(showtime_ids, found, strict=True)
        }
        offers = [_offer(wish, pictures[wish.showtime_id]) for wish in wishes]
        refused = {wish.showtime_id for wish, offer in zip(wishes, offers, strict=True) if offer == ()}
        rounds = {each: _Round([wish for wish in self._wishes.get(each, ()) if wish.block]) for each in refused}
        return [rounds[wish.showtime_id] if offer == () else offer for wish, offer in zip(wishes, offers, strict=True)]

    def _picture(self, seen: Occupancy) -> _Picture:
        taken = {*seen.held, *seen.booked}
        taken.update(*self._offered(seen.showtime_id))
        return _Picture(FreeSeats.of(seen.room.rows, seen.layout.focal_row, taken))

    def _offered(self, showtime_id: int) -> Iterator[Seats]:
        """The blocks that this process is about to hold, or has held too late for the look to have seen it."""
        for wish in (*self._wishes.get(showtime_id, ()), *self._granted):
            if wish.showtime_id == showtime_id:
                yield wish.block


def _offer(wish: _Wish, picture: _Picture | DomainError) -> Seats | DomainError:
    """Choose for one caller, and take the block out of the picture for the next one."""
    if isinstance(picture, DomainError):
        return picture
    least = picture.nothing.get(wish.seat_type)
    if wish.is_over or (least is not None and wish.quantity >= least):
        return ()  # over: the caller went away during the look, and is kept no seats that others want
    blocks = _choose(wish, picture)
    if blocks:
        block = random.choice(blocks)  # noqa: S311 - to spread, not to be secret
        wish.block = block.seat_ids
        picture.free.take(block)
    else:
        picture.nothing[wish.seat_type] = wish.quantity
    return wish.block


def _choose(wish: _Wish, picture: _Picture) -> list[Block]:
    """The best blocks, with seats that the caller has lost only where there are no others.

    They may be free again, since the picture is later than the loss; or look so to us alone, and then be lost again.
    """
    most = min(SPREAD**wish.losses, MAX_SPREAD)
    if wish.lost:
        blocks = picture.free.without(wish.lost).best(wish.quantity, wish.seat_type, most)
        if blocks:
            return blocks
    return picture.free.best(wish.quantity, wish.seat_type, most)


def _none_left(wish: _Wish) -> str:
    kind = "" if wish.seat_type is None else f"{wish.seat_type} "
    if wish.quantity == 1:
        return f"No {kind}seat is available."
    return f"No {wish.quantity} adjacent {kind}seats are available: ask for fewer, or choose seats from the seat map."
