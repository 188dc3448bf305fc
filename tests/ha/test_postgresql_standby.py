"""Answers after a failover to an asynchronous standby that lacks commits, and while the synchronous standby is away."""

import asyncio
import json
import re
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reservation.db import migrations as schema
from reservation.embedded import embedded_servers
from tests.api import Answer, Api, Cinema, Person
from tests.conftest import StartApi
from tests.faults.postgresql_pair import Pair, Server, running_pair
from tests.ha.costs import Cost, RecordCost
from tests.ha.postgresql_node import processes_of, send

PATIENCE_S = 60.0
STATEMENT_TIMEOUT_S = 1
CODES = {"database_unavailable", "row_locked"}  # the latter while the confirm before waits for the standby
BOUND_S = 30.0  # of an answer while commits wait for ever: STATEMENT_TIMEOUT_SECONDS and 1 s, on a busy machine
GENERATION = "select generation from database_generation"
BOOKED = "select count(*) from booked_seats"


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped instance's data folder with a migrated database: to make it takes longer than these tests."""
    folder = tmp_path_factory.mktemp("made") / "data"
    with embedded_servers(folder, fast=True) as running:
        schema.apply(running.database_url)
    return folder


@pytest.fixture
def pair(made_once: Path, tmp_path: Path) -> Iterator[Pair]:
    data_dir = Path(shutil.copytree(made_once, tmp_path / "pair"))
    password = json.loads((data_dir / "secrets.json").read_text())["postgres_password"]
    with running_pair(data_dir, password) as servers:
        yield servers


async def start_on(pair: Pair, start_api: StartApi) -> Api:
    """The service on both servers, of which it is to use the one that takes writes."""
    hosts = f"127.0.0.1:{pair.first.port},127.0.0.1:{pair.second.port}"
    url = pair.first.url.replace(f"127.0.0.1:{pair.first.port}", hosts) + "&target_session_attrs=read-write"
    api = await start_api(DATABASE_URL=url, STATEMENT_TIMEOUT_SECONDS=str(STATEMENT_TIMEOUT_S))
    api.database_url = pair.first.url
    return api


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.05)


async def until_answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The first answer that is no 503."""
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await ask()).status == 503:
            await asyncio.sleep(0.05)
    return answer


def kill(server: Server) -> None:
    """SIGKILL of the server and its children."""
    send(processes_of(server.folder), signal.SIGKILL)


async def failovers(api: Api, commits: str = "[a-z_]+") -> int:
    """How many fail-overs the service has counted."""
    text = await (await api.client.get("/metrics")).text()
    pattern = rf'^reservation_postgresql_failovers_total\{{commits="{commits}"\}} (\d+)'
    return sum(int(count) for count in re.findall(pattern, text, re.MULTILINE))


@dataclass(slots=True)
class Look:
    """An answer to a client that has a map: when it was asked for, 304 or a newer map."""

    at: float
    status: int
    version: int = 0
    statuses: tuple[str, ...] = ()


@asynccontextmanager
async def looking(api: Api, cinema: Cinema, etag: str) -> AsyncIterator[list[Look]]:
    """Ask during the block again and again whether a map is still the newest."""
    looks: list[Look] = []

    async def look() -> None:
        while True:
            at = time.monotonic()
            path = f"/showtimes/{cinema.showtime_id}/seats"
            answer = await api.call("GET", path, headers={"If-None-Match": etag})
            seats = {seat["id"]: seat["status"] for seat in answer.json["seats"]} if answer.status == 200 else {}
            version = answer.json["version"] if seats else 0
            looks.append(Look(at, answer.status, version, tuple(seats.get(seat, "") for seat in cinema.seat_ids)))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(look())
    try:
        yield looks
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()


async def sold(api: Api, who: Person, cinema: Cinema, seat: int) -> str:
    held = await api.hold(who, cinema.showtime_id, [seat])
    assert held.status == 201, held.text
    confirmed = await api.confirm(who, held.json["id"])
    assert confirmed.status == 200, confirmed.text
    return str(held.json["id"])


async def test_commits_that_an_asynchronous_standby_lacks_are_counted_and_their_seats_are_free_in_newer_maps(
    start_api: StartApi, pair: Pair, record_cost: RecordCost
) -> None:
    with capture_logs() as logs:
        api = await start_on(pair, start_api)
        cinema, who, other = await api.cinema(rows=1, seats_per_row=2), await api.sign_up(), await api.sign_up()
        kept_seat, lost_seat = cinema.seat_ids
        kept = await sold(api, who, cinema, kept_seat)
        await pair.caught_up()
        pair.second.run("alter system set primary_conninfo = ''")
        pair.second.run("select pg_reload_conf()")
        await until(lambda: not pair.first.run("select count(*) from pg_stat_replication"))
        lost = await sold(api, who, cinema, lost_seat)
        # The service sees a loss by this number, which it raises every 2 s: the second time, Redis has the first.
        behind = pair.second.run(GENERATION)
        await until(lambda: int(str(pair.first.run(GENERATION))) >= int(str(behind)) + 2)
        before = await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")
        assert {seat["status"] for seat in before.json["seats"]} == {"booked"}
        counted = await failovers(api, "lost")

        async with looking(api, cinema, before.headers["ETag"]) as looks:
            kill(pair.first)
            pair.second.run("select pg_promote()")
            promoted_at = time.monotonic()
            async with asyncio.timeout(PATIENCE_S):
                while await failovers(api, "lost") == counted:
                    await asyncio.sleep(0.02)
            noticed_at = time.monotonic()
            again = await until_answered(partial(api.hold, other, cinema.showtime_id, [lost_seat]))
            back_s = time.monotonic() - promoted_at
            await until(lambda: "held" in looks[-1].statuses)

    record_cost(Cost("a primary is killed, asynchronous standby", 1, 2, 1, 0, (back_s,)))
    assert await failovers(api, "lost") == counted + 1
    assert [each["commits"] for each in logs if each["event"] == "database_failed_over"] == ["lost"]
    assert again.status == 201, again.text
    newer = [look for look in looks if look.status == 200]
    assert {look.status for look in looks if look.at > noticed_at} == {200}
    assert newer[0].version > before.json["version"]
    assert [look.version for look in newer] == sorted(look.version for look in newer)
    assert {look.statuses for look in newer} <= {("booked", "available"), ("booked", "held")}
    assert (await api.call("GET", f"/reservations/{kept}", who=who)).json["status"] == "confirmed"
    assert (await api.call("GET", f"/reservations/{lost}", who=who)).status == 404


async def test_without_the_synchronous_standby_bookings_are_503_and_a_repeated_one_is_done_once_when_it_is_back(
    start_api: StartApi, pair: Pair
) -> None:
    pair.first.run("alter system set synchronous_standby_names = 'ANY 1 (*)'")
    pair.first.run("select pg_reload_conf()")
    api = await start_on(pair, start_api)
    cinema, who = await api.cinema(), await api.sign_up()
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:2])
    assert held.status == 201, held.text
    body, key = {"seat_ids": cinema.seat_ids[2:4]}, {"Idempotency-Key": "of-a-hold"}

    def hold() -> Awaitable[Answer]:
        return api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=who, headers=key)

    def confirm() -> Awaitable[Answer]:
        return api.confirm(who, held.json["id"])

    await asyncio.to_thread(pair.second.stop)
    for ask in (confirm, confirm, hold):  # the second one finds the reservation confirmed, and nowhere else so
        async with asyncio.timeout(BOUND_S):
            refused = await ask()
        assert refused.status == 503, refused.text
        assert refused.code in CODES
        assert refused.headers["Retry-After"]
    assert pair.first.run(BOOKED) == 0  # until the standby has it, no reader sees it
    pair.second.start()

    await until(lambda: pair.first.run(BOOKED) == 2)  # though it was answered with 503
    await api.work()
    statuses = await api.statuses(cinema.showtime_id)
    assert [statuses[seat] for seat in cinema.seat_ids[:2]] == ["booked", "booked"]
    for _ in range(2):
        confirmed = await until_answered(confirm)
        assert (confirmed.status, confirmed.json["status"]) == (200, "confirmed"), confirmed.text
    assert pair.second.run("select pg_is_in_recovery()")
    await pair.caught_up()
    assert pair.second.run(BOOKED) == 2
    first = await until_answered(hold)
    assert (first.status, first.json["status"]) == (201, "held"), first.text
    assert (await hold()).json["id"] == first.json["id"]
    listed = (await api.call("GET", "/reservations", who=who)).json["items"]
    assert {each["id"] for each in listed} == {held.json["id"], first.json["id"]}
    assert pair.first.run(BOOKED) == 2


async def test_a_promoted_server_is_used_and_the_old_primary_is_not_written_to_though_it_takes_writes(
    start_api: StartApi, pair: Pair, record_cost: RecordCost
) -> None:
    """As after a promotion by Patroni, while that of the old primary stands still."""
    api = await start_on(pair, start_api)
    cinema, who = await api.cinema(), await api.sign_up()
    await sold(api, who, cinema, cinema.seat_ids[0])
    await pair.caught_up()
    counted = await failovers(api)
    pair.second.run("select pg_promote()")
    promoted_at = time.monotonic()
    async with asyncio.timeout(PATIENCE_S):
        while await failovers(api) == counted:
            await asyncio.sleep(0.02)

    answered_at: list[float] = []
    for seat in cinema.seat_ids[1:5]:
        reservation_id = (await until_answered(partial(api.hold, who, cinema.showtime_id, [seat]))).json["id"]
        confirmed = await until_answered(partial(api.confirm, who, reservation_id))
        assert confirmed.status == 200, confirmed.text
        answered_at.append(time.monotonic())

    lost = 5 - int(str(pair.second.run(BOOKED)))
    record_cost(Cost("a standby is promoted beside the primary", 1, 5, lost, 0, (answered_at[0] - promoted_at,)))
    assert lost == 0
    assert pair.first.run(BOOKED) == 1
    assert not pair.first.run("select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean")
