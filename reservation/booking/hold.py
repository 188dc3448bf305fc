"""Hold seats: in Redis first, then in PostgreSQL; after a failure the seats are released.

Redis makes holds fast, lets them expire, and decides which of two holds of a seat is answered; redis_lease.py checks
that before the answer. PostgreSQL decides who owns a seat: the unique constraint of booked_seats keeps a seat from
being sold twice.
"""

from collections.abc import Sequence
from typing import NamedTuple, NoReturn
from uuid import UUID

from ..db.repository import showtimes
from ..db.repository.hold_limits import HoldLimits
from ..db.repository.idempotency import IdempotencyKey
from ..db.repository.reservation_rows import Reservation, ReservedSeat
from ..db.repository.reservations import HoldToInsert
from ..errors import (
    HoldsUnavailable,
    IdempotencyInFlight,
    Invalid,
    Json,
    NotFound,
    SeatsUnavailable,
    ShowtimeChanged,
    TooManyRequests,
    Unavailable,
)
from ..holds.release_calls import HoldRelease
from ..holds.take_calls import AddressSeats
from ..seatmap.layouts import Layout
from ..seatmap.ticket_types import ALL_STANDARD, ChosenTickets, WantedTickets
from .address_limit import CountedHold
from .admission import Admission, require_admission
from .after_commit import after_commit
from .context import BookingContext
from .idempotency import is_held_by_same_request, new_reservation_id
from .redis_lease import REDIS_MARGIN_MS, HeldSeats, RedisLease, require_sole_hold, take_for, undo_hold
from .sale_window import not_on_sale


class HoldDetails(NamedTuple):
    """What belongs to a hold beside its seats: two things of the client's own, the tickets, and the user's limits.

    Without `admission` the hold needs none. `of_address`: what the client address may have of the showtime.
    """

    reference: str | None = None
    metadata: dict[str, Json] | None = None
    tickets: WantedTickets = ALL_STANDARD
    limits: HoldLimits | None = None
    counted: CountedHold | None = None
    admission: Admission | None = None
    of_address: AddressSeats | None = None


NO_DETAILS = HoldDetails()


async def hold(
    context: BookingContext,
    *,
    user_id: int,
    showtime_id: int,
    seat_ids: Sequence[int],
    details: HoldDetails = NO_DETAILS,
    idempotency_key: IdempotencyKey | None = None,
) -> Reservation:
    """Hold all these seats or none.

    Raises NotFound (the showtime), those of NOT_ON_SALE, Invalid (a seat of another room, or no such ticket type),
    SeatsUnavailable with the reason for each seat, AdmissionRequired, LimitReached, TooManyAttempts, TooManyRequests,
    and RowLocked. With an idempotency key: IdempotencyKeyUsed, and IdempotencyInFlight while the first request with it
    is under way.
    """
    layout = context.layouts.known(showtime_id)
    if layout is None or not _may_be_held(layout, seat_ids):
        layout = await layout_with(context, showtime_id, seat_ids, details.tickets)
    if layout.sale.waiting_room:
        await require_admission(context, layout, details.admission)
    return await _take_and_insert(context, user_id, layout, showtime_id, seat_ids, details, idempotency_key)


async def layout_with(
    context: BookingContext, showtime_id: int, seat_ids: Sequence[int], tickets: WantedTickets = ALL_STANDARD
) -> Layout:
    """A layout that has these seats, and may be out of date; raises as `check_seats` does."""
    layout = context.layouts.known(showtime_id)
    if layout is None:
        layout = await _load_and_prime(context, showtime_id)
    if layout is None or not _may_be_held(layout, seat_ids):
        layout = await check_and_load(context, showtime_id, seat_ids, tickets)
    return layout


def _may_be_held(layout: Layout, seat_ids: Sequence[int]) -> bool:
    """The layout may be out of date, so PostgreSQL decides what it refuses, and the insert what it lets through."""
    return layout.is_on_sale and _has_seats(layout, seat_ids)


def _has_seats(layout: Layout, seat_ids: Sequence[int]) -> bool:
    return all(map(layout.room.places.__contains__, seat_ids))


async def check_seats(
    context: BookingContext, showtime_id: int, seat_ids: Sequence[int], tickets: WantedTickets = ALL_STANDARD
) -> None:
    """Check in PostgreSQL what can be held; raises NotFound, those of NOT_ON_SALE and Invalid."""
    async with context.database.connection() as conn:
        check = await showtimes.check_seats(conn, showtime_id=showtime_id, seat_ids=seat_ids)
    if check is None:
        raise NotFound("There is no such showtime.")
    if check.sale_refusal is not None:
        raise not_on_sale(check.sale_refusal, check.on_sale_at)
    known = frozenset(check.seat_ids)
    for index, seat_id in enumerate(seat_ids):
        if seat_id not in known:
            raise Invalid(tickets.seat_pointer.format(index), "There is no such seat in this showtime's auditorium.")


async def _load_and_prime(context: BookingContext, showtime_id: int) -> Layout | None:
    """Read a layout that is not cached, and have Redis primed with the same reading if it lacks the showtime.

    PostgreSQL comes first, so that the take is the only exchange with Redis: the priming is sent along with it.
    """
    start = context.holds.read_start(showtime_id)
    found = await context.layouts.load_first(showtime_id)
    if found is None:
        return None
    context.holds.prime_unread(showtime_id, found.prime, start)
    return found.layout


async def check_and_load(
    context: BookingContext, showtime_id: int, seat_ids: Sequence[int], tickets: WantedTickets = ALL_STANDARD
) -> Layout:
    """Check what can be held, as check_seats does, and read a layout that has the seats."""
    await check_seats(context, showtime_id, seat_ids, tickets)
    layout = await context.layouts.load(showtime_id)
    if layout is None or not _has_seats(layout, seat_ids):
        await check_seats(context, showtime_id, seat_ids, tickets)  # it has changed in between
        raise HoldsUnavailable
    return layout


async def _load_again(
    context: BookingContext, showtime_id: int, seat_ids: Sequence[int], details: HoldDetails
) -> Layout:
    """Check and read as `check_and_load` does; the showtime may have got a waiting room as well."""
    layout = await check_and_load(context, showtime_id, seat_ids, details.tickets)
    if layout.sale.waiting_room:
        await require_admission(context, layout, details.admission)
    return layout


async def _take_and_insert(
    context: BookingContext,
    user_id: int,
    layout: Layout,
    showtime_id: int,
    seat_ids: Sequence[int],
    details: HoldDetails,
    idempotency_key: IdempotencyKey | None,
) -> Reservation:
    # Before Redis is asked: a ticket type that does not exist is refused, and the first use of one is noted.
    tickets = None if details.tickets is ALL_STANDARD else await context.ticket_types.choose(details.tickets)
    ttl_ms = context.hold_ttl_s * 1000 + REDIS_MARGIN_MS
    lease = RedisLease(context, ttl_ms)
    reservation_id = new_reservation_id(showtime_id, idempotency_key)
    release = True  # also if Redis does not answer: it may have taken the seats
    try:
        held = await context.holds.take(
            showtime_id=showtime_id,
            reservation_id=reservation_id,
            seat_ids=seat_ids,
            ttl_ms=ttl_ms,
            of=details.of_address,
            before_repeat=lease.renew,
        )
        if held:
            release = False
            await _raise_unavailable(context, showtime_id, seat_ids, held, idempotency_key)
        if details.counted is not None:  # it was sent before the take
            await details.counted.require_room()
        ends, deadline = lease.sent_at + context.hold_ttl_s, lease.sent_at + context.hold_deadline_s
        reservation = None
        while reservation is None:  # until the deadline: then the insert raises Overloaded
            wanted = seats_of(layout, seat_ids, tickets)
            try:
                reservation = await context.batches.insert_held(
                    _to_insert(
                        reservation_id, user_id, layout, wanted, idempotency_key, (ends, deadline), tickets, details
                    )
                )
            except ShowtimeChanged:  # Redis keeps the seats while the layout is read again
                layout = await _load_again(context, showtime_id, seat_ids, details)
                if tickets is not None:
                    tickets = await context.ticket_types.choose(details.tickets, anew=True)
        release = False
    except TooManyRequests:  # nothing was taken
        release = False
        raise
    finally:
        if release:
            undo = HoldRelease(showtime_id, reservation_id, seat_ids, undo=True)
            await context.pending_updates.release([undo])
    life_s = (reservation.expires_at - reservation.created_at).total_seconds()
    if not lease.covers(life_s):
        seats = HeldSeats(showtime_id, reservation_id, user_id, seat_ids, idempotency_key)
        await _take_again(context, seats, lease, life_s)
    return reservation


def _to_insert(
    reservation_id: UUID,
    user_id: int,
    layout: Layout,
    seats: tuple[ReservedSeat, ...],
    idempotency_key: IdempotencyKey | None,
    ends_and_deadline: tuple[float, float],
    tickets: ChosenTickets | None,
    details: HoldDetails,
) -> HoldToInsert:
    return HoldToInsert(
        reservation_id,
        user_id,
        layout.showtime_id,
        layout.layout_version,
        layout.showtime,
        seats,
        idempotency_key,
        *ends_and_deadline,
        details.reference,
        details.metadata,
        None if tickets is None else tickets.version,
        details.limits,
    )


async def seats_unavailable(
    context: BookingContext, showtime_id: int, seat_ids: Sequence[int], held: frozenset[int]
) -> SeatsUnavailable:
    """The error for seats of which others hold some in Redis; those that are booked or blocked are named as well."""
    booked, blocked = await context.batches.find_booked(showtime_id, seat_ids)
    return SeatsUnavailable(held=held, booked=booked, blocked=blocked)


async def _take_again(context: BookingContext, seats: HeldSeats, lease: RedisLease, life_s: float) -> None:
    try:
        await take_for(context, seats, life_s)
        await require_sole_hold(context, seats)
    except Unavailable:
        with after_commit():
            if seats.idempotency_key is not None:  # the hold stays, and a repeated request gets it
                raise
            # Its client does not learn its id.
            await undo_hold(context, seats, after_loss=not lease.has_same_epoch)
        raise


async def _raise_unavailable(
    context: BookingContext,
    showtime_id: int,
    seat_ids: Sequence[int],
    held: frozenset[int],
    idempotency_key: IdempotencyKey | None,
) -> NoReturn:
    if idempotency_key is not None and await is_held_by_same_request(
        context.holds, idempotency_key, showtime_id=showtime_id, seat_ids=seat_ids
    ):
        raise IdempotencyInFlight
    raise await seats_unavailable(context, showtime_id, seat_ids, held)


def seats_of(layout: Layout, seat_ids: Sequence[int], tickets: ChosenTickets | None) -> tuple[ReservedSeat, ...]:
    """The seats in the order of the map, at the prices of the layout, and of their ticket types if there are any."""
    if tickets is not None:
        return tickets.seats(layout.room, seat_ids)
    room = layout.room
    return room.seats_at(sorted([room.places[seat_id] for seat_id in seat_ids]))
