"""Idempotency-Key: a request that is sent again gets the first answer, and is carried out once, whatever fails."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from reservation.booking.idempotency import delete_old_keys
from reservation.http.app_keys import BOOKING_CONTEXT, DATABASE
from tests.api import Answer, Api, Cinema, Connection, Person
from tests.conftest import PATIENT, StartApi
from tests.faults.proxy import Proxy
from tests.races.test_booking_races import assert_sound

PATIENCE_S = 60.0


async def hold(api: Api, who: Person, cinema: Cinema, seat_ids: list[int], key: str) -> Answer:
    return await api.call(
        "POST",
        f"/showtimes/{cinema.showtime_id}/holds",
        {"seat_ids": seat_ids},
        who=who,
        headers={"Idempotency-Key": key},
    )


async def end(api: Api, who: Person, reservation_id: str, how: str, key: str) -> Answer:
    return await api.call("POST", f"/reservations/{reservation_id}/{how}", who=who, headers={"Idempotency-Key": key})


async def end_at_last(api: Api, who: Person, reservation_id: str, how: str, key: str) -> Answer:
    """As `end`, sent again with its key after a 503, as clients do: on a busy machine others hold the locks long."""
    while (answer := await end(api, who, reservation_id, how, key)).status == 503:
        pass
    return answer


def is_replay(answer: Answer) -> bool:
    return bool(answer.headers.get("Idempotent-Replayed") == "true")


def assert_replays(again: Answer, first: Answer) -> None:
    """The same answer, and marked as such."""
    assert (again.status, again.text) == (first.status, first.text)
    assert again.headers.get("Location") == first.headers.get("Location")
    assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]
    assert is_replay(again)
    assert not is_replay(first)


async def count(db: Connection) -> int:
    return int(await db.fetchval("select count(*) from reservations"))


async def test_a_repeated_hold_gets_the_first_answer(start_api: StartApi, db: Connection, redis_url: str) -> None:
    """Also after it was confirmed or cancelled, on another worker, and after Redis lost everything."""
    api, other = await start_api(), await start_api()
    cinema, customer = await api.cinema(), await api.sign_up()
    first = await hold(api, customer, cinema, cinema.seat_ids[:3], "a")
    assert first.status == 201

    assert_replays(await hold(other, customer, cinema, cinema.seat_ids[:3], "a"), first)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()
    assert_replays(await hold(api, customer, cinema, cinema.seat_ids[:3], "a"), first)
    await db.execute("update reservations set created_at = created_at - interval '1 second'")
    assert (await api.extend(customer, first.json["id"])).json["expires_at"] >= first.json["expires_at"]
    await db.execute("update reservations set created_at = created_at + interval '1 second'")
    assert_replays(await hold(api, customer, cinema, cinema.seat_ids[:3], "a"), first)
    assert (await api.confirm(customer, first.json["id"])).status == 200
    assert_replays(await hold(other, customer, cinema, cinema.seat_ids[:3], "a"), first)
    assert (await api.cancel(customer, first.json["id"])).status == 200
    assert_replays(await hold(api, customer, cinema, cinema.seat_ids[:3], "a"), first)

    assert await count(db) == 1
    await assert_sound(db, redis_url)


async def test_a_repeated_confirm_or_cancel_gets_the_first_answer(api: Api, db: Connection, redis_url: str) -> None:
    """Also the confirm of a reservation that was cancelled since."""
    cinema, customer = await api.cinema(), await api.sign_up()
    reservation = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:2])).json["id"]
    confirmed = await end(api, customer, reservation, "confirm", "c")
    assert (confirmed.status, confirmed.json["status"]) == (200, "confirmed")
    assert_replays(await end(api, customer, reservation, "confirm", "c"), confirmed)
    cancelled = await end(api, customer, reservation, "cancel", "x")
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    assert_replays(await end(api, customer, reservation, "cancel", "x"), cancelled)
    assert_replays(await end(api, customer, reservation, "confirm", "c"), confirmed)

    assert (await end(api, customer, reservation, "confirm", "new")).code == "reservation_cancelled"
    assert set((await api.statuses(cinema.showtime_id)).values()) == {"available"}
    await assert_sound(db, redis_url)


async def test_a_key_of_another_request_is_422(api: Api) -> None:
    """The same members in another order, or with other white space, are the same request."""
    cinema, elsewhere, customer = await api.cinema(), await api.cinema(), await api.sign_up()
    first = await hold(api, customer, cinema, cinema.seat_ids[:2], "a")
    path = f"/showtimes/{cinema.showtime_id}/holds"
    same = f'\n{{ "seat_ids" : [{cinema.seat_ids[0]},\t{cinema.seat_ids[1]}] }}'
    headers = {"Idempotency-Key": "a", "Content-Type": "application/json"}
    assert_replays(await api.call("POST", path, who=customer, data=same, headers=headers), first)

    for answer in (
        await hold(api, customer, cinema, cinema.seat_ids[:1], "a"),
        await hold(api, customer, elsewhere, cinema.seat_ids[:2], "a"),
        await end(api, customer, first.json["id"], "confirm", "a"),
        await end(api, customer, first.json["id"], "cancel", "a"),
    ):
        assert (answer.status, answer.code) == (422, "idempotency_key_reused")
    assert (await end(api, customer, first.json["id"], "confirm", "b")).status == 200


async def test_a_repeated_hold_of_a_quantity_gets_the_first_seats(api: Api, db: Connection) -> None:
    """Although other seats would be chosen now."""
    cinema, customer = await api.cinema(), await api.sign_up()
    path, headers = f"/showtimes/{cinema.showtime_id}/holds", {"Idempotency-Key": "best"}
    first = await api.call("POST", path, {"quantity": 3}, who=customer, headers=headers)
    assert first.status == 201
    assert_replays(await api.call("POST", path, {"quantity": 3}, who=customer, headers=headers), first)
    assert await count(db) == 1


async def test_two_users_can_use_the_same_key(api: Api) -> None:
    cinema, one, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    first = await hold(api, one, cinema, cinema.seat_ids[:1], "a")
    second = await hold(api, other, cinema, cinema.seat_ids[1:2], "a")
    assert (first.status, second.status) == (201, 201)
    assert not is_replay(second)
    assert_replays(await hold(api, one, cinema, cinema.seat_ids[:1], "a"), first)


async def test_a_repeated_request_gets_the_first_final_refusal(api: Api, db: Connection) -> None:
    """Unknown showtimes, seats of other rooms, expired holds: the answer is stored."""
    cinema, other, customer = await api.cinema(), await api.cinema(), await api.sign_up()
    nowhere = replace(cinema, showtime_id=4711)
    reservation = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    await db.execute("update reservations set expires_at = created_at + interval '1 us'")

    async def unknown() -> Answer:
        return await hold(api, customer, nowhere, cinema.seat_ids[:1], "n")

    async def of_another_room() -> Answer:
        return await hold(api, customer, cinema, other.seat_ids[:1], "o")

    async def too_late() -> Answer:
        return await end(api, customer, reservation, "cancel", "e")

    refused = [(unknown, "not_found"), (of_another_room, "validation_error"), (too_late, "hold_expired")]
    for ask, code in refused:
        first = await ask()
        assert (first.code, is_replay(first)) == (code, False)
        again = await ask()
        assert is_replay(again)
        assert again.json == first.json | {"request_id": again.json["request_id"]}
    await db.execute("update reservations set expires_at = now() + interval '1 minute'")
    assert (await end(api, customer, reservation, "cancel", "e")).code == "hold_expired"
    assert (await end(api, customer, reservation, "cancel", "f")).status == 200


async def test_a_repeated_request_after_a_temporary_refusal_is_carried_out(
    api: Api, db: Connection, redis_url: str
) -> None:
    cinema, customer, rival = await api.cinema(), await api.sign_up(), await api.sign_up()
    in_the_way = await api.hold(rival, cinema.showtime_id, cinema.seat_ids[:1])
    for _ in range(2):
        refused = await hold(api, customer, cinema, cinema.seat_ids[:2], "a")
        assert (refused.status, refused.code, is_replay(refused)) == (409, "seats_unavailable", False)
    assert (await api.cancel(rival, in_the_way.json["id"])).status == 200

    granted = await hold(api, customer, cinema, cinema.seat_ids[:2], "a")

    assert (granted.status, is_replay(granted)) == (201, False)
    assert_replays(await hold(api, customer, cinema, cinema.seat_ids[:2], "a"), granted)
    await assert_sound(db, redis_url)


async def test_an_invalid_body_does_not_use_the_key(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    assert (await hold(api, customer, cinema, [], "a")).code == "validation_error"
    assert (await hold(api, customer, cinema, cinema.seat_ids[:1], "a")).status == 201


async def test_a_repeated_hold_during_the_first_is_409_in_flight(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    """The first waits in the middle of its statement; it is repeated on the same worker and on another one."""
    api, other = await start_api(), await start_api()
    cinema, customer = await api.cinema(), await api.sign_up()
    async with db.transaction():
        await db.execute("lock table reservations in share row exclusive mode")
        first = asyncio.create_task(hold(api, customer, cinema, cinema.seat_ids[:2], "a"))
        async with asyncio.timeout(PATIENCE_S):
            while not await db.fetchval("select exists (select from pg_locks where not granted)"):
                await asyncio.sleep(0.005)
        for twin in (
            await hold(api, customer, cinema, cinema.seat_ids[:2], "a"),
            await hold(other, customer, cinema, cinema.seat_ids[:2], "a"),
        ):
            assert (twin.status, twin.code) == (409, "idempotency_in_flight")
            assert int(twin.headers["Retry-After"]) > 0
    granted = await first
    assert granted.status == 201
    assert_replays(await hold(other, customer, cinema, cinema.seat_ids[:2], "a"), granted)
    assert await count(db) == 1
    await assert_sound(db, redis_url)


@pytest.mark.parametrize("instances", [1, 2])
async def test_of_many_equal_holds_at_once_one_is_carried_out(
    start_api: StartApi, db: Connection, redis_url: str, instances: int
) -> None:
    apis = [await start_api(**PATIENT) for _ in range(instances)]
    cinema, customer = await apis[0].cinema(), await apis[0].sign_up()
    for turn in range(5):
        seats = cinema.seat_ids[turn * 2 : turn * 2 + 2]
        answers = await asyncio.gather(
            *(hold(apis[n % instances], customer, cinema, seats, f"key {turn}".replace(" ", "-")) for n in range(16))
        )
        kinds = Counter((answer.status, is_replay(answer)) for answer in answers)
        assert kinds[201, False] == 1
        assert kinds.keys() <= {(201, False), (201, True), (409, False)}
        assert {answer.code for answer in answers if answer.status == 409} <= {"idempotency_in_flight"}
        assert len({answer.json["id"] for answer in answers if answer.status == 201}) == 1
    assert await count(db) == 5
    await assert_sound(db, redis_url)


async def test_of_many_equal_confirms_and_cancels_at_once_one_is_carried_out(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    """The others wait for it; a key that is used for both belongs to the faster one."""
    apis = [await start_api(**PATIENT), await start_api(**PATIENT)]
    cinema, customer = await apis[0].cinema(), await apis[0].sign_up()
    for seat_id in cinema.seat_ids[:5]:
        reservation = (await apis[0].hold(customer, cinema.showtime_id, [seat_id])).json["id"]
        for how, status in (("confirm", "confirmed"), ("cancel", "cancelled")):
            key = f"{how}-{seat_id}"
            answers = await asyncio.gather(
                *(end_at_last(apis[n % 2], customer, reservation, how, key) for n in range(16)),
            )
            assert {(answer.status, answer.json["status"]) for answer in answers} == {(200, status)}
            assert Counter(map(is_replay, answers)) == {True: 15, False: 1}
    reservation = (await apis[0].hold(customer, cinema.showtime_id, cinema.seat_ids[5:6])).json["id"]
    mixed = await asyncio.gather(
        *(end_at_last(apis[n % 2], customer, reservation, ("confirm", "cancel")[n // 2 % 2], "both") for n in range(16))
    )
    assert Counter((answer.status, answer.code) for answer in mixed) == {
        (200, None): 8,
        (422, "idempotency_key_reused"): 8,
    }
    await assert_sound(db, redis_url)


async def test_a_hold_that_a_killed_worker_left_in_redis_is_in_flight_until_it_is_released(
    api: Api, db: Connection, redis_url: str
) -> None:
    """Its customer gets idempotency_in_flight; other customers get seats_unavailable."""
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    first = await hold(api, customer, cinema, cinema.seat_ids[:2], "a")
    for table in ("reservations", "idempotency_keys"):
        await db.execute(f"delete from {table}")

    again = await hold(api, customer, cinema, cinema.seat_ids[:2], "a")
    assert (again.status, again.code) == (409, "idempotency_in_flight")
    assert (await hold(api, customer, cinema, cinema.seat_ids[:2], "b")).code == "seats_unavailable"
    assert (await hold(api, other, cinema, cinema.seat_ids[:2], "a")).code == "seats_unavailable"
    async with Redis.from_url(redis_url) as redis:
        await redis.delete(*[f"{{{cinema.showtime_id}}}:seat:{seat_id}" for seat_id in cinema.seat_ids[:2]])

    again = await hold(api, customer, cinema, cinema.seat_ids[:2], "a")
    assert (again.status, is_replay(again)) == (201, False)
    assert again.json["id"] != first.json["id"]
    await assert_sound(db, redis_url)


async def test_a_repeated_hold_after_a_lost_commit_answer_gets_the_committed_hold(
    start_api: StartApi, db: Connection, redis_url: str, database_url: str
) -> None:
    """PostgreSQL has committed it, but its worker did not get the answer and answered 503."""
    async with Proxy(database_url) as postgresql:
        api = await start_api(DATABASE_URL=postgresql.url, STATEMENT_TIMEOUT_SECONDS="2", POOL_WAIT_SECONDS="2")
        cinema, customer = await api.cinema(), await api.sign_up()
        await hold(api, customer, cinema, cinema.seat_ids[8:9], "warm")
        async with db.transaction():
            await db.execute("lock table reservations in share row exclusive mode")
            asked = asyncio.create_task(hold(api, customer, cinema, cinema.seat_ids[:2], "a"))
            async with asyncio.timeout(PATIENCE_S):
                while not await db.fetchval("select exists (select from pg_locks where not granted)"):
                    await asyncio.sleep(0.005)
            postgresql.lose_answers = True
        lost = await asked
        assert lost.status == 503
        postgresql.lose_answers = False

        async with asyncio.timeout(PATIENCE_S):
            while (again := await hold(api, customer, cinema, cinema.seat_ids[:2], "a")).status == 503:
                await asyncio.sleep(0.05)
        # Redis released its seats, since the first answer was lost; now they are held again.
        other = await api.sign_up()
        assert (await hold(api, other, cinema, cinema.seat_ids[1:3], "a")).code == "seats_unavailable"

    assert (again.status, is_replay(again)) == (201, True)
    assert await count(db) == 2
    seats = await db.fetch("select seat_id from reservation_seats where reservation_id = $1", again.json["id"])
    assert {row["seat_id"] for row in seats} == set(cinema.seat_ids[:2])


@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 256, "caf\u00e9", "tab\there"])
async def test_an_invalid_key_is_400(shared_api: Api, key: str) -> None:
    cinema, customer = await shared_api.cinema(), await shared_api.sign_up()
    answer = await hold(shared_api, customer, cinema, cinema.seat_ids[:1], key)
    assert (answer.status, answer.code) == (400, "malformed_request")


async def test_a_request_with_an_unexpected_body_is_refused_and_leaves_its_key_free(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    reservation = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    path, headers = f"/reservations/{reservation}/confirm", {"Idempotency-Key": "a", "Content-Type": "application/json"}
    for body, refused in (('{"seat_ids": [1]}', 422), ("[" * 300 + "]" * 300, 400)):
        assert (await api.call("POST", path, who=customer, data=body, headers=headers)).status == refused
    compressed = headers | {"Content-Encoding": "gzip", "Connection": "close"}
    broken = await api.call("POST", path, who=customer, data="not compressed", headers=compressed)
    assert (broken.status, broken.code) == (400, "malformed_request")
    confirmed = await api.call("POST", path, who=customer, data="{}", headers=headers)
    assert (confirmed.status, is_replay(confirmed)) == (200, False)


async def test_a_repeated_request_with_the_id_in_capitals_gets_the_first_answer(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    reservation = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    first = await end(api, customer, reservation, "confirm", "a")
    assert_replays(await end(api, customer, reservation.upper(), "confirm", "a"), first)


async def test_a_confirm_with_a_key_after_confirm_and_cancel_without_one_is_409(api: Api) -> None:
    """The earlier confirm had no key, so it is not the first answer of this one."""
    cinema, customer = await api.cinema(), await api.sign_up()
    reservation = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    assert (await api.confirm(customer, reservation)).status == 200
    assert (await api.cancel(customer, reservation)).status == 200
    for _ in range(2):
        answer = await end(api, customer, reservation, "confirm", "a")
        assert (answer.status, answer.code, is_replay(answer)) == (409, "reservation_cancelled", False)


async def test_a_pending_release_of_the_first_try_does_not_release_the_second(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    """Both tries belong to one request, but have reservation ids of their own."""
    async with Proxy(redis_url) as redis:
        api = await start_api(REDIS_URL=redis.url)
        cinema, customer, rival = await api.cinema(), await api.sign_up(), await api.sign_up()
        await api.hold(rival, cinema.showtime_id, cinema.seat_ids[5:6])
        await redis.cut()
        assert (await hold(api, customer, cinema, cinema.seat_ids[:2], "a")).status == 503
        await redis.open()
        async with asyncio.timeout(PATIENCE_S):
            while (granted := await hold(api, customer, cinema, cinema.seat_ids[:2], "a")).status == 503:
                await asyncio.sleep(0.02)
            assert granted.status == 201
            while api.client.app[BOOKING_CONTEXT].pending_updates.has_pending:
                await asyncio.sleep(0.02)
        assert (await api.hold(rival, cinema.showtime_id, cinema.seat_ids[:1])).code == "seats_unavailable"
        await assert_sound(db, redis_url)


async def test_two_keys_in_one_request_are_400(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    async with api.client.post(
        f"/showtimes/{cinema.showtime_id}/holds",
        json={"seat_ids": cinema.seat_ids[:1]},
        headers=[*customer.headers.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
    ) as response:
        assert (response.status, (await response.json())["code"]) == (400, "malformed_request")
    assert (await hold(api, customer, cinema, cinema.seat_ids[:1], "x" * 255)).status == 201


async def test_a_key_can_be_used_again_after_a_day(api: Api, db: Connection) -> None:
    """Also before the older key is deleted; the job deletes only older keys."""
    cinema, customer = await api.cinema(), await api.sign_up()
    for key, seat in (("old", 0), ("older", 1), ("young", 2)):
        assert (await hold(api, customer, cinema, cinema.seat_ids[seat : seat + 1], key)).status == 201
    await db.execute("update idempotency_keys set created_at = now() - interval '24 hours' where key <> 'young'")
    await db.execute(
        "update idempotency_keys set created_at = now() - interval '24 hours' + interval '1 minute' where key = 'young'"
    )

    answer = await hold(api, customer, cinema, cinema.seat_ids[5:6], "old")
    assert (answer.status, is_replay(answer)) == (201, False)
    await delete_old_keys(api.client.app[DATABASE])

    assert {row["key"] for row in await db.fetch("select key from idempotency_keys")} == {"old", "young"}


async def test_batches_with_the_same_keys_do_not_deadlock(start_api: StartApi, db: Connection, redis_url: str) -> None:
    """Two workers use them for different holds, then confirms, in opposite orders; each key is used once."""
    apis = [await start_api(), await start_api()]
    cinema, customer = await apis[0].cinema(), await apis[0].sign_up()
    numbers = range(len(cinema.seat_ids) // 2)
    tasks = []
    for n in numbers:
        turn = numbers[-1 - n]
        tasks.append(hold(apis[0], customer, cinema, cinema.seat_ids[n : n + 1], f"key-{n}"))
        tasks.append(hold(apis[1], customer, cinema, cinema.seat_ids[turn - len(numbers) :][:1], f"key-{turn}"))
    async with asyncio.timeout(PATIENCE_S):
        answers = await asyncio.gather(*tasks)
    assert Counter((answer.status, answer.code) for answer in answers) == {
        (201, None): len(numbers),
        (422, "idempotency_key_reused"): len(numbers),
    }
    held = [answer.json["id"] for answer in answers if answer.status == 201]
    async with asyncio.timeout(PATIENCE_S):
        answers = await asyncio.gather(
            *(
                end(api, customer, reservation, "confirm", f"confirm-{n}")
                for api, order in zip(apis, (held, held[::-1]), strict=True)
                for n, reservation in enumerate(order)
            )
        )
    assert {answer.status for answer in answers} <= {200, 422}
    assert await db.fetchval("select count(*) from idempotency_keys") == 2 * len(numbers)
    await assert_sound(db, redis_url)


async def test_a_request_without_a_key_stores_none(api: Api, db: Connection) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    reservation = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    assert (await api.confirm(customer, reservation)).status == 200
    assert await db.fetchval("select count(*) from idempotency_keys") == 0


async def test_a_confirm_without_a_key_succeeds_beside_a_repeated_one_with_a_key(api: Api) -> None:
    cinema, customer = await api.cinema(), await api.sign_up()
    reservation_id = (await api.hold(customer, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    assert (await end(api, customer, reservation_id, "confirm", "a")).status == 200

    answers = await asyncio.gather(
        *(
            call
            for _ in range(20)
            for call in (api.confirm(customer, reservation_id), end(api, customer, reservation_id, "confirm", "a"))
        )
    )

    assert {answer.status for answer in answers} == {200}
