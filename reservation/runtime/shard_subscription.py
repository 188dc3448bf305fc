"""Subscriptions of a worker to sharded channels of a Redis Cluster, each at the master that has the channel's slot.

A channel is subscribed to again when its slot has moved (its master then ends the subscription), when its master has a
successor, and when the connection fails.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError
from structlog.stdlib import BoundLogger

from .cancellation import cancel_and_wait
from .pubsub import PING_EVERY_S, RETRY_AFTER_S
from .redis_cluster import ClusterNodes, slot_of
from .redis_hosts import Address

CHANNELS_AT_ONCE = 500
CHECK_EVERY_S = 1.0  # whether each channel is where its slot is


class ShardSubscription:
    """Passes messages of channels to `on_message`, which does not await.

    `on_connected(channel, True)`: its messages arrive from now on, and earlier ones may have been missed.
    """

    def __init__(
        self,
        nodes: ClusterNodes,
        log: BoundLogger,
        *,
        on_message: Callable[[str], None],
        on_connected: Callable[[str, bool], None],
    ) -> None:
        self._nodes = nodes
        self.log = log
        self.on_message, self.on_connected = on_message, on_connected
        self._channels: dict[str, int] = {}  # with their slots
        self._masters: dict[Address, _OfMaster] = {}
        self._wake = asyncio.Event()
        self._is_lost = False

    def add(self, channel: str) -> None:
        """Subscribe to a channel."""
        self._channels[channel] = slot_of(channel)
        self._place(channel)

    def remove(self, channel: str) -> None:
        """End the subscription to a channel."""
        self._channels.pop(channel, None)
        for master in self._masters.values():
            master.remove(channel)

    async def run(self) -> None:
        """Keep each channel subscribed to at the master of its slot, until this task is cancelled."""
        self._nodes.on_changed.append(self._wake.set)
        try:
            while True:
                self._wake.clear()
                if self._is_lost:
                    self._is_lost = False
                    with suppress(RedisError, OSError, TimeoutError):
                        await self._nodes.refresh(CHECK_EVERY_S)
                for channel in [*self._channels]:
                    self._place(channel)
                for address in self._masters.keys() - self._nodes.masters.keys():
                    await self._masters.pop(address).aclose()
                with suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_EVERY_S):
                        await self._wake.wait()
        finally:
            self._nodes.on_changed.remove(self._wake.set)
            for master in self._masters.values():
                await master.aclose()

    def lost(self) -> None:
        """A slot has moved, or a master does not answer: the nodes are asked before it is subscribed to again."""
        self._is_lost = True
        self._wake.set()

    def _place(self, channel: str) -> None:
        owner = self._nodes.owners[self._channels[channel]]
        for address, master in self._masters.items():
            if address != owner:
                master.remove(channel)
        if owner is None:
            self._nodes.refresh_soon()
            return
        of_owner = self._masters.get(owner)
        if of_owner is None:
            of_owner = self._masters[owner] = _OfMaster(self, Redis.from_pool(self._nodes.pool(owner)))
        of_owner.add(channel)


class _OfMaster:
    """The channels at one master, on one connection."""

    def __init__(self, whole: ShardSubscription, client: Redis) -> None:
        self._whole = whole
        self._client = client
        self._wanted: set[str] = set()
        self._sent: set[str] = set()  # on this connection
        self._connected: set[str] = set()
        self._wake = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    def add(self, channel: str) -> None:
        if channel not in self._wanted:
            self._wanted.add(channel)
            self._wake.set()

    def remove(self, channel: str) -> None:
        if channel in self._wanted:
            self._wanted.discard(channel)
            self._set_connected(channel, connected=False)
            self._wake.set()

    async def aclose(self) -> None:
        await cancel_and_wait([self._task])
        await self._client.aclose()

    async def _run(self) -> None:
        while True:
            self._sent.clear()
            try:
                while not self._wanted:  # without a channel there is nothing to read
                    self._wake.clear()
                    await self._wake.wait()
                async with self._client.pubsub() as connection:
                    await connection.connect()
                    writing = asyncio.create_task(self._write(connection))
                    try:
                        await self._read(connection)
                    finally:
                        await cancel_and_wait([writing])
            except (RedisError, OSError, TimeoutError) as error:
                self._whole.log.warning("subscription_interrupted", cause=repr(error))
            except Exception:  # the worker would serve on without notifications
                self._whole.log.exception("subscription_failed")
            finally:
                for channel in [*self._connected]:
                    self._set_connected(channel, connected=False)
            self._whole.lost()
            await asyncio.sleep(RETRY_AFTER_S)

    async def _write(self, connection: PubSub) -> None:
        """Send what is wanted, and no more wanted, of channels; what fails, the reading notices."""
        with suppress(RedisError, OSError, TimeoutError):
            while True:
                self._wake.clear()
                for channel in [*self._wanted - self._sent][:CHANNELS_AT_ONCE]:
                    self._sent.add(channel)
                    await connection.ssubscribe(channel)
                for channel in [*self._sent - self._wanted][:CHANNELS_AT_ONCE]:
                    self._sent.discard(channel)
                    await connection.sunsubscribe(channel)
                if self._wanted == self._sent:
                    await self._wake.wait()

    async def _read(self, connection: PubSub) -> None:
        waiting_for_pong = False
        while True:
            message = await connection.get_message(timeout=PING_EVERY_S)
            if message is None:
                if waiting_for_pong:
                    raise TimeoutError("no answer to a ping")
                if self._sent:
                    await connection.ping()
                    waiting_for_pong = True
                continue
            waiting_for_pong = False
            channel = message["channel"]
            if message["type"] == "ssubscribe":
                self._set_connected(channel, connected=channel in self._wanted)
            elif message["type"] == "sunsubscribe":
                self._set_connected(channel, connected=False)
                if channel in self._wanted:  # its slot has moved
                    self._sent.discard(channel)
                    self._wanted.discard(channel)
                    self._whole.lost()
            elif message["type"] == "smessage":
                self._call(message["data"])

    def _set_connected(self, channel: str, *, connected: bool) -> None:
        if not connected and channel not in self._connected:
            return
        (self._connected.add if connected else self._connected.discard)(channel)
        try:
            self._whole.on_connected(channel, connected)
        except Exception:  # the other channels must go on
            self._whole.log.exception("subscriber_failed", channel=channel)

    def _call(self, data: str) -> None:
        try:
            self._whole.on_message(data)
        except Exception:  # the other messages must go on
            self._whole.log.exception("subscriber_failed")
