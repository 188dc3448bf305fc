"""One subscription a worker to channels of Redis; it is made again when its connection fails."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError
from structlog.stdlib import BoundLogger

from .cancellation import is_cancel_requested
from .redis_client import RedisClient
from .redis_cluster import ClusterClient

PING_EVERY_S = 2.0
RETRY_AFTER_S = 0.5

Argument = TypeVar("Argument")


class Subscription:
    """Passes messages of channels to callbacks, which do not await; an exception of one is logged and ends nothing.

    In a cluster it is a subscription to any of the nodes, which pass on to each other what is published.
    """

    def __init__(self, redis: RedisClient, log: BoundLogger) -> None:
        self._redis = redis
        self._log = log
        self._on_message: dict[str, Callable[[str], None]] = {}  # by channel
        self._on_connected: dict[str, Callable[[bool], None]] = {}
        self._is_left = False

    def register(
        self, channel: str, *, on_message: Callable[[str], None], on_connected: Callable[[bool], None]
    ) -> None:
        """Subscribe to a channel from `run` on.

        `on_connected(True)`: messages arrive from now on, and earlier ones may have been missed.
        """
        self._on_message[channel], self._on_connected[channel] = on_message, on_connected

    def reconnect(self) -> None:
        """Leave the server, which is no master any more, with this and all idle connections of the client."""
        self._is_left = True

    async def run(self) -> None:
        """Read messages until this task is cancelled; reconnect when the connection fails or does not answer a ping."""
        while not is_cancel_requested():
            try:
                async with self._client() as client, client.pubsub() as connection:
                    await connection.subscribe(*self._on_message)
                    await self._read(connection)
            except (RedisError, OSError, TimeoutError) as error:
                self._log.warning("subscription_interrupted", cause=repr(error))
            except Exception:  # the worker would serve on without notifications
                self._log.exception("subscription_failed")
            finally:
                for channel in self._on_connected:
                    self._call(channel, self._on_connected, False)
            await asyncio.sleep(RETRY_AFTER_S)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Redis]:
        if isinstance(self._redis, ClusterClient):
            async with self._redis.nodes.any_client() as client:
                yield client
            return
        if self._is_left:
            self._is_left = False
            await self._redis.connection_pool.disconnect(inuse_connections=False)
        yield self._redis

    async def _read(self, connection: PubSub) -> None:
        waiting_for_pong = False
        while not is_cancel_requested() and not self._is_left:
            message = await connection.get_message(timeout=PING_EVERY_S)
            if message is None:
                if waiting_for_pong:
                    raise TimeoutError("no answer to a ping")
                await connection.ping()
                waiting_for_pong = True
                continue
            waiting_for_pong = False
            if message["type"] == "subscribe":
                self._call(message["channel"], self._on_connected, True)
            elif message["type"] == "message":
                self._call(message["channel"], self._on_message, message["data"])

    def _call(self, channel: str, callbacks: Mapping[str, Callable[[Argument], None]], argument: Argument) -> None:
        try:
            callbacks[channel](argument)
        except Exception:  # the other channels' callbacks must go on
            self._log.exception("subscriber_failed", channel=channel)
