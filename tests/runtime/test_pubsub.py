"""The subscription of a worker: one connection, whose channels do not disturb one another."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from structlog.testing import capture_logs

from reservation.runtime.cancellation import cancel_and_wait
from reservation.runtime.pubsub import Subscription
from reservation.runtime.redis_client import redis_client
from reservation.settings import Settings
from tests.api import Api
from tests.conftest import make_settings
from tests.faults.proxy import Proxy


class Consumer:
    """Queues what it is called with; `fails` makes every call raise."""

    def __init__(self, *, fails: bool = False) -> None:
        self.calls: asyncio.Queue[str | bool] = asyncio.Queue()
        self._fails = fails

    def call(self, argument: str | bool) -> None:
        self.calls.put_nowait(argument)
        if self._fails:
            raise ZeroDivisionError

    async def next(self) -> str | bool:
        async with asyncio.timeout(10):
            return await self.calls.get()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(redis_url) as running:
        yield running


@pytest.fixture
def proxied(settings: Settings, proxy: Proxy) -> Settings:
    return make_settings(settings.database_url or "", proxy.url, settings.data_dir)


@pytest.fixture
async def subscription(proxied: Settings) -> AsyncIterator[Subscription]:
    client = redis_client(proxied)
    yield Subscription(client, structlog.stdlib.get_logger("test"))
    await client.aclose()


def register(subscription: Subscription, channel: str, *, fails: bool = False) -> Consumer:
    consumer = Consumer(fails=fails)
    subscription.register(channel, on_message=consumer.call, on_connected=consumer.call)
    return consumer


async def test_each_channel_gets_its_own_messages(subscription: Subscription, redis: Redis) -> None:
    one, other = register(subscription, "one"), register(subscription, "other")
    running = asyncio.create_task(subscription.run())
    assert (await one.next(), await other.next()) == (True, True)
    await redis.publish("one", "first")
    await redis.publish("other", "second")
    assert (await one.next(), await other.next()) == ("first", "second")
    await cancel_and_wait([running])
    assert (await one.next(), await other.next()) == (False, False)
    assert one.calls.empty()
    assert other.calls.empty()


async def test_a_callback_that_fails_does_not_disturb_the_other_channel(
    subscription: Subscription, redis: Redis
) -> None:
    structlog.reset_defaults()
    with capture_logs() as logs:
        broken, sound = register(subscription, "broken", fails=True), register(subscription, "sound")
        running = asyncio.create_task(subscription.run())
        assert (await broken.next(), await sound.next()) == (True, True)
        for number in range(3):
            await redis.publish("broken", f"to the broken {number}")
            await redis.publish("sound", f"to the sound {number}")
            assert await sound.next() == f"to the sound {number}"
            assert await broken.next() == f"to the broken {number}"
        await cancel_and_wait([running])
    assert (await broken.next(), await sound.next()) == (False, False)
    assert [line["channel"] for line in logs if line["event"] == "subscriber_failed"] == ["broken"] * 5
    assert [line["event"] for line in logs if line["event"] == "subscription_interrupted"] == []


async def test_a_message_that_is_not_text_interrupts_no_channel(subscription: Subscription, redis: Redis) -> None:
    one, other = register(subscription, "one"), register(subscription, "other")
    running = asyncio.create_task(subscription.run())
    assert (await one.next(), await other.next()) == (True, True)
    await redis.publish("one", b"\xff")
    await redis.publish("one", "text")
    await redis.publish("other", "text")
    assert [await one.next(), await one.next(), await other.next()] == ["\ufffd", "text", "text"]
    await cancel_and_wait([running])


async def test_an_interrupted_subscription_is_made_again_for_all_channels(
    subscription: Subscription, redis: Redis, proxy: Proxy
) -> None:
    consumers = register(subscription, "one"), register(subscription, "other")
    running = asyncio.create_task(subscription.run())
    for consumer in consumers:
        assert await consumer.next() is True
    await proxy.cut()
    for consumer in consumers:
        assert await consumer.next() is False
    await proxy.open()
    for channel, consumer in zip(("one", "other"), consumers, strict=True):
        while await consumer.next() is False:  # each attempt that fails
            pass
        await redis.publish(channel, "again")
        assert await consumer.next() == "again"
    await cancel_and_wait([running])


async def test_a_worker_has_one_connection_for_all_channels(api: Api, redis: Redis) -> None:
    async with asyncio.timeout(10):
        while not (clients := await redis.client_list(_type="pubsub")):
            await asyncio.sleep(0.01)
        while clients[0]["sub"] != "2":
            await asyncio.sleep(0.01)
            clients = await redis.client_list(_type="pubsub")
    assert len(clients) == 1


class FailingOnce(Redis):
    """Its first subscription fails with an error that is not one of Redis."""

    attempts = 0

    def pubsub(self, **options: Any) -> PubSub:
        self.attempts += 1
        if self.attempts == 1:
            raise ZeroDivisionError
        return super().pubsub(**options)


async def test_an_unknown_exception_does_not_end_the_subscription(redis_url: str, redis: Redis) -> None:
    structlog.reset_defaults()
    with capture_logs() as logs:
        async with FailingOnce.from_url(redis_url, decode_responses=True) as client:
            subscription = Subscription(client, structlog.stdlib.get_logger("test"))
            consumer = register(subscription, "one")
            running = asyncio.create_task(subscription.run())
            assert [await consumer.next(), await consumer.next()] == [False, True]
            await redis.publish("one", "text")
            assert await consumer.next() == "text"
            await cancel_and_wait([running])
    assert [line["event"] for line in logs] == ["subscription_failed"]
