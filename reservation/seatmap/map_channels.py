"""The channels on which changes of seat maps are published: one for all maps, or in a cluster one for each map.

Each has `connection(showtime_id)`: 0 while the map's notifications do not arrive, else a number that is another one
after each interruption.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from redis.asyncio import Redis
from structlog.stdlib import BoundLogger

from ..holds.keys import map_keys, showtime_of
from ..runtime.pubsub import Subscription
from ..runtime.redis_client import RedisClient
from ..runtime.redis_cluster import ClusterClient
from ..runtime.shard_subscription import ShardSubscription
from .map_notifications import channel_of, deliver

Changed: TypeAlias = Callable[[int, int, Sequence[int]], None]  # showtime, version, seats that may differ


class CommonChannel:
    """One channel, which the worker's subscription has."""

    def __init__(self, redis: Redis, subscription: Subscription) -> None:
        self._name = channel_of(redis)
        self._subscription = subscription
        self._connections = self._connection = 0
        self._on_connection: Callable[[int | None], None] = lambda _: None

    def start(self, changed: Changed, on_connection: Callable[[int | None], None]) -> None:
        """Register the callbacks: for a change, and for a connection of a map or, None, of all."""
        self._on_connection = on_connection
        self._subscription.register(self._name, on_message=partial(deliver, changed), on_connected=self._set_connected)

    async def run(self) -> None:
        """The worker's subscription runs by itself."""

    def name(self, _: int) -> str:
        """The channel on which a map's changes are published."""
        return self._name

    def connection(self, _: int) -> int:
        """See the module."""
        return self._connection

    def open(self, showtime_id: int) -> None:
        """The map's notifications are wanted."""

    def close(self, showtime_id: int) -> None:
        """They are no more wanted."""

    def _set_connected(self, connected: bool) -> None:
        self._connections += 1
        self._connection = self._connections if connected else 0
        self._on_connection(None)


class ShardChannels:
    """A sharded channel for each map, with the hash tag of its keys."""

    def __init__(self, client: ClusterClient, log: BoundLogger) -> None:
        self._subscription = ShardSubscription(
            client.nodes, log, on_message=self._deliver, on_connected=self._set_connected
        )
        self._connections = 0
        self._connection: dict[str, int] = {}
        self._changed: Changed = lambda *_: None
        self._on_connection: Callable[[int | None], None] = lambda _: None

    def start(self, changed: Changed, on_connection: Callable[[int | None], None]) -> None:
        """Register the callbacks: for a change, and for a connection of a map."""
        self._changed, self._on_connection = changed, on_connection

    async def run(self) -> None:
        """Keep the channels subscribed to, until this task is cancelled."""
        await self._subscription.run()

    def name(self, showtime_id: int) -> str:
        """The channel on which a map's changes are published: the name of its key, which is none of a channel else."""
        return map_keys(showtime_id)[0]

    def connection(self, showtime_id: int) -> int:
        """See the module."""
        return self._connection.get(self.name(showtime_id), 0)

    def open(self, showtime_id: int) -> None:
        """The map's notifications are wanted."""
        self._subscription.add(self.name(showtime_id))

    def close(self, showtime_id: int) -> None:
        """They are no more wanted."""
        self._subscription.remove(self.name(showtime_id))

    def _deliver(self, message: str) -> None:
        deliver(self._changed, message)

    def _set_connected(self, channel: str, connected: bool) -> None:
        self._connections += 1
        if connected:
            self._connection[channel] = self._connections
        else:
            self._connection.pop(channel, None)
        self._on_connection(showtime_of(channel))


MapChannels: TypeAlias = CommonChannel | ShardChannels


def map_channels(redis: RedisClient, subscription: Subscription, log: BoundLogger) -> MapChannels:
    """The channels of this Redis."""
    if isinstance(redis, ClusterClient):
        return ShardChannels(redis, log)
    return CommonChannel(redis, subscription)
