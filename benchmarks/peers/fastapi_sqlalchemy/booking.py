"""Hold and confirm, with the steps and guarantees of the service that this one is compared with."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from fastapi import HTTPException
from sqlalchemy import BigInteger, Interval, and_, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from uuid_utils.compat import uuid7

from .schemas import Reservation, ReservedSeat
from .stores import drop, engine, seat_keys, take
from .tables import booked_seats, reservation_seats, reservations, seats, showtimes

HOLD_TTL_S = 600
CENT = Decimal("0.01")

WANTED = (
    select(
        seats.c.id,
        seats.c.row_label,
        seats.c.seat_number,
        (showtimes.c.base_price * seats.c.price_modifier).label("price"),
        (showtimes.c.starts_at <= func.now()).label("started"),
        booked_seats.c.seat_id.is_not(None).label("booked"),
    )
    .select_from(showtimes)
    .join(seats, seats.c.auditorium_id == showtimes.c.auditorium_id)
    .outerjoin(booked_seats, and_(booked_seats.c.showtime_id == showtimes.c.id, booked_seats.c.seat_id == seats.c.id))
    .where(showtimes.c.id == bindparam("showtime_id"), seats.c.id.in_(bindparam("seat_ids", expanding=True)))
    .order_by(func.char_length(seats.c.row_label), seats.c.row_label, seats.c.seat_number)
)

LOCKED = (
    select(
        reservations.c.showtime_id,
        reservations.c.status,
        reservations.c.total_price,
        reservations.c.created_at,
        reservations.c.expires_at,
        (reservations.c.expires_at <= func.clock_timestamp()).label("run_out"),
        reservation_seats.c.seat_id,
        reservation_seats.c.price_at_booking,
        seats.c.row_label,
        seats.c.seat_number,
    )
    .select_from(reservations)
    .join(reservation_seats, reservation_seats.c.reservation_id == reservations.c.id)
    .join(seats, seats.c.id == reservation_seats.c.seat_id)
    .where(reservations.c.id == bindparam("reservation_id"), reservations.c.user_id == bindparam("user_id"))
    .order_by(func.char_length(seats.c.row_label), seats.c.row_label, seats.c.seat_number)
    .with_for_update(of=reservations)
)

# From a select, so that its compiled form is cached, which that of a list of values is not. In one order everywhere,
# so that claims cannot deadlock.
CLAIM = (
    pg_insert(booked_seats)
    .from_select(
        ["showtime_id", "seat_id", "reservation_id"],
        select(
            bindparam("showtime_id", type_=BigInteger),
            reservation_seats.c.seat_id,
            reservation_seats.c.reservation_id,
        )
        .where(reservation_seats.c.reservation_id == bindparam("reservation_id"))
        .order_by(reservation_seats.c.seat_id),
    )
    .on_conflict_do_nothing(index_elements=["showtime_id", "seat_id"])
)

HELD = (
    insert(reservations)
    .values(expires_at=func.now() + bindparam("ttl", type_=Interval))
    .returning(reservations.c.created_at, reservations.c.expires_at)
)

CONFIRM = (
    update(reservations)
    .where(reservations.c.id == bindparam("reservation_id"), reservations.c.expires_at > func.clock_timestamp())
    .values(status="confirmed", confirmed_at=func.now())
)


def hold(user_id: int, showtime_id: int, seat_ids: list[int]) -> Reservation:
    """Hold all these seats or none."""
    reservation_id = uuid7()
    with engine.begin() as connection:
        rows = connection.execute(WANTED, {"showtime_id": showtime_id, "seat_ids": seat_ids}).all()
        if len(rows) != len(seat_ids):
            raise HTTPException(422, "there is no such showtime, or no such seat in it")
        if rows[0].started:
            raise HTTPException(409, "the showtime has started")
        if booked := [row.id for row in rows if row.booked]:
            raise HTTPException(409, {"code": "seats_unavailable", "booked": booked})
        keys = seat_keys(showtime_id, seat_ids)
        if lost := take(keys=keys, args=[str(reservation_id), HOLD_TTL_S]):
            raise HTTPException(409, {"code": "seats_unavailable", "held": [seat_ids[place - 1] for place in lost]})
        try:
            return _write_held(connection, reservation_id, user_id, showtime_id, rows)
        except BaseException:
            drop(keys=keys, args=[str(reservation_id)])
            raise


def confirm(user_id: int, reservation_id: UUID) -> Reservation:
    """Make a hold final, in one transaction."""
    with engine.begin() as connection:
        rows = connection.execute(LOCKED, {"reservation_id": reservation_id, "user_id": user_id}).all()
        if not rows:
            raise HTTPException(404, "there is no such reservation of yours")
        found = rows[0]
        if found.status == "held":
            if found.run_out:
                raise HTTPException(410, "the hold has run out")
            claim = {"showtime_id": found.showtime_id, "reservation_id": reservation_id}
            if connection.execute(CLAIM, claim).rowcount != len(rows):
                raise HTTPException(409, "some of the seats are booked")
            if connection.execute(CONFIRM, {"reservation_id": reservation_id}).rowcount != 1:
                raise HTTPException(410, "the hold has run out")
        elif found.status != "confirmed":
            raise HTTPException(409, "the reservation was cancelled")
    drop(keys=seat_keys(found.showtime_id, [row.seat_id for row in rows]), args=[str(reservation_id)])
    return Reservation(
        id=reservation_id,
        showtime_id=found.showtime_id,
        status="confirmed",
        seats=[
            ReservedSeat(
                seat_id=row.seat_id, row_label=row.row_label, seat_number=row.seat_number, price=row.price_at_booking
            )
            for row in rows
        ],
        total_price=found.total_price,
        created_at=found.created_at,
        expires_at=found.expires_at,
    )


def _write_held(connection, reservation_id, user_id, showtime_id, rows) -> Reservation:
    held = [
        ReservedSeat(
            seat_id=row.id,
            row_label=row.row_label,
            seat_number=row.seat_number,
            price=row.price.quantize(CENT, ROUND_HALF_UP),
        )
        for row in rows
    ]
    total = sum(seat.price for seat in held)
    times = connection.execute(
        HELD,
        {
            "id": reservation_id,
            "user_id": user_id,
            "showtime_id": showtime_id,
            "total_price": total,
            "ttl": timedelta(seconds=HOLD_TTL_S),
        },
    ).one()
    connection.execute(
        insert(reservation_seats),
        [{"reservation_id": reservation_id, "seat_id": seat.seat_id, "price_at_booking": seat.price} for seat in held],
    )
    return Reservation(
        id=reservation_id,
        showtime_id=showtime_id,
        status="held",
        seats=held,
        total_price=total,
        created_at=times.created_at,
        expires_at=times.expires_at,
    )
