"""Two answered holds of one seat never overlap, whatever pauses, dies or is restored between Redis and PostgreSQL."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import pytest
from redis.asyncio import Redis

from reservation.booking.batches import BookingBatches
from reservation.db.repository import reservations
from reservation.db.repository.reservation_rows import Reservation
from reservation.db.repository.reservations import HoldToInsert
from reservation.embedded.binaries import valkey_program
from reservation.embedded.valkey import running_valkey
from reservation.errors import DatabaseUnavailable
from reservation.holds.keys import seat_key
from reservation.holds.worker_marks import KnownDatabase, WorkerMarks
from reservation.http.app_keys import BOOKING_CONTEXT
from tests.api import Answer, Api, Cinema, Connection, Person
from tests.conftest import StartApi
from tests.faults.proxy import Proxy
from tests.figures import figures, growth

PATIENCE_S = 20
KINDS = ["hold", "best available", "extend"]
HOLD_TTL_S = 2


class Step:
    """A step at which one request waits for the test."""

    def __init__(self) -> None:
        self._is_armed = False
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    def arm(self) -> None:
        """Let the next request that gets here wait."""
        self._is_armed = True

    async def pass_by(self) -> bool:
        """Wait, if this is the request that is to wait."""
        waits, self._is_armed = self._is_armed, False
        if waits:
            self.reached.set()
            await self.go_on.wait()
        return waits


class Steps:
    """Between Redis and PostgreSQL, and between PostgreSQL's answer and what follows it."""

    def __init__(self) -> None:
        self.before_statement = Step()
        self.after_statement = Step()
        self.is_answer_lost = False


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    steps, insert, extend = Steps(), BookingBatches.insert_held, reservations.extend

    async def insert_held(batches: BookingBatches, hold: HoldToInsert) -> Reservation:
        waited = await steps.before_statement.pass_by()
        inserted = await insert(batches, hold)
        await steps.after_statement.pass_by()
        if waited and steps.is_answer_lost:
            raise DatabaseUnavailable
        return inserted

    async def extend_hold(conn: Any, **arguments: Any) -> datetime | None:
        await steps.before_statement.pass_by()
        extended = await extend(conn, **arguments)
        await steps.after_statement.pass_by()
        return extended

    monkeypatch.setattr(BookingBatches, "insert_held", insert_held)
    monkeypatch.setattr(reservations, "extend", extend_hold)
    return steps


class OwnRedis:
    """A Valkey for the test alone, at one address also after it was restarted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = ExitStack()
        self.url = self._start()
        self.proxy = Proxy(self.url)

    def _start(self) -> str:
        return self._running.enter_context(running_valkey(self._folder, valkey_program(None), password="of-the-test"))

    async def restart(self) -> None:
        """End it, and start it with the data that were saved last, if any were."""
        self._running.close()
        self.url = self._start()
        self.proxy.aim(self.url)

    async def pid(self) -> int:
        async with Redis.from_url(self.url) as client:
            return int((await client.info("server"))["process_id"])

    async def aclose(self) -> None:
        await self.proxy.cut()
        self._running.close()


@pytest.fixture
async def own_redis(tmp_path: Path) -> AsyncIterator[OwnRedis]:
    own = OwnRedis(tmp_path)
    await own.proxy.open()
    yield own
    await own.aclose()


async def lose_in_redis(own: OwnRedis, how: str) -> None:
    """Redis loses what it has of holds that PostgreSQL does not have."""
    if how in {"killed", "restored"}:
        await own.restart()
        return
    async with Redis.from_url(own.url, decode_responses=True) as client:
        if how == "flushed":
            await client.flushall()
            return
        marks = WorkerMarks(client)  # as a worker does it that finds an older PostgreSQL
        known = await marks.known_database()
        assert await marks.detect_restore(known, KnownDatabase(known.identity, known.generation - 1), raised_to=1)


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """Processes that stand still."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def backends_of_first(db: Connection) -> list[int]:
    """PostgreSQL's processes that serve the worker of the first customer."""
    rows = await db.fetch(
        "select pid from pg_stat_activity where application_name = 'reservation' and datname = current_database()"
        " and usename = current_user"
    )
    return [row["pid"] for row in rows]


async def postmaster(db: Connection) -> int:
    """PostgreSQL's first process, without which no connection is opened."""
    pid = await db.fetchval("select pg_backend_pid()")
    parent = await asyncio.to_thread(
        subprocess.run, ["ps", "-o", "ppid=", "-p", str(pid)], check=True, capture_output=True, text=True
    )
    return int(parent.stdout)


class Rivals:
    """Two customers at two workers, who want the only seat of a showtime."""

    def __init__(self, here: Api, there: Api, cinema: Cinema, first: Person, second: Person) -> None:
        self.here, self.there, self.cinema, self.first, self.second = here, there, cinema, first, second
        [self.seat] = cinema.seat_ids

    async def ask(self, kind: str, held: str | None = None, key: str | None = None) -> Answer:
        """The first customer's request."""
        if held is not None:
            return await self.here.extend(self.first, held)
        wish: dict[str, Any] = {"quantity": 1} if kind == "best available" else {"seat_ids": [self.seat]}
        return await self.hold_at(self.here, wish, key)

    async def hold_at(self, api: Api, wish: dict[str, Any], key: str | None) -> Answer:
        headers = {} if key is None else {"Idempotency-Key": key}
        path = f"/showtimes/{self.cinema.showtime_id}/holds"
        return await api.call("POST", path, wish, who=self.first, headers=headers)

    async def compete(self) -> Answer:
        """The second customer's request."""
        return await self.there.hold(self.second, self.cinema.showtime_id, [self.seat])


StartRivals = Callable[..., Awaitable[Rivals]]


@pytest.fixture
async def start_rivals(
    start_api: StartApi, db: Connection, database_url: str, redis_url: str
) -> AsyncIterator[StartRivals]:
    """Starts the two workers, and makes a showtime whose map both know. Their roles in PostgreSQL differ."""
    name = "worker_of_the_second"
    await db.execute(f"create role {name} superuser login password '{name}'")
    parts = urlsplit(database_url)
    other_url = urlunsplit(parts._replace(netloc=f"{name}:{name}@{parts.hostname}:{parts.port}"))
    started: list[Api] = []

    async def start(url: str = redis_url, url_of_first: str = "", **settings: str) -> Rivals:
        there = await start_api(REDIS_URL=url, DATABASE_URL=other_url, **settings)
        here = await start_api(REDIS_URL=url_of_first or url, **settings)
        started.extend((there, here))
        cinema, first, second = await there.cinema(rows=1, seats_per_row=1), await here.sign_up(), await there.sign_up()
        for api, customer in ((here, first), (there, second)):
            assert (await api.statuses(cinema.showtime_id)).keys() == set(cinema.seat_ids)
            assert (await api.call("GET", "/reservations", who=customer)).status == 200
        return Rivals(here, there, cinema, first, second)

    yield start
    for api in started:
        await api.client.close()
    await db.execute(f"drop role {name}")


async def assert_not_before_the_end(answer: Answer, both: Rivals) -> None:
    """The second customer gets the seat when the first one's time is over, and not before."""
    assert answer.status in (200, 201), answer.text
    async with asyncio.timeout(PATIENCE_S):
        while (competing := await both.compete()).status != 201:
            await asyncio.sleep(0.02)
    assert as_time(competing.json["created_at"]) >= as_time(answer.json["expires_at"])


def as_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("how", ["killed", "restored", "flushed", "forgotten after a restore of PostgreSQL"])
@pytest.mark.parametrize("kind", ["hold", "best available"])
async def test_a_seat_that_redis_lost_before_postgresql_had_the_hold_is_answered_to_one_customer(
    start_rivals: StartRivals, own_redis: OwnRedis, steps: Steps, db: Connection, kind: str, how: str
) -> None:
    both = await start_rivals(own_redis.proxy.url)
    if how == "restored":
        async with Redis.from_url(own_redis.url) as client:
            await client.save()
    steps.before_statement.arm()
    asked = asyncio.create_task(both.ask(kind))
    await steps.before_statement.reached.wait()
    await lose_in_redis(own_redis, how)
    competing = await both.compete()
    steps.before_statement.go_on.set()
    answer = await asked

    assert (competing.status, answer.status, answer.code) == (201, 409, "seats_unavailable")
    found = await db.fetch("select id, status from reservations where status <> 'cancelled'")
    assert [(str(row["id"]), row["status"]) for row in found] == [(competing.json["id"], "held")]
    assert (await both.there.confirm(both.second, competing.json["id"])).status == 200


async def test_an_extended_hold_that_redis_lost_before_postgresql_had_it_is_kept_until_its_new_end(
    start_rivals: StartRivals, own_redis: OwnRedis, steps: Steps
) -> None:
    """Redis is loaded again with the end before."""
    both = await start_rivals(own_redis.proxy.url, HOLD_TTL_SECONDS=str(HOLD_TTL_S))
    held = (await both.ask("hold")).json["id"]
    await until_key_has(own_redis.url, both, left_ms=HOLD_TTL_S * 1000 / 2)
    steps.before_statement.arm()
    asked = asyncio.create_task(both.ask("extend", held))
    await steps.before_statement.reached.wait()
    await lose_in_redis(own_redis, "flushed")
    assert (await both.compete()).code == "seats_unavailable"
    steps.before_statement.go_on.set()
    await assert_not_before_the_end(await asked, both)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_seat_whose_loss_a_worker_is_told_of_after_its_answer_is_answered_to_one_customer(
    start_rivals: StartRivals, own_redis: OwnRedis, steps: Steps, kind: str
) -> None:
    both = await start_rivals(own_redis.url, own_redis.proxy.url, HOLD_TTL_SECONDS=str(HOLD_TTL_S))
    held = (await both.ask("hold")).json["id"] if kind == "extend" else None
    steps.before_statement.arm()
    asking = asyncio.create_task(both.ask(kind, held))
    await steps.before_statement.reached.wait()
    own_redis.proxy.stall()  # Redis's notice of the FLUSHALL does not reach the first customer's worker
    await lose_in_redis(own_redis, "flushed")
    looking = asyncio.create_task(both.there.statuses(both.cinema.showtime_id))
    await asyncio.wait([looking], timeout=0.03)  # PostgreSQL would be read by now
    steps.before_statement.go_on.set()
    await asyncio.wait([asking], timeout=0.3)
    own_redis.proxy.flow()
    answer = await asking
    await looking
    if answer.status != 503:  # on a slow machine the worker looks again, and finds that Redis does not answer
        await assert_not_before_the_end(answer, both)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hold_that_postgresql_writes_late_is_kept_until_the_end_that_is_answered(
    start_rivals: StartRivals, redis_url: str, steps: Steps, db: Connection, kind: str
) -> None:
    both = await start_rivals(redis_url, HOLD_TTL_SECONDS=str(HOLD_TTL_S))
    held = (await both.ask("hold")).json["id"] if kind == "extend" else None
    steps.before_statement.arm()
    asked = asyncio.create_task(both.ask(kind, held))
    await steps.before_statement.reached.wait()
    with stopped([await postmaster(db), *await backends_of_first(db)]):
        steps.before_statement.go_on.set()
        await until_key_has(redis_url, both, left_ms=HOLD_TTL_S * 1000 / 2)
    await assert_not_before_the_end(await asked, both)


async def test_a_hold_that_postgresql_writes_after_its_keys_have_expired_is_undone_if_another_has_the_seat(
    start_rivals: StartRivals, redis_url: str, steps: Steps, db: Connection
) -> None:
    both = await start_rivals(redis_url, HOLD_TTL_SECONDS="1")
    steps.before_statement.arm()
    asked = asyncio.create_task(both.ask("hold"))
    await steps.before_statement.reached.wait()
    with stopped([await postmaster(db), *await backends_of_first(db)]):
        steps.before_statement.go_on.set()
        await until_key_has(redis_url, both, left_ms=0)
        competing = await both.compete()
    answer = await asked

    assert competing.status == 201
    if answer.status == 201:  # on a slow machine, the other hold has ended by then
        assert as_time(answer.json["created_at"]) >= as_time(competing.json["expires_at"])
    else:
        assert answer.code == "seats_unavailable"


async def test_a_repeated_key_gets_no_hold_whose_seat_another_has_by_now(
    start_rivals: StartRivals, own_redis: OwnRedis, steps: Steps
) -> None:
    """The first request with it is late: PostgreSQL has its hold, and it has not taken the seat again yet."""
    both = await start_rivals(own_redis.proxy.url)
    before = await figures(both.here)
    steps.before_statement.arm()
    first = asyncio.create_task(both.ask("hold", key="a"))
    await steps.before_statement.reached.wait()
    await lose_in_redis(own_redis, "flushed")
    competing = await both.compete()
    assert competing.status == 201
    steps.after_statement.arm()
    steps.before_statement.go_on.set()
    await steps.after_statement.reached.wait()

    wish = {"seat_ids": [both.seat]}
    repeated = await both.hold_at(both.there, wish, "a")
    steps.after_statement.go_on.set()

    assert [repeated.code, (await first).code] == ["seats_unavailable"] * 2
    assert (await growth(both.here, before))["reservation_holds_undone_total"] >= 1
    assert (await both.hold_at(both.there, wish, "a")).code == "seats_unavailable"
    assert (await both.there.cancel(both.second, competing.json["id"])).status == 200
    assert (await both.hold_at(both.there, wish, "a")).status == 201  # decided anew


async def test_a_repeated_key_gets_no_hold_whose_seat_was_sold_by_now(start_rivals: StartRivals, steps: Steps) -> None:
    """PostgreSQL has the hold of the first request, whose answer was lost, so its seat was released and sold."""
    both = await start_rivals()
    wish = {"seat_ids": [both.seat]}
    steps.is_answer_lost = True
    steps.before_statement.arm()
    first = asyncio.create_task(both.ask("hold", key="a"))
    await steps.before_statement.reached.wait()
    steps.before_statement.go_on.set()
    assert (await first).code == "database_unavailable"
    competing = await both.compete()
    assert competing.status == 201, competing.text
    assert (await both.there.confirm(both.second, competing.json["id"])).status == 200

    repeated = await both.hold_at(both.here, wish, "a")

    assert repeated.code == "seats_unavailable", repeated.text
    assert repeated.json["seats"] == [{"seat_id": both.seat, "reason": "booked"}]
    assert await both.there.statuses(both.cinema.showtime_id) == {both.seat: "booked"}
    assert (await both.there.cancel(both.second, competing.json["id"])).status == 200
    assert (await both.hold_at(both.here, wish, "a")).status == 201  # decided anew


async def test_a_late_undo_of_the_first_request_leaves_the_hold_of_the_repeated_one(
    start_rivals: StartRivals, start_api: StartApi, redis_url: str, steps: Steps
) -> None:
    """The first failed without PostgreSQL's answer, though it had committed, and Redis does not answer it then."""
    both = await start_rivals()
    async with Proxy(redis_url) as redis:
        both.here = here = await start_api(REDIS_URL=redis.url)
        assert (await here.statuses(both.cinema.showtime_id)).keys() == {both.seat}
        steps.is_answer_lost = True
        steps.before_statement.arm()
        first = asyncio.create_task(both.ask("hold", key="a"))
        await steps.before_statement.reached.wait()
        await redis.cut()
        steps.before_statement.go_on.set()
        assert (await first).code == "database_unavailable"

        repeated = await both.hold_at(both.there, {"seat_ids": [both.seat]}, "a")
        assert repeated.status == 201, repeated.text
        await redis.open()
        await until_undone(here)

        assert (await both.compete()).code == "seats_unavailable"
        await here.client.close()


@pytest.mark.parametrize("key", [None, "a-key"])
async def test_a_hold_is_undone_while_redis_stands_still_that_has_lost_it_unless_it_can_be_repeated(
    start_rivals: StartRivals, own_redis: OwnRedis, steps: Steps, key: str | None
) -> None:
    both = await start_rivals(f"{own_redis.proxy.url}?socket_timeout=0.5")
    steps.before_statement.arm()
    asked = asyncio.create_task(both.ask("hold", key=key))
    await steps.before_statement.reached.wait()
    await lose_in_redis(own_redis, "killed")
    with stopped([await own_redis.pid()]):
        steps.before_statement.go_on.set()
        answer = await asked
    assert answer.code == "holds_unavailable"

    async with asyncio.timeout(PATIENCE_S):
        while (competing := await both.compete()).status == 503:
            await asyncio.sleep(0.02)

    if key is None:
        assert competing.status == 201, competing.text
    else:
        assert competing.code == "seats_unavailable"
        repeated = await both.ask("hold", key=key)
        assert (repeated.status, repeated.headers["Idempotent-Replayed"]) == (201, "true")


@pytest.mark.parametrize("ends", ["confirmed", "cancelled"])
async def test_an_extension_that_takes_seats_again_leaves_none_of_a_reservation_that_ended_meanwhile(
    start_rivals: StartRivals, own_redis: OwnRedis, steps: Steps, db: Connection, ends: str
) -> None:
    both = await start_rivals(own_redis.proxy.url, HOLD_TTL_SECONDS="60")
    held = (await both.ask("hold")).json["id"]
    await db.execute("update reservations set expires_at = expires_at - interval '30 seconds'")
    steps.after_statement.arm()
    asked = asyncio.create_task(both.ask("extend", held))
    await steps.after_statement.reached.wait()
    await lose_in_redis(own_redis, "flushed")
    end = both.there.confirm if ends == "confirmed" else both.there.cancel
    assert (await end(both.first, held)).status == 200
    steps.after_statement.go_on.set()

    assert (await asked).json["status"] == ends
    async with Redis.from_url(own_redis.url) as client:
        assert await client.exists(seat_key(both.cinema.showtime_id, both.seat)) == 0


async def until_key_has(redis_url: str, both: Rivals, *, left_ms: float) -> None:
    """Wait until the seat's key in Redis expires in so many milliseconds."""
    async with Redis.from_url(redis_url) as client, asyncio.timeout(PATIENCE_S):
        while await client.pttl(seat_key(both.cinema.showtime_id, both.seat)) > left_ms:
            await asyncio.sleep(0.02)


async def until_undone(api: Api) -> None:
    """Wait until a worker has nothing left to tell Redis."""
    context = cast("Any", api.client.app)[BOOKING_CONTEXT]
    async with asyncio.timeout(PATIENCE_S):
        while context.pending_updates.has_pending:
            await asyncio.sleep(0.02)
