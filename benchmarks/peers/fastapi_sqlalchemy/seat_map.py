"""The seat map: seats and sales from PostgreSQL, holds from Redis."""

from decimal import ROUND_HALF_UP

from fastapi import HTTPException
from sqlalchemy import and_, bindparam, func, select

from .booking import CENT
from .schemas import Seat, SeatMap
from .stores import engine, redis, seat_keys
from .tables import booked_seats, seats, showtimes

SEATS = (
    select(
        seats.c.id,
        seats.c.row_label,
        seats.c.seat_number,
        seats.c.seat_type,
        (showtimes.c.base_price * seats.c.price_modifier).label("price"),
        booked_seats.c.seat_id.is_not(None).label("booked"),
    )
    .select_from(showtimes)
    .join(seats, seats.c.auditorium_id == showtimes.c.auditorium_id)
    .outerjoin(booked_seats, and_(booked_seats.c.showtime_id == showtimes.c.id, booked_seats.c.seat_id == seats.c.id))
    .where(showtimes.c.id == bindparam("showtime_id"))
    .order_by(func.char_length(seats.c.row_label), seats.c.row_label, seats.c.seat_number)
)


def seat_map(showtime_id: int) -> SeatMap:
    """All seats with their status."""
    with engine.connect() as connection:
        rows = connection.execute(SEATS, {"showtime_id": showtime_id}).all()
    if not rows:
        raise HTTPException(404, "there is no such showtime")
    holders = redis.mget(seat_keys(showtime_id, [row.id for row in rows]))
    return SeatMap(
        showtime_id=showtime_id,
        seats=[
            Seat(
                id=row.id,
                row_label=row.row_label,
                seat_number=row.seat_number,
                seat_type=row.seat_type,
                price=row.price.quantize(CENT, ROUND_HALF_UP),
                status="booked" if row.booked else "held" if holder else "available",
            )
            for row, holder in zip(rows, holders, strict=True)
        ],
    )
