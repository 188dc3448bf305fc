"""Reads from a streaming standby: what a client has written is in them, and a standby that is not well is left out."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import structlog

from reservation.app import TABLES
from reservation.db import metrics, migrations as schema
from reservation.db.failover.server_lines import ServerLines
from reservation.db.replicas import Replicas
from reservation.db.replicas.probes import open_replicas
from reservation.db.repository.wal_positions import START
from reservation.embedded import embedded_servers
from reservation.errors import DatabaseUnavailable
from reservation.http.app_keys import REPLICAS
from reservation.http.read_sources import Source, source_of
from reservation.settings import Settings
from tests.api import Api
from tests.conftest import StartApi, make_settings
from tests.faults.postgresql_pair import Pair, running_pair
from tests.ports import free_port
from tests.web.visitor import Visitor

PATIENCE_S = 60.0
WRITTEN = "Reservation-Written"
REPORT_S = 30.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    data_dir = tmp_path_factory.mktemp("pair")
    with embedded_servers(data_dir, fast=True):
        pass
    password = json.loads((data_dir / "secrets.json").read_text())["postgres_password"]
    with running_pair(data_dir, password) as servers:
        schema.apply(servers.first.url)
        yield servers


@pytest.fixture
def pair(running: Pair) -> Iterator[Pair]:
    """The pair of the module; the standby replays again after each test."""
    yield running
    if running.second.run("select pg_is_in_recovery()"):
        running.second.run("select pg_wal_replay_resume()")


@pytest.fixture
def database_url(pair: Pair) -> str:
    return pair.first.url


@pytest.fixture
def settings(pair: Pair, redis_url: str, tmp_path: Path) -> Settings:
    more = {"DATABASE_READ_URL": pair.second.url, "READ_MAX_LAG_SECONDS": "2"}
    return make_settings(pair.first.url, redis_url, tmp_path, **more)


@pytest.fixture
async def replicas(settings: Settings) -> AsyncIterator[Replicas]:
    log = structlog.stdlib.get_logger("test")
    async with open_replicas(settings, ServerLines(), log, report_s=REPORT_S) as opened:
        assert opened is not None
        await until(lambda: opened.choose(START) is not None)
        yield opened


def with_host(url: str, host: str) -> str:
    """A URL with one host more."""
    return re.sub(r"(@[^/]+)/", rf"\1,{host}/", url)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.02)


async def until_lacks(text: str, read: Callable[[], Awaitable[Any]]) -> None:
    """Wait for an answer of a replica without this text: on a busy machine the primary may answer in its place."""
    async with asyncio.timeout(PATIENCE_S):
        while text in await read():
            await asyncio.sleep(0.1)


async def with_replica(api: Api) -> Api:
    """The service once it reads from the replica."""
    opened = api.client.app[REPLICAS]
    await until(lambda: opened.choose(START) is not None)
    return api


async def paused(pair: Pair) -> None:
    """Stop the replay, after all that was written so far."""
    await pair.caught_up()
    pair.second.run("select pg_wal_replay_pause()")
    await until(lambda: pair.second.run("select pg_get_wal_replay_pause_state()") == "paused")


def insert_movie(pair: Pair, name: str) -> None:
    pair.first.run(f"insert into movies (title, duration_minutes) values ('{name}', 90)")


async def has_movie(replicas: Replicas, name: str) -> bool:
    async with replicas.replicas[0].database.connection() as conn:
        return bool(await conn.fetchval("select exists (select from movies where title = $1)", name))


async def titles(api: Api, path: str, **headers: str) -> set[str]:
    """The titles of the movies."""
    answer = await api.call("GET", f"{path}?limit=200", headers={WRITTEN: headers["written"]} if headers else {})
    assert answer.status == 200
    return {each["title"] for each in answer.json["items"]}


async def test_a_replica_that_is_chosen_for_a_position_has_every_commit_of_before(
    replicas: Replicas, pair: Pair
) -> None:
    for number in range(10):
        insert_movie(pair, f"Cinema {number}")
        written = await replicas.positions.now()
        await until(lambda at=written: replicas.choose(at) is not None)  # type: ignore[misc] # a default binds it now
        assert await has_movie(replicas, f"Cinema {number}")


async def test_a_replica_has_caught_up_with_what_was_committed_before_the_call(replicas: Replicas, pair: Pair) -> None:
    caught_up = 0
    for number in range(10):
        insert_movie(pair, f"Caught up {number}")
        if await replicas.caught_up() is not None:
            caught_up += 1
            assert await has_movie(replicas, f"Caught up {number}")
    assert caught_up


async def test_a_replica_with_paused_replay_is_not_chosen_for_what_was_written_since(
    replicas: Replicas, pair: Pair
) -> None:
    await paused(pair)
    insert_movie(pair, "Late")
    written = await replicas.positions.now()
    assert await replicas.caught_up() is None
    await until(lambda: replicas.choose(START) is None)  # READ_MAX_LAG_SECONDS have passed
    await until(lambda: metrics.REPLICA_IN_USE.values[replicas.replicas[0].name] == 0)
    assert replicas.choose(written) is None
    assert not await has_movie(replicas, "Late")
    pair.second.run("select pg_wal_replay_resume()")
    await until(lambda: replicas.choose(written) is not None)
    assert await has_movie(replicas, "Late")


async def test_a_replica_refuses_locks_and_writes(replicas: Replicas) -> None:
    for statement in (
        "select id from movies for share",
        "insert into movies (title, duration_minutes) values ('A', 9)",
    ):
        with pytest.raises(DatabaseUnavailable) as refused:
            async with replicas.replicas[0].database.connection() as conn:
                await conn.execute(statement)
        assert isinstance(refused.value.__cause__, asyncpg.ReadOnlySQLTransactionError)


async def test_a_client_sees_its_write_and_others_what_the_replica_has(start_api: StartApi, pair: Pair) -> None:
    url = with_host(pair.second.url, f"127.0.0.1:{free_port()}")
    api = await with_replica(await start_api(DATABASE_READ_URL=url, READ_MAX_LAG_SECONDS="3600"))
    assert [each.is_well for each in api.client.app[REPLICAS].replicas] == [True, False]
    admin = await api.admin()
    await paused(pair)
    made = await api.call("POST", "/admin/movies", {"title": "Mine", "duration_minutes": 90}, who=admin)
    written = made.headers[WRITTEN]
    assert "Mine" in await titles(api, "/movies", written=written)
    assert "Mine" in await titles(api, "/movies", written=f"0, {written}")
    assert "Mine" in await titles(api, "/movies", written="primary")
    await until_lacks("Mine", lambda: titles(api, "/movies", written="0"))
    await until_lacks("Mine", lambda: titles(api, "/movies"))
    signed_in = await api.call("GET", "/movies?limit=200", who=admin)
    assert "Mine" in {each["title"] for each in signed_in.json["items"]}
    assert (await api.call("GET", f"/v1/movies/{made.json['id']}")).status == 404
    assert (await api.call("GET", f"/v1/movies/{made.json['id']}", headers={WRITTEN: written})).status == 200


async def test_metrics_show_the_replica_and_what_was_read_from_it(start_api: StartApi, pair: Pair) -> None:
    api = await with_replica(await start_api(DATABASE_READ_URL=pair.second.url))
    wanted = (
        r'^reservation_reads_total\{server="replica"\} [1-9]',
        r"^reservation_replica_in_use\{[^}]*\} 1",
        r"^reservation_replica_lag_seconds\{[^}]*\} \d",
    )
    async with asyncio.timeout(PATIENCE_S):
        while True:  # the counts are published once a second
            await titles(api, "/movies")
            shown = (await api.call("GET", "/metrics")).text
            if all(re.search(each, shown, re.MULTILINE) for each in wanted):
                break


async def test_an_etag_of_a_replica_that_lags_does_not_let_a_write_succeed(start_api: StartApi, pair: Pair) -> None:
    api = await with_replica(await start_api(DATABASE_READ_URL=pair.second.url, READ_MAX_LAG_SECONDS="3600"))
    admin, movie_id = await api.admin(), await api.movie(title="First")
    path, body = f"/admin/movies/{movie_id}", {"title": "Second", "duration_minutes": 90}
    await paused(pair)
    assert (await api.call("PUT", path, body, who=admin)).status == 200
    stale = await api.call("GET", path, who=admin, headers={WRITTEN: "0"})
    assert stale.json["title"] == "First"
    refused = await api.call(
        "PUT", path, body | {"title": "Third"}, who=admin, headers={"If-Match": stale.headers["ETag"]}
    )
    assert (refused.status, refused.code) == (412, "precondition_failed")
    fresh = await api.call("GET", path, who=admin)
    assert fresh.json["title"] == "Second"


async def test_what_is_sold_is_in_reports_and_lists_at_once(start_api: StartApi, pair: Pair) -> None:
    """Holds and confirms have no position: what shows them is read from a replica that has caught up, or exactly."""
    api = await with_replica(await start_api(DATABASE_READ_URL=pair.second.url, READ_MAX_LAG_SECONDS="3600"))
    admin, cinema, customer = await api.admin(), await api.cinema(), await api.sign_up()
    await paused(pair)
    held = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])
    confirmed = await api.confirm(customer, held.json["id"])
    assert WRITTEN not in held.headers
    assert WRITTEN not in confirmed.headers
    known = {WRITTEN: "0"}
    for path, who in (("/reservations", customer), ("/admin/reservations", admin)):
        listed = await api.call("GET", path, who=who, headers=known)
        assert held.json["id"] in {each["id"] for each in listed.json["items"]}, path
    exported = await api.call("GET", "/auth/me/export", who=customer, headers=known)
    assert [each["id"] for each in exported.json["reservations"]] == [held.json["id"]]
    report = await api.call("GET", f"/reports/showtimes/{cinema.showtime_id}", who=admin)
    assert report.json["sold"] == 1
    assert (await api.statuses(cinema.showtime_id))[cinema.seat_ids[0]] == "booked"


async def test_every_operation_of_the_table_is_answered_by_the_replica_alone(start_api: StartApi, pair: Pair) -> None:
    """A standby refuses what writes or locks, so that each statement of these operations is one that only reads."""
    api = await with_replica(await start_api(DATABASE_READ_URL=pair.second.url, READ_MAX_LAG_SECONDS="3600"))
    paths = await paths_of(api)
    admin = await api.admin()
    await pair.caught_up()
    for operation in (each for table in TABLES for each in table.operations):
        source = source_of(operation)
        if operation.method != "GET" or source is Source.PRIMARY:
            continue
        path = operation.path.format(**paths)
        async with asyncio.timeout(PATIENCE_S):
            while True:  # a moment without a replica, on a busy machine, is not what is tested
                metrics.READS.counts.update(replica=0, primary=0)
                answer = await api.call("GET", path, who=admin, headers={WRITTEN: "0"})
                assert answer.status == 200, path
                if not metrics.READS.counts["primary"]:
                    break
        assert metrics.READS.counts["replica"] >= 1, path


async def paths_of(api: Api) -> dict[str, Any]:
    """The ids of a thing of each kind."""
    cinema, kind = await api.cinema(), await api.make("/admin/ticket-types", {"name": "Child", "price_factor": "0.5"})
    customer = await api.sign_up()
    await api.confirm(customer, (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json["id"])
    return {
        "cinema_id": (await api.call("GET", "/cinemas")).json["items"][0]["id"],
        "movie_id": cinema.movie_id,
        "auditorium_id": cinema.auditorium_id,
        "showtime_id": cinema.showtime_id,
        "seat_id": cinema.seat_ids[0],
        "ticket_type_id": kind["id"],
        "user_id": customer.id,
    }


async def test_a_page_after_a_form_shows_what_was_written(start_api: StartApi, pair: Pair) -> None:
    api = await with_replica(await start_api(DATABASE_READ_URL=pair.second.url, READ_MAX_LAG_SECONDS="3600"))
    browser, other = Visitor(api.client), Visitor(api.client)
    for each in (browser, other):
        await each.sign_in(await api.admin())
    await paused(pair)
    await browser.open("/manage/films/new")
    await browser.submit("/manage/films/new", title="From a form", duration_minutes="90")
    assert "From a form" in (await browser.open("/manage/films")).text
    [kept] = [each for each in browser.cookies if each.key == "__Host-written"]
    assert int(kept["max-age"]) > 3600

    async def films() -> str:
        return (await other.open("/manage/films")).text

    await until_lacks("From a form", films)


async def test_a_replica_that_hangs_delays_no_list_for_long(start_api: StartApi, pair: Pair) -> None:
    api = await with_replica(await start_api(DATABASE_READ_URL=pair.second.url, READ_MAX_LAG_SECONDS="3600"))
    insert_movie(pair, "Here")
    await pair.caught_up()
    assert pair.second.process is not None
    stopped = processes_of(pair.second.process.pid)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert "Here" in await titles(api, "/movies")
        await until(lambda: not api.client.app[REPLICAS].replicas[0].is_well)
    finally:
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)


def processes_of(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


async def test_a_database_that_is_no_standby_is_left_out(start_api: StartApi, pair: Pair) -> None:
    api = await start_api(DATABASE_READ_URL=pair.first.url)
    opened = api.client.app[REPLICAS]
    async with asyncio.timeout(PATIENCE_S):
        async with opened.replicas[0].database.connection() as conn:
            await conn.fetchval("select 1")
    insert_movie(pair, "Not a standby")
    assert "Not a standby" in await titles(api, "/movies")
    assert opened.choose(START) is None


async def test_a_replica_that_stops_is_left_out_and_used_again_after_its_start(replicas: Replicas, pair: Pair) -> None:
    await asyncio.to_thread(pair.second.stop)
    await until(lambda: not replicas.replicas[0].is_well)
    assert replicas.choose(START) is None
    pair.second.start()
    await until(lambda: replicas.choose(START) is not None)


async def test_after_a_failover_reads_come_from_the_standby_of_the_new_primary(start_api: StartApi, pair: Pair) -> None:
    """The last test, since it swaps the servers; what was written before and after is read from the right one."""
    first, second = pair.first.url, pair.second.url
    host = second.rpartition("@")[2].partition("/")[0]
    both = with_host(first, host)
    api = await with_replica(
        await start_api(DATABASE_URL=f"{both}&target_session_attrs=read-write", DATABASE_READ_URL=both)
    )
    opened = api.client.app[REPLICAS]
    admin = await api.admin()
    made = await api.call("POST", "/admin/movies", {"title": "Before", "duration_minutes": 90}, who=admin)
    before = made.headers[WRITTEN]
    await pair.switch_over()
    await until(lambda: bool(opened.replicas[0].is_well) and opened.choose(START) is opened.replicas[0])
    assert not opened.replicas[1].is_well
    assert "Before" in await titles(api, "/movies", written=before)
    made = await api.call("POST", "/admin/movies", {"title": "After", "duration_minutes": 90}, who=admin)
    after = made.headers[WRITTEN]
    assert (before.partition(".")[0], after.partition(".")[0]) == ("1", "2")
    pair.first.run("select pg_wal_replay_pause()")
    assert "After" in await titles(api, "/movies", written=after)
    pair.first.run("select pg_wal_replay_resume()")
