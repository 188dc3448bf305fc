"""A demoted primary or Redis master is left, though its connections stay open, once the host leads to the new one."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from reservation.booking.jobs import schedule
from reservation.db import migrations as schema, pool
from reservation.embedded.binaries import valkey_program
from reservation.embedded.valkey import running_valkey
from reservation.holds import redis_server
from reservation.runtime import pubsub
from reservation.seatmap import map_recovery
from tests.api import Answer, Api, Cinema, Person
from tests.conftest import StartApi
from tests.faults.postgresql_pair import Pair, running_pair
from tests.faults.proxy import Proxy
from tests.live_feed import Follower, following, shown

LEFT_WITHIN_S = 5.0  # docs/operator/failures.md
PATIENCE_S = 60.0
FENCED, STANDBY = "it is read-only", "it is a standby"


def test_the_periods_keep_the_promise_of_5_s() -> None:
    """A server is written to in each period, and left at the next failure after LEAVE_EVERY_S."""
    assert map_recovery.PERIOD_S + pool.LEAVE_EVERY_S < LEFT_WITHIN_S
    own_connection_s = schedule.CHECK_REDIS_EVERY_S + redis_server.LEAVE_EVERY_S
    assert own_connection_s + pubsub.PING_EVERY_S + pubsub.RETRY_AFTER_S < LEFT_WITHIN_S


@pytest.fixture
def pair(data_dir: Path) -> Iterator[Pair]:
    password = json.loads((data_dir / "secrets.json").read_text())["postgres_password"]
    with running_pair(data_dir, password) as servers:
        schema.apply(servers.first.url)
        yield servers


@pytest.fixture
async def host(pair: Pair) -> AsyncIterator[Proxy]:
    """Stands for a host name, or HAProxy: leads to the first server until a test aims it at the second."""
    async with Proxy(pair.first.url) as proxy:
        yield proxy


async def until_it_takes_writes(api: Api, who: Person, cinema: Cinema, seat_ids: list[int]) -> Answer:
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await api.hold(who, cinema.showtime_id, seat_ids)).status == 503:
            await asyncio.sleep(0.05)
    return answer


async def until_ready(api: Api, status: int, text: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await api.call("GET", "/ready")).status != status or text not in answer.text:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("reason", [FENCED, STANDBY])
async def test_writes_go_to_the_promoted_standby_without_a_restart(
    start_api: StartApi, pair: Pair, host: Proxy, reason: str
) -> None:
    api = await start_api(DATABASE_URL=host.url)
    api.database_url = pair.first.url
    cinema, who = await api.cinema(), await api.sign_up()
    before = (await api.hold(who, cinema.showtime_id, cinema.seat_ids[:2])).json["id"]
    assert (await api.confirm(who, before)).status == 200
    held = (await api.hold(who, cinema.showtime_id, cinema.seat_ids[2:3])).json["id"]

    await (pair.fence() if reason == FENCED else pair.switch_over())

    await until_ready(api, 503, reason)
    for refused in await every_write(api, who, cinema, held):
        assert (refused.status, refused.code) == (503, "database_unavailable"), refused.text
        assert refused.headers["Retry-After"]
    assert (await api.call("GET", "/movies")).status == 200

    host.aim(pair.second.url)

    after = await until_it_takes_writes(api, who, cinema, cinema.seat_ids[4:6])
    assert after.status == 201, after.text
    for hold in (after.json["id"], before):
        assert await confirmed_in_the_end(api, who, hold)
    await until_ready(api, 200, "ready")
    statuses = await api.statuses(cinema.showtime_id)
    expected = ["booked", "booked", "held", "available", "booked", "booked"]
    assert [statuses[seat] for seat in cinema.seat_ids[:6]] == expected
    assert pair.second.run("select count(*) from booked_seats") == 4
    assert await confirmed_in_the_end(api, who, held)


async def every_write(api: Api, who: Person, cinema: Cinema, held: str) -> list[Answer]:
    admin = await api.admin()
    movie: dict[str, Any] = {"title": "A Film", "duration_minutes": 90}
    guest = {"name": "A Guest", "email": "guest@example.com"}
    return [
        await api.hold(who, cinema.showtime_id, cinema.seat_ids[4:6]),
        await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", {"quantity": 2}, who=who),
        await api.extend(who, held),
        await api.confirm(who, held),
        await api.cancel(who, held),
        await api.call("POST", "/auth/guest", guest),
        await api.call("POST", "/auth/refresh", {"refresh_token": who.refresh_token}),
        await api.call("POST", "/admin/movies", movie, who=admin),
        await api.call("DELETE", f"/admin/movies/{cinema.movie_id}", who=admin),
    ]


async def confirmed_in_the_end(api: Api, who: Person, reservation_id: str) -> bool:
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await api.confirm(who, reservation_id)).status == 503:
            await asyncio.sleep(0.05)
    return bool(answer.json["status"] == "confirmed")


async def test_a_service_without_requests_leaves_the_demoted_primary(
    start_api: StartApi, pair: Pair, host: Proxy
) -> None:
    await start_api(DATABASE_URL=host.url)
    await pair.fence()
    host.aim(pair.second.url)
    async with asyncio.timeout(PATIENCE_S):
        while not pair.second.run("select count(*) from pg_stat_activity where application_name = 'reservation'"):
            await asyncio.sleep(0.05)


async def test_of_several_hosts_the_one_that_takes_writes_is_used(start_api: StartApi, pair: Pair) -> None:
    """Without a proxy: the list of hosts is gone through for each new connection."""
    hosts = f"127.0.0.1:{pair.first.port},127.0.0.1:{pair.second.port}"
    url = pair.first.url.replace(f"127.0.0.1:{pair.first.port}", hosts) + "&target_session_attrs=read-write"
    api = await start_api(DATABASE_URL=url)
    api.database_url = pair.first.url
    cinema, who = await api.cinema(), await api.sign_up()
    await pair.fence()
    answer = await until_it_takes_writes(api, who, cinema, cinema.seat_ids[:2])
    assert answer.status == 201, answer.text
    assert pair.second.run("select count(*) from reservations") == 1


@pytest.fixture
def valkeys(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URLs of two Valkeys with one password."""
    with ExitStack() as stack:
        urls = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            program = valkey_program(None)
            urls.append(stack.enter_context(running_valkey(tmp_path / name, program, password="s3cret")))
        yield urls[0], urls[1]


async def replicate(source: str, target: str) -> None:
    """Make `target` a replica of `source`; returns when it has its data."""
    with Redis.from_url(source) as master, Redis.from_url(target) as replica:
        address = master.get_connection_kwargs()
        master.config_set("repl-diskless-sync-delay", 0)
        replica.config_set("masterauth", address["password"])
        replica.replicaof(address["host"], address["port"])
        async with asyncio.timeout(PATIENCE_S):
            while replica.info("replication")["master_link_status"] != "up":
                await asyncio.sleep(0.05)


async def test_holds_go_to_the_promoted_master_without_a_restart(start_api: StartApi, valkeys: tuple[str, str]) -> None:
    """A hold that was not replicated any more stands: it is loaded from PostgreSQL."""
    first, second = valkeys
    async with Proxy(first) as host:
        api = await start_api(REDIS_URL=host.url)
        cinema, who, other = await api.cinema(), await api.sign_up(), await api.sign_up()
        await replicate(first, second)
        replicated = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:2])
        assert replicated.status == 201
        with Redis.from_url(second) as promoted:
            promoted.replicaof("no", "one")
        lost = await api.hold(who, cinema.showtime_id, cinema.seat_ids[2:4])
        assert lost.status == 201
        version = (await shown(api, cinema.showtime_id))["version"]

        async with following(api, cinema.showtime_id) as stream:
            follower = Follower()
            event = await stream.next()
            assert event is not None
            follower.apply(event)
            await replicate(second, first)  # demoted, its connections open
            refused = await api.hold(other, cinema.showtime_id, cinema.seat_ids[4:6])
            assert (refused.status, refused.code) == (503, "holds_unavailable")
            assert refused.headers["Retry-After"]
            await until_ready(api, 503, "READONLY")

            host.aim(second)

            answer = await until_it_takes_writes(api, other, cinema, cinema.seat_ids[4:6])
            assert answer.status == 201, answer.text
            for taken in (cinema.seat_ids[:2], cinema.seat_ids[2:4]):
                late = await api.hold(other, cinema.showtime_id, taken)
                assert (late.status, late.code) == (409, "seats_unavailable"), late.text
            await follower.follow_until(stream, await api.statuses(cinema.showtime_id), version + 1)
        for hold in (replicated, lost):
            assert (await api.confirm(who, hold.json["id"])).json["status"] == "confirmed"
        await until_ready(api, 200, "ready")


async def test_a_service_without_requests_leaves_the_demoted_master(
    start_api: StartApi, valkeys: tuple[str, str]
) -> None:
    first, second = valkeys
    async with Proxy(first) as host:
        await start_api(REDIS_URL=host.url)
        await replicate(second, first)
        host.aim(second)
        with Redis.from_url(second) as promoted:
            async with asyncio.timeout(PATIENCE_S):
                while not promoted.pubsub_channels() or not promoted.exists("reservation:run"):
                    await asyncio.sleep(0.05)
