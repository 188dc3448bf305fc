"""A subscription to a channel of Redis that is made again whenever its connection fails."""

import asyncio
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError
from structlog.stdlib import BoundLogger

from .cancellation import is_cancelled

PING_EVERY_S = 2.0
RETRY_AFTER_S = 0.5


class Subscriber(Protocol):
    """Who wants to know."""

    def set_connected(self, connected: bool) -> None:
        """Whether notices arrive from now on; some may have been missed, also where it is not the first yes."""

    def take(self, notice: str) -> None:
        """Somebody has said this."""

    async def catch_up(self) -> None:
        """The channel is there: at the beginning, and whenever it has been silent for a while."""


async def listen_for_ever(redis: Redis, channel: str, subscriber: Subscriber, log: BoundLogger) -> None:
    """Pass on what is said on a channel; when the connection fails, say so, and connect again."""
    while not is_cancelled():
        try:
            async with redis.pubsub() as connection:
                await connection.subscribe(channel)
                await _listen(connection, subscriber)
        except (RedisError, OSError, TimeoutError, ValueError) as error:  # the last of what is not even text
            log.warning("notices_interrupted", channel=channel, cause=repr(error))
        finally:
            subscriber.set_connected(False)
        await asyncio.sleep(RETRY_AFTER_S)


async def _listen(connection: PubSub, subscriber: Subscriber) -> None:
    waiting_for_pong = False
    while not is_cancelled():
        message = await connection.get_message(timeout=PING_EVERY_S)
        if message is None:
            if waiting_for_pong:
                raise TimeoutError("no answer to a ping")
            await subscriber.catch_up()
            await connection.ping()
            waiting_for_pong = True
            continue
        waiting_for_pong = False
        if message["type"] == "subscribe":
            subscriber.set_connected(True)
            await subscriber.catch_up()
        elif message["type"] == "message":
            subscriber.take(str(message["data"]))
