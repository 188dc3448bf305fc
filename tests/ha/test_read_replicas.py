"""Reads from a streaming standby: what a client has written is in them, and a standby that is not well is left out."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import structlog

from reservation.db import migrations as schema
from reservation.db.pool import Database
from reservation.db.pool_options import pool_options
from reservation.db.replicas import UNKNOWN_US, Replicas, open_replicas
from reservation.embedded import embedded_servers
from reservation.settings import Settings
from tests.conftest import StartApi, make_settings
from tests.faults.postgresql_pair import Pair, running_pair

PATIENCE_S = 60.0


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    data_dir = tmp_path / "pair"
    with embedded_servers(data_dir, fast=True):
        pass
    password = json.loads((data_dir / "secrets.json").read_text())["postgres_password"]
    with running_pair(data_dir, password) as servers:
        schema.apply(servers.first.url)
        yield servers


@pytest.fixture
def settings(pair: Pair, redis_url: str, tmp_path: Path) -> Settings:
    more = {"DATABASE_READ_URL": pair.second.url, "READ_MAX_LAG_SECONDS": "2"}
    return make_settings(pair.first.url, redis_url, tmp_path, **more)


@pytest.fixture
async def replicas(settings: Settings) -> AsyncIterator[Replicas]:
    async with asyncpg.create_pool(**pool_options(settings)) as pool:
        primary = Database(pool, wait_s=settings.pool_wait_s)
        async with open_replicas(primary, settings, structlog.stdlib.get_logger("test")) as opened:
            assert opened is not None
            await until(lambda: opened.choose(0) is not None)
            yield opened


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.02)


def processes_of(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def insert_cinema(pair: Pair, name: str) -> None:
    pair.first.run(f"insert into cinemas (name, timezone) values ('{name}', 'UTC')")


async def has_cinema(replicas: Replicas, name: str) -> bool:
    async with replicas.replicas[0].database.connection() as conn:
        return bool(await conn.fetchval("select exists (select from cinemas where name = $1)", name))


async def test_a_replica_that_is_chosen_for_a_moment_has_every_commit_of_before(replicas: Replicas, pair: Pair) -> None:
    for number in range(10):
        insert_cinema(pair, f"Cinema {number}")
        written_us = replicas.now_us()
        await until(lambda at=written_us: replicas.choose(at) is not None)  # type: ignore[misc] # a default binds it now
        assert await has_cinema(replicas, f"Cinema {number}")


async def test_a_replica_with_paused_replay_is_not_chosen_for_what_was_written_since(
    replicas: Replicas, pair: Pair
) -> None:
    pair.second.run("select pg_wal_replay_pause()")
    await until(lambda: pair.second.run("select pg_get_wal_replay_pause_state()") == "paused")
    insert_cinema(pair, "Late")
    written_us = replicas.now_us()
    await until(lambda: replicas.choose(0) is None)  # READ_MAX_LAG_SECONDS have passed
    assert replicas.choose(written_us) is None
    assert not await has_cinema(replicas, "Late")
    pair.second.run("select pg_wal_replay_resume()")
    await until(lambda: replicas.choose(written_us) is not None)
    assert await has_cinema(replicas, "Late")


async def test_a_replica_that_stops_is_left_out_and_used_again_after_its_start(replicas: Replicas, pair: Pair) -> None:
    await asyncio.to_thread(pair.second.stop)
    await until(lambda: not replicas.replicas[0].is_well)
    assert replicas.choose(0) is None
    pair.second.start()
    await until(lambda: replicas.choose(0) is not None)


async def test_a_promoted_replica_is_left_out(replicas: Replicas, pair: Pair) -> None:
    pair.second.run("select pg_promote()")
    await until(lambda: not replicas.replicas[0].is_well)
    assert replicas.choose(0) is None


async def test_an_unknown_moment_is_in_no_replica(replicas: Replicas) -> None:
    assert replicas.choose(UNKNOWN_US) is None


async def test_lists_are_read_from_the_replica_and_a_client_sees_its_write(
    start_api: StartApi, pair: Pair, redis_url: str, tmp_path: Path
) -> None:
    api = await start_api(DATABASE_URL=pair.first.url, DATABASE_READ_URL=pair.second.url, READ_MAX_LAG_SECONDS="3600")
    path = "/cinemas?limit=200"

    async def names(**headers: str) -> set[str]:
        answer = await api.client.get(path, headers={key.replace("_", "-"): value for key, value in headers.items()})
        assert answer.status == 200
        return {each["name"] for each in (await answer.json())["items"]}

    insert_cinema(pair, "Before")
    await pair.caught_up()
    pair.second.run("select pg_wal_replay_pause()")
    insert_cinema(pair, "After")
    async with asyncio.timeout(PATIENCE_S):  # until the first probes the primary answers
        while "After" in await names():
            await asyncio.sleep(0.05)
    assert "Before" in await names()
    refused = await api.client.post("/auth/login", json={"email": "nobody@example.org", "password": "no password"})
    written = refused.headers["Reservation-Written"]
    assert "After" in await names(Reservation_Written=written)
    assert "After" not in await names(Reservation_Written="0")
    assert "After" in await names(Reservation_Written="no number")


async def test_a_replica_that_hangs_delays_no_list_for_long(
    start_api: StartApi, pair: Pair, redis_url: str, tmp_path: Path
) -> None:
    api = await start_api(DATABASE_URL=pair.first.url, DATABASE_READ_URL=pair.second.url)
    insert_cinema(pair, "Here")
    assert pair.second.process is not None
    stopped = processes_of(pair.second.process.pid)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(PATIENCE_S):
            answer = await api.client.get("/cinemas")
        assert answer.status == 200
        assert "Here" in {each["name"] for each in (await answer.json())["items"]}
    finally:
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)
