"""Stores that fail during a batch: each request gets an answer of its own, and a true one."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from reservation.booking.confirm import confirm
from reservation.errors import DatabaseUnavailable
from reservation.http.app_keys import ACCESS_TOKENS, BOOKING_CONTEXT
from tests.api import Answer, Api, Cinema, Connection, Person
from tests.conftest import StartApi
from tests.faults.proxy import Proxy
from tests.faults.test_outages import assert_sound, held, until_confirmed

PATIENCE_S = 60.0
COMMIT_GATE = 4711
# A COMMIT of a changed reservation waits for the gate, with all its statements done.
GATED_COMMITS = f"""
create function wait_at_commit() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared({COMMIT_GATE});
    return null;
end $$;
create constraint trigger wait_at_commit after update on reservations
deferrable initially deferred for each row execute function wait_at_commit();
"""


async def until(condition: Callable[[], bool | Awaitable[Any]]) -> None:
    """Wait for a condition; raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return
            await asyncio.sleep(0.002)


async def waiting_for_locks(db: Connection) -> list[int]:
    """The service's backends that wait for a lock."""
    await db.execute("select pg_stat_clear_snapshot()")  # else a transaction sees those of its first look
    rows = await db.fetch(
        "select pid from pg_stat_activity"
        " where datname = current_database() and application_name = 'reservation' and wait_event_type = 'Lock'"
    )
    return [row["pid"] for row in rows]


async def blocked(db: Connection, count: int) -> bool:
    """Whether so many of the service's statements wait for a lock."""
    return len(await waiting_for_locks(db)) == count


@asynccontextmanager
async def locked(db: Connection, table: str) -> AsyncIterator[None]:
    """The table is locked against writes meanwhile, so that these queue for the next batches."""
    async with db.transaction():
        await db.execute(f"lock table {table} in share row exclusive mode")
        yield


async def remembered(api: Api, who: Person) -> bool:
    """Send a request; whether the service has the session in its cache after it."""
    assert (await api.call("GET", "/reservations", who=who)).status == 200
    return who.access_token in api.client.app[ACCESS_TOKENS].cache._identities


async def test_a_hold_of_a_deleted_account_does_not_fail_its_batch(api: Api, db: Connection, redis_url: str) -> None:
    """The foreign key makes the statement of the batch fail; each then runs alone."""
    cinema = await api.cinema()
    customers = [await api.sign_up() for _ in range(4)]
    gone = await api.sign_up()
    await api.statuses(cinema.showtime_id)
    for who in (*customers, gone):
        await until(lambda who=who: remembered(api, who))  # type: ignore[misc]
    await db.execute("delete from users where id = $1", gone.id)
    inserts = api.client.app[BOOKING_CONTEXT].batches._inserts
    seats = [cinema.seat_ids[start : start + 3] for start in range(0, 30, 3)]
    order = [customers[0], customers[1], gone, customers[2], gone, customers[3]]

    async with locked(db, "reservations"):
        in_front = []
        for number in range(1):
            hold = api.hold(customers[0], cinema.showtime_id, seats[9 - number])
            in_front.append(asyncio.create_task(hold))
            await until(lambda number=number: blocked(db, number + 1))  # type: ignore[misc]
        batch = [
            asyncio.create_task(api.hold(who, cinema.showtime_id, wanted))
            for who, wanted in zip(order, seats[: len(order)], strict=True)
        ]
        await until(lambda: len(inserts._waiting) == len(order))
    answers = await asyncio.gather(*batch)

    assert {answer.status for answer in await asyncio.gather(*in_front)} == {201}
    for who, wanted, answer in zip(order, seats[: len(order)], answers, strict=True):
        if who is gone:
            assert (answer.status, answer.code) == (401, "invalid_token")
            assert (await api.hold(customers[0], cinema.showtime_id, wanted)).status == 201  # nothing keeps the seats
        else:
            assert answer.status == 201, answer.text
            owner = await db.fetchval("select user_id from reservations where id = $1", UUID(answer.json["id"]))
            assert owner == who.id
            assert {seat["seat_id"] for seat in answer.json["seats"]} == set(wanted)
    await assert_sound(db, redis_url)


async def test_killed_backends_lose_no_answered_confirm(api: Api, db: Connection, redis_url: str) -> None:
    """First the backend of a batch in the middle of its statement, then all backends, repeatedly."""
    cinema, customer = await api.cinema(rows=10, seats_per_row=10), await api.sign_up()
    reservations = await asyncio.gather(*(held(api, customer, cinema, [seat]) for seat in cinema.seat_ids))
    asked = [*reservations[:40], *reservations[:40]]

    async with locked(db, "booked_seats"):
        storm = [asyncio.create_task(api.confirm(customer, reservation)) for reservation in asked]
        await until(lambda: blocked(db, 1))
        for pid in await waiting_for_locks(db):
            await db.execute("select pg_terminate_backend($1)", pid)
        await until(lambda: any(confirm.done() for confirm in storm))
        await until(lambda: blocked(db, 1))
    first = await asyncio.gather(*storm)

    assert {answer.status for answer in first} == {200, 503}
    await assert_told_the_truth(api, db, customer, asked, first)

    async def kill_all() -> None:
        await db.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name = 'reservation'"
        )

    for start in range(40, 100, 10):
        asked = [*reservations[start : start + 10], *reservations[start : start + 10]]
        storm = [asyncio.create_task(api.confirm(customer, reservation)) for reservation in asked]
        await asyncio.sleep(start * 0.0002)
        await kill_all()
        await assert_told_the_truth(api, db, customer, asked, await asyncio.gather(*storm))
    owners = await db.fetch("select seat_id, reservation_id from booked_seats")
    assert {row["seat_id"]: str(row["reservation_id"]) for row in owners} == dict(
        zip(cinema.seat_ids, reservations, strict=True)
    )
    await assert_sound(db, redis_url)


async def assert_told_the_truth(
    api: Api, db: Connection, customer: Person, asked: Sequence[str], answers: Sequence[Answer]
) -> None:
    """What was answered 200 is confirmed, and a repeat of what was answered 503 gets the outcome."""
    for reservation, answer in zip(asked, answers, strict=True):
        assert answer.status in (200, 503), answer.text
        if answer.status == 200:
            assert await db.fetchval("select status from reservations where id = $1", UUID(reservation)) == "confirmed"
    again = await asyncio.gather(*(until_confirmed(api, customer, reservation) for reservation in asked))
    for reservation, answer in zip(asked, again, strict=True):
        assert (answer.status, answer.json["id"], answer.json["status"]) == (200, reservation, "confirmed")


@pytest.fixture
async def postgresql(database_url: str) -> AsyncIterator[Proxy]:
    """PostgreSQL behind a connection that can break."""
    async with Proxy(database_url) as proxy:
        yield proxy


@pytest.mark.parametrize("committed", [True, False])
async def test_a_lost_commit_answer_is_503_for_the_batch_and_a_repeat_gets_the_outcome(
    start_api: StartApi, postgresql: Proxy, db: Connection, redis_url: str, database_url: str, committed: bool
) -> None:
    """The COMMIT was carried out, or the backend was killed before; the service cannot know which."""
    api = await start_api(DATABASE_URL=postgresql.url)
    cinema, customer = await api.cinema(), await api.sign_up()
    reservations = [await held(api, customer, cinema, [seat]) for seat in cinema.seat_ids[:8]]
    stores = api.client.app[BOOKING_CONTEXT]
    await db.execute(GATED_COMMITS)

    await db.execute(f"select pg_advisory_lock({COMMIT_GATE})")
    confirms = [
        asyncio.create_task(confirm(stores, user_id=customer.id, reservation_id=UUID(reservation)))
        for reservation in reservations
    ]
    await until(lambda: blocked(db, 1))
    [backend] = await waiting_for_locks(db)
    statement = await db.fetchval("select query from pg_stat_activity where pid = $1", backend)
    assert statement.startswith("/* reservations/confirm")  # which commits by itself
    postgresql.lose_answers = True
    if not committed:
        await db.execute("select pg_terminate_backend($1)", backend)
        await until(lambda: db.fetchval("select not exists (select from pg_stat_activity where pid = $1)", backend))
    await db.execute(f"select pg_advisory_unlock({COMMIT_GATE})")
    outcomes = await asyncio.wait_for(asyncio.gather(*confirms, return_exceptions=True), PATIENCE_S)
    postgresql.lose_answers = False

    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 8
    await until(lambda: db.fetchval("select not exists (select from pg_stat_activity where pid = $1)", backend))
    statuses = await db.fetch("select status from reservations")
    assert {row["status"] for row in statuses} == {"confirmed" if committed else "held"}
    for reservation in reservations:
        answer = await until_confirmed(api, customer, reservation)
        assert (answer.status, answer.json["status"]) == (200, "confirmed")
    rows = await db.fetch("select seat_id, reservation_id from booked_seats")
    assert {row["seat_id"]: str(row["reservation_id"]) for row in rows} == dict(
        zip(cinema.seat_ids[:8], reservations, strict=True)
    )
    await assert_sound(db, redis_url)


async def test_a_request_whose_commit_answer_is_lost_is_503_and_its_repeat_succeeds(
    start_api: StartApi, postgresql: Proxy, db: Connection, redis_url: str
) -> None:
    """The client gets 503 with Retry-After, and the outcome when it repeats the request."""
    api = await start_api(DATABASE_URL=postgresql.url)
    cinema, customer = await api.cinema(), await api.sign_up()
    reservation = await held(api, customer, cinema, cinema.seat_ids[:2])
    await db.execute(GATED_COMMITS)

    await db.execute(f"select pg_advisory_lock({COMMIT_GATE})")
    in_front = asyncio.create_task(api.confirm(customer, reservation))
    await until(lambda: blocked(db, 1))
    behind = [asyncio.create_task(api.confirm(customer, reservation)) for _ in range(4)]
    postgresql.lose_answers = True
    await db.execute(f"select pg_advisory_unlock({COMMIT_GATE})")
    lost = await in_front
    postgresql.lose_answers = False

    assert (lost.status, lost.code) == (503, "database_unavailable")
    assert lost.headers["Retry-After"]
    for answer in await asyncio.gather(*behind):
        assert answer.status in (200, 503), answer.text
    assert (await until_confirmed(api, customer, reservation)).json["status"] == "confirmed"
    await assert_sound(db, redis_url)


async def test_flushed_scripts_of_redis_fail_no_request(api: Api, db: Connection, redis_url: str) -> None:
    """During sales: flushed again as soon as a purchase that began after the last flush has its hold."""
    cinema, customer = await api.cinema(rows=10, seats_per_row=10), await api.sign_up()
    await api.statuses(cinema.showtime_id)
    flushed = 0
    async with Redis.from_url(redis_url) as redis:

        async def buy(seat: int) -> None:
            nonlocal flushed
            began = flushed
            reservation = await held(api, customer, cinema, [seat])
            if began == flushed:
                flushed += 1
                await redis.script_flush("SYNC")
            answer = await api.confirm(customer, reservation)
            assert answer.status == 200, answer.text
            assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")).status == 200

        queue = iter(cinema.seat_ids)

        async def customers() -> None:
            for seat in queue:
                await buy(seat)

        await asyncio.gather(*(customers() for _ in range(8)))

    assert flushed > 5
    assert not api.client.app[BOOKING_CONTEXT].pending_updates.has_pending
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"booked"}
    await assert_sound(db, redis_url)


async def test_killed_redis_connections_mix_up_no_answers(api: Api, db: Connection, redis_url: str) -> None:
    """Answers name only seats of their request; no seat is held twice; a refused hold holds nothing."""
    cinema = await api.cinema(rows=8, seats_per_row=10)
    showtime = cinema.showtime_id
    customers = [await api.sign_up() for _ in range(4)]
    await api.statuses(showtime)
    granted: dict[UUID, tuple[Person, list[int]]] = {}
    answered: Counter[int] = Counter()
    kills = 0
    done = asyncio.Event()

    async def killer() -> None:
        """Kill once per answer, at any speed of the machine; every other time, the retry as well."""
        nonlocal kills
        async with Redis.from_url(redis_url) as redis:
            for twice in itertools.cycle((False, True)):
                before, wanted = answered.total(), kills + 1 + twice
                while answered.total() == before:
                    if done.is_set():
                        return
                    if kills < wanted:
                        kills += await redis.client_kill_filter(_type="normal", skipme=True)
                    await asyncio.sleep(0.001)

    async def ask(number: int) -> None:
        who, wanted = customers[number % 4], [cinema.seat_ids[(number * 7 + step * 3) % 80] for step in range(3)]
        answer = await api.hold(who, showtime, wanted)
        answered[answer.status] += 1
        if answer.status == 201:
            assert {seat["seat_id"] for seat in answer.json["seats"]} == set(wanted)
            granted[UUID(answer.json["id"])] = (who, wanted)
        elif answer.status == 409:
            assert answer.code == "seats_unavailable"
            assert {seat["seat_id"] for seat in answer.json["seats"]} <= set(wanted)
        else:
            assert (answer.status, answer.code) == (503, "holds_unavailable"), answer.text

    killing = asyncio.create_task(killer())
    for start in range(0, 320, 16):
        await asyncio.gather(*(ask(number) for number in range(start, start + 16)))
    done.set()
    await killing

    assert kills > 10
    assert min(answered[status] for status in (201, 409, 503)) > 10
    rows = await db.fetch(
        "select r.id, r.user_id, array_agg(rs.seat_id) as seat_ids from reservations r"
        " join reservation_seats rs on rs.reservation_id = r.id where r.status = 'held' group by r.id"
    )
    assert {row["id"]: (row["user_id"], sorted(row["seat_ids"])) for row in rows} == {
        reservation: (who.id, sorted(wanted)) for reservation, (who, wanted) in granted.items()
    }
    seats = Counter(seat for _, wanted in granted.values() for seat in wanted)
    assert set(seats.values()) == {1}
    await until(
        lambda: not api.client.app[BOOKING_CONTEXT].pending_updates.has_pending
    )  # what it could not tell Redis, it tells it soon
    statuses = await api.statuses(showtime)
    assert {seat for seat, status in statuses.items() if status == "held"} == set(seats)
    await assert_sound(db, redis_url)


@pytest.fixture
async def poisoned(api: Api, redis_url: str) -> tuple[Cinema, Cinema]:
    """Two showtimes, and the first one's map in Redis is something else."""
    first, second = await api.cinema(), await api.cinema()
    for cinema in (first, second):  # a connection's first command may forget everything
        await api.statuses(cinema.showtime_id)
    async with Redis.from_url(redis_url) as redis:
        await redis.set(f"{{{first.showtime_id}}}:map", "x")
    return first, second


async def test_a_redis_key_of_the_wrong_type_fails_only_the_holds_of_its_showtime(
    api: Api, poisoned: tuple[Cinema, Cinema], db: Connection
) -> None:
    bad, good = poisoned
    customer = await api.sign_up()

    answers = await asyncio.gather(
        *(
            api.hold(customer, cinema.showtime_id, [cinema.seat_ids[number]])
            for number in range(10)
            for cinema in (bad, good)
        )
    )

    assert [(answer.status, answer.json.get("code")) for answer in answers[::2]] == [(503, "holds_unavailable")] * 10
    assert [answer.status for answer in answers[1::2]] == [201] * 10
    assert await db.fetchval("select count(*) from reservations where showtime_id = $1", bad.showtime_id) == 0


async def test_a_redis_key_of_the_wrong_type_fails_only_the_seat_map_of_its_showtime(
    api: Api, poisoned: tuple[Cinema, Cinema]
) -> None:
    """Requested at the same time, so that both are read together."""
    bad, good = poisoned

    answers = await asyncio.gather(
        *(api.call("GET", f"/showtimes/{cinema.showtime_id}/seats") for _ in range(10) for cinema in (bad, good))
    )

    assert [(answer.status, answer.json.get("code")) for answer in answers[::2]] == [(503, "holds_unavailable")] * 10
    assert [answer.status for answer in answers[1::2]] == [200] * 10


async def test_a_redis_key_of_the_wrong_type_fails_no_confirm(api: Api, redis_url: str, db: Connection) -> None:
    """Redis refuses the releases of one showtime; those of the other are applied at once."""
    bad, good = await api.cinema(), await api.cinema()
    customer = await api.sign_up()
    asked = [
        await held(api, customer, cinema, [cinema.seat_ids[number]]) for number in range(5) for cinema in (bad, good)
    ]
    async with Redis.from_url(redis_url) as redis:
        await redis.set(f"{{{bad.showtime_id}}}:map", "x")

    answers = await asyncio.gather(*(api.confirm(customer, reservation) for reservation in asked))

    assert [answer.status for answer in answers] == [200] * 10
    assert Counter((await api.statuses(good.showtime_id)).values()) == {"booked": 5, "available": 45}
    rows = await db.fetch("select reservation_id from booked_seats")
    assert {str(row["reservation_id"]) for row in rows} == set(asked)
