"""Hears of changes to seat maps: one subscription a worker, however many follow however many showtimes."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError
from structlog.stdlib import BoundLogger

from .holds import showtime_of

PING_EVERY_S = 2.0
RETRY_AFTER_S = 0.5


class MapListener(Protocol):
    """Who wants to know."""

    def hears(self, hears: bool) -> None:
        """Whether notices arrive from now on; some may have been missed, also where it is not the first yes."""

    def changed(self, showtime_id: int, version: int, seat_ids: Sequence[int]) -> None:
        """A watched map has changed; the seats are those that may look different."""


def channel_of(redis: Redis) -> str:
    """Where the scripts tell of changes: a channel belongs to no numbered database, so it is named after ours."""
    return f"reservation:maps:{redis.connection_pool.connection_kwargs.get('db', 0)}"


async def listen_for_ever(redis: Redis, listener: MapListener, log: BoundLogger) -> None:
    """Pass on what the scripts tell; when the connection fails, say so, and connect again."""
    while not _is_cancelled():
        try:
            async with redis.pubsub() as channel:
                await channel.subscribe(channel_of(redis))
                await _listen(channel, listener)
        except (RedisError, OSError, TimeoutError, ValueError) as error:  # the last of what is not even text
            log.warning("map_notices_interrupted", cause=repr(error))
        finally:
            listener.hears(False)
        await asyncio.sleep(RETRY_AFTER_S)


async def _listen(channel: PubSub, listener: MapListener) -> None:
    waiting_for_pong = False
    while not _is_cancelled():
        message = await channel.get_message(timeout=PING_EVERY_S)
        if message is None:
            if waiting_for_pong:
                raise TimeoutError("no answer to a ping")
            await channel.ping()
            waiting_for_pong = True
            continue
        waiting_for_pong = False
        if message["type"] == "subscribe":
            listener.hears(True)
        elif message["type"] == "message":
            _pass_on(str(message["data"]), listener)


def _pass_on(notice: str, listener: MapListener) -> None:
    map_key, *numbers = notice.split(" ")
    with suppress(ValueError):  # somebody else's word on our channel
        showtime_id = showtime_of(map_key)
        version, *seat_ids = map(int, numbers)
        listener.changed(showtime_id, version, seat_ids)


def _is_cancelled() -> bool:
    """Whether somebody ends this task: redis-py takes a cancellation that meets a timeout of its own for that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
