"""The application: uvicorn fastapi_sqlalchemy.main:app --app-dir benchmarks/peers --loop uvloop --http httptools.

Reads DATABASE_URL, REDIS_URL, JWT_SECRET, and THREADS, how many of its plain functions run at a time.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import anyio.to_thread
from fastapi import FastAPI, Response
from sqlalchemy import text

from . import booking, seat_map
from .auth import UserId
from .schemas import HoldIn, Reservation, SeatMap
from .stores import THREADS, engine, redis


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """As many threads as there are connections, so that none waits for one."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield
    engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.post("/showtimes/{showtime_id}/holds", status_code=201)
def create_hold(showtime_id: int, body: HoldIn, user_id: UserId, response: Response) -> Reservation:
    """Hold seats of a showtime: all of them or none."""
    held = booking.hold(user_id, showtime_id, body.seat_ids)
    response.headers["Location"] = f"/reservations/{held.id}"
    return held


@app.post("/reservations/{reservation_id}/confirm")
def confirm_reservation(reservation_id: UUID, user_id: UserId) -> Reservation:
    """Make a hold final."""
    return booking.confirm(user_id, reservation_id)


@app.get("/showtimes/{showtime_id}/seats")
def get_seat_map(showtime_id: int) -> SeatMap:
    """The seat map."""
    return seat_map.seat_map(showtime_id)


@app.get("/ready")
def ready() -> dict[str, bool]:
    """Whether both stores answer."""
    with engine.connect() as connection:
        connection.execute(text("select 1"))
    return {"ready": bool(redis.ping())}
