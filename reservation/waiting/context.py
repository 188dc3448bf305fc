"""Opens the waiting rooms, and the streams of those who wait."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from ..runtime.cancellation import cancel_and_wait
from ..runtime.redis_client import RedisClient
from ..seatmap.layouts import Layouts
from ..settings import Settings
from .passes import PassSigner
from .room import WaitingRooms
from .streams import WaitingStreams


@asynccontextmanager
async def open_waiting_rooms(
    redis: RedisClient, layouts: Layouts, settings: Settings, *, most: int, others: Callable[[], int]
) -> AsyncIterator[tuple[WaitingRooms, WaitingStreams]]:
    """The waiting rooms and their streams, of which there are at most `most` with those that `others` counts."""
    rooms = WaitingRooms(
        redis,
        layouts,
        PassSigner(settings.jwt_secrets),
        per_second=settings.admissions_per_second,
        admission_s=settings.admission_ttl_s,
        most_of_address=settings.waiting_places_per_address,
        wait_s=settings.redis_wait_ms / 1000,
    )
    log = structlog.stdlib.get_logger("reservation.waiting")
    streams = WaitingStreams(rooms, log, most=most, heartbeat_s=settings.sse_heartbeat_s, others=others)
    running = asyncio.create_task(streams.run_forever())
    try:
        yield rooms, streams
    finally:
        streams.close()
        await cancel_and_wait([running])
        await rooms.aclose()
