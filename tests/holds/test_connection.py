"""The connection to Redis: each reply reaches its caller, whatever is cancelled, broken or late; forms of REDIS_URL."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvloop
from redis.asyncio import Redis

from reservation.errors import HoldsUnavailable, Overloaded
from reservation.holds.connection import RUN_KEY, ConnectionLost, pack
from reservation.holds.redis_server import RedisServer
from reservation.holds.script_runner import ScriptRunner, script_call
from reservation.holds.scripts import Script
from reservation.holds.worker_marks import KnownDatabase, WorkerMarks
from reservation.runtime.timing import start_timings
from tests.holds.conftest import LivePrimer, OpenHolds

PATIENCE_S = 20
CERTIFICATE = Path(__file__).parent / "localhost.pem"  # of localhost and 127.0.0.1, and its key; until 2126
COUNT = Script("return {redis.call('INCR', KEYS[1])}")

OpenServer = Callable[..., RedisServer]


@pytest.fixture
async def open_server(redis_url: str) -> AsyncIterator[OpenServer]:
    async with AsyncExitStack() as stack:

        def construct(
            url: str = redis_url, *, max_in_flight: int = 10_000, wait_s: float | None = None, **options: Any
        ) -> RedisServer:
            server = RedisServer(Redis.from_url(url, **options), max_in_flight=max_in_flight, wait_s=wait_s)
            stack.push_async_callback(server.aclose)
            return server

        yield construct


@asynccontextmanager
async def writes_paused(redis: Redis) -> AsyncIterator[None]:
    """Redis answers no script that may write, until the end of the block."""
    await redis.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")
    try:
        yield
    finally:
        await redis.execute_command("CLIENT", "UNPAUSE")


async def until_waiting(redis: Redis, count: int) -> None:
    """Wait until so many commands have reached a Redis whose writes are paused."""
    async with asyncio.timeout(PATIENCE_S):
        while (await redis.info("clients"))["blocked_clients"] < count:
            await asyncio.sleep(0.01)


async def until_epoch(server: RedisServer, epoch: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while server.epoch < epoch:
            await asyncio.sleep(0.01)


def echo(server: RedisServer, what: str) -> "asyncio.Future[object]":
    return server.call(pack("ECHO", what))


async def test_each_caller_gets_its_own_reply_and_a_cancelled_one_shifts_none(open_server: OpenServer) -> None:
    server = open_server()
    await echo(server, "connected")
    replies = [echo(server, str(number)) for number in range(1000)]
    for reply in replies[::3]:
        reply.cancel()
    kept = [number for number in range(1000) if number % 3]

    assert [await replies[number] for number in kept] == [str(number).encode() for number in kept]

    assert await echo(server, "next") == b"next"


def test_both_event_loops_send_reconnect_and_close(redis_url: str) -> None:
    """The service runs on uvloop, whose transports differ from asyncio's."""

    async def send_and_reconnect() -> None:
        async with Redis.from_url(redis_url) as client, Redis.from_url(redis_url) as control:
            server = RedisServer(client)
            for epoch in (0, 1):
                replies = [echo(server, str(number)) for number in range(100)]
                assert [await reply for reply in replies] == [str(number).encode() for number in range(100)]
                assert await control.client_kill_filter(_type="normal", skipme=True) == 1
                await until_epoch(server, epoch + 1)
            await server.aclose()

    for make_loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(send_and_reconnect())


async def test_commands_of_one_round_are_one_write(open_server: OpenServer, redis: Redis) -> None:
    server = open_server()
    await echo(server, "connected")
    before = int((await redis.info("stats"))["total_reads_processed"])

    await asyncio.gather(*(echo(server, str(number)) for number in range(100)))

    assert int((await redis.info("stats"))["total_reads_processed"]) - before == 2  # and the INFO


async def test_a_call_whose_connection_broke_is_repeated_on_a_new_one(redis: Redis) -> None:
    runner = ScriptRunner(redis)
    call = script_call(COUNT, 1, ("counted",))
    assert await runner.run_one(call) == [1]
    epoch = runner.server.epoch
    async with writes_paused(redis):
        calls = [asyncio.create_task(runner.run_one(call)) for _ in range(3)]
        await until_waiting(redis, 1)
        assert await redis.client_kill_filter(_type="normal", skipme=True) == 1
        await until_epoch(runner.server, epoch + 1)

    assert sorted([await each for each in calls]) == [[2], [3], [4]]

    assert runner.server.epoch == epoch + 1
    await runner.server.aclose()


async def test_a_call_without_a_reply_in_time_fails_and_its_late_reply_goes_to_nobody(
    open_server: OpenServer, redis: Redis
) -> None:
    server = open_server(socket_timeout=0.3)
    increase = pack("INCR", "counted")
    assert await server.call(increase) == 1
    async with writes_paused(redis):
        late = [server.call(increase) for _ in range(2)]

        assert [type(await reply) for reply in late] == [TimeoutError, TimeoutError]

        # It cannot connect either: DETECT_RESTART waits.
        assert isinstance(await server.call(pack("GET", "counted")), OSError)
    assert await echo(server, "next") == b"next"


async def test_a_redis_that_hangs_keeps_nobody_waiting_until_it_answers(open_server: OpenServer, redis: Redis) -> None:
    """Its connection stays, as do its data, and the commands that it was sent are executed late."""
    server = open_server(wait_s=0.1)
    increase = pack("INCR", "counted")
    assert await server.call(increase) == 1
    epoch = server.epoch
    async with writes_paused(redis):
        late = [server.call(increase) for _ in range(3)]
        assert [type(await reply) for reply in late] == [TimeoutError] * 3
        refused = [server.call(increase) for _ in range(3)]
        assert [reply.done() and type(reply.result()) for reply in refused] == [TimeoutError] * 3
    async with asyncio.timeout(PATIENCE_S):
        while not isinstance(count := await server.call(pack("GET", "counted")), bytes):
            await asyncio.sleep(0.01)
    assert int(count) == 4
    assert server.epoch == epoch


async def test_a_redis_that_hangs_for_long_keeps_nobody_waiting_for_a_connection(
    open_server: OpenServer, redis: Redis
) -> None:
    server = open_server(wait_s=0.1, socket_timeout=0.3)
    increase = pack("INCR", "counted")
    assert await server.call(increase) == 1
    epoch = server.epoch
    async with writes_paused(redis):
        assert type(await server.call(increase)) is TimeoutError
        await until_epoch(server, epoch + 1)  # the connection has ended
        assert type(await server.call(increase)) is TimeoutError  # DETECT_RESTART waits on the new one
        refused = server.call(increase)
        assert refused.done()
        assert type(refused.result()) is TimeoutError
    async with asyncio.timeout(PATIENCE_S):
        while not isinstance(await server.call(increase), int):
            await asyncio.sleep(0.01)


async def test_more_commands_than_may_be_in_flight_are_refused(open_server: OpenServer, redis: Redis) -> None:
    server = open_server(max_in_flight=3)
    for connected in (False, True):  # before there is a connection, and on one
        async with writes_paused(redis):
            replies = [server.call(pack("INCR", "counted")) for _ in range(3)]
            with pytest.raises(Overloaded):
                server.call(pack("INCR", "counted"))
            if connected:
                await until_waiting(redis, 1)
        assert [await reply for reply in replies] == [1, 2, 3] if not connected else [4, 5, 6]


@pytest.mark.parametrize("how", ["FLUSHALL", "FLUSHDB", "DETECT_RESTORE"])
async def test_the_epoch_changes_when_redis_forgets_its_holds(open_holds: OpenHolds, redis: Redis, how: str) -> None:
    holds, marks = open_holds(redis, LivePrimer()), WorkerMarks(redis)
    for generation in (2, 1):  # each time again
        await holds.state(1)
        epoch = holds.epoch
        await holds.state(1)
        assert holds.epoch == epoch
        if how == "DETECT_RESTORE":
            known = KnownDatabase("a", generation + 1)
            await marks.detect_restore(KnownDatabase("", 0), known, raised_to=generation + 1)
            now = KnownDatabase("a", generation)
            assert await marks.detect_restore(await marks.known_database(), now, raised_to=generation)
        else:
            await redis.execute_command(how)
        async with asyncio.timeout(PATIENCE_S):
            while holds.epoch == epoch:
                await asyncio.sleep(0.01)


async def test_a_redis_without_tracking_serves_all_the_same(
    redis: Redis, redis_url: str, open_server: OpenServer
) -> None:
    """Some proxies know neither HELLO nor CLIENT TRACKING."""
    async with a_user(redis, "-hello", "-client|tracking", "-client|caching") as login:
        server = open_server(_with_login(redis_url, login))
        assert await echo(server, "served") == b"served"


async def test_scripts_that_redis_has_dropped_are_loaded_again(open_holds: OpenHolds, redis: Redis) -> None:
    holds = open_holds(redis, LivePrimer())
    before = await holds.state(1)
    await redis.script_flush()
    assert await holds.state(1) == before
    await redis.delete("{2}:map")
    await redis.script_flush()
    assert (await holds.state(2)).version > before.version  # primed by a script that had to be loaded, too


async def test_a_refused_login_is_holds_unavailable(redis_url: str, open_holds: OpenHolds) -> None:
    parts = urlsplit(redis_url)
    async with Redis.from_url(f"redis://:wrong@{parts.hostname}:{parts.port}") as client:
        holds = open_holds(client, LivePrimer())
        with pytest.raises(HoldsUnavailable) as refused:
            await holds.state(1)
        assert "WRONGPASS" in str(refused.value.__cause__)


async def test_the_time_of_a_call_is_counted_as_redis(open_holds: OpenHolds, redis: Redis) -> None:
    timings = start_timings()
    await open_holds(redis, LivePrimer()).state(1)
    assert timings.redis > 0


async def test_closing_ends_the_connection_and_the_calls_on_it(redis: Redis, redis_url: str) -> None:
    server = RedisServer(redis)
    assert await server.call(pack("INCR", "counted")) == 1
    async with writes_paused(redis):
        waiting = server.call(pack("INCR", "counted"))
        await until_waiting(redis, 1)
        await server.aclose()
        assert type(await waiting) is ConnectionLost


@pytest.mark.parametrize("form", ["redis", "rediss", "unix"])
async def test_every_form_of_url_connects_and_logs_in(
    open_server: OpenServer, redis: Redis, redis_url: str, tmp_path: Path, form: str
) -> None:
    parts = urlsplit(redis_url)
    forward = partial(_forward, str(parts.hostname), int(parts.port or 0))
    async with a_user(redis) as login, AsyncExitStack() as stack:
        if form == "unix":
            # Not in tmp_path: the path of a socket has at most some 100 characters.
            path = f"{stack.enter_context(TemporaryDirectory(dir='/tmp'))}/redis"
            await stack.enter_async_context(await asyncio.start_unix_server(forward, path))
            url = f"unix://{login}@{path}?db=3"
        elif form == "rediss":
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(CERTIFICATE)
            listening = await asyncio.start_server(forward, "127.0.0.1", ssl=context)
            await stack.enter_async_context(listening)
            port = listening.sockets[0].getsockname()[1]
            url = f"rediss://{login}@localhost:{port}/3?ssl_ca_certs={CERTIFICATE}"
        else:
            url = _with_login(redis_url, login).rpartition("/")[0] + "/3"
        server = open_server(url, client_name="tests")

        info = await server.call(pack("CLIENT", "INFO"))

        assert {b"db=3", b"user=tester", b"name=tests", b"resp=3"} <= {*bytes(info).split()}  # type: ignore[call-overload]
        assert await server.call(pack("EXISTS", RUN_KEY)) == 1
        await server.aclose()
    await redis.execute_command("FLUSHALL")


@asynccontextmanager
async def a_user(redis: Redis, *rules: str) -> AsyncIterator[str]:
    """A user of Redis with some rights less; its name and password."""
    await redis.execute_command("ACL", "SETUSER", "tester", "on", ">secret", "~*", "&*", "+@all", *rules)
    try:
        yield "tester:secret"
    finally:
        await redis.execute_command("ACL", "DELUSER", "tester")


def _with_login(url: str, login: str) -> str:
    parts = urlsplit(url)
    return f"redis://{login}@{parts.hostname}:{parts.port}/0"


async def _forward(host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on to Redis and back."""
    there, back = await asyncio.open_connection(host, port)
    with suppress(ConnectionError, ssl.SSLError):
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.close()
