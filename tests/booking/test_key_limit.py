"""So many idempotency keys are stored for an account in a day."""

import asyncio
from uuid import uuid4

from redis.asyncio import Redis

from tests.api import Answer, Api, Cinema, Connection, Person
from tests.conftest import StartApi

WAIT_S = 20.0


async def hold(api: Api, cinema: Cinema, who: Person, seat: int, key: str | None = None) -> Answer:
    return await api.call(
        "POST",
        f"/showtimes/{cinema.showtime_id}/holds",
        {"seat_ids": [cinema.seat_ids[seat]]},
        who=who,
        headers={"Idempotency-Key": key or str(uuid4())},
    )


async def test_keys_beyond_the_limit_of_an_account_are_refused(start_api: StartApi, db: Connection) -> None:
    """Refusals that are stored count as well; repetitions, requests without a key and other accounts do not."""
    api = await start_api(IDEMPOTENCY_KEYS_PER_DAY="3")
    cinema, customer, other = await api.cinema(), await api.sign_up(), await api.sign_up()
    first = await hold(api, cinema, customer, 0, "first")
    assert first.status == 201
    for _ in range(5):
        assert (await hold(api, cinema, customer, 0, "first")).json == first.json
    path = f"/reservations/{uuid4()}/confirm"
    refused = await api.call("POST", path, who=customer, headers={"Idempotency-Key": "second"})
    assert refused.status == 404
    assert (await hold(api, cinema, customer, 1)).status == 201
    path = f"/reservations/{first.json['id']}/confirm"
    async with asyncio.timeout(WAIT_S):  # the count is learned after the answer
        while True:
            answer = await api.call("POST", path, who=customer, headers={"Idempotency-Key": str(uuid4())})
            if answer.status == 429:
                break
            assert answer.status == 200
    assert (answer.code, int(answer.headers["Retry-After"]) > 0) == ("too_many_attempts", True)
    assert "at most 3 in a day (IDEMPOTENCY_KEYS_PER_DAY)" in answer.json["detail"]
    assert answer.headers["RateLimit-Policy"] == '"idempotency-keys";q=3;w=86400'
    stored = await db.fetchval("select count(*) from idempotency_keys where user_id = $1", customer.id)
    assert stored <= 5
    assert (await api.call("POST", path, who=customer)).status == 200
    assert (await hold(api, cinema, other, 2)).status == 201


async def test_a_stored_key_gets_the_first_answer_also_beyond_the_limit(start_api: StartApi) -> None:
    """A client whose last permitted confirm had no answer sends it again."""
    api = await start_api(IDEMPOTENCY_KEYS_PER_DAY="3")
    cinema, customer = await api.cinema(), await api.sign_up()
    held = await hold(api, cinema, customer, 0, "hold")
    missing = f"/reservations/{uuid4()}/confirm"
    refused = await api.call("POST", missing, who=customer, headers={"Idempotency-Key": "missing"})
    path = f"/reservations/{held.json['id']}/confirm"
    confirmed = await api.call("POST", path, who=customer, headers={"Idempotency-Key": "confirm"})
    assert (refused.status, confirmed.status) == (404, 200)
    async with asyncio.timeout(WAIT_S):
        while (await hold(api, cinema, customer, 1, str(uuid4()))).status != 429:
            pass

    again = await api.call("POST", path, who=customer, headers={"Idempotency-Key": "confirm"})
    refused_again = await api.call("POST", missing, who=customer, headers={"Idempotency-Key": "missing"})
    reused = await api.call("POST", path, who=customer, headers={"Idempotency-Key": "missing"})

    assert (again.status, again.json, again.headers["Idempotent-Replayed"]) == (200, confirmed.json, "true")
    assert (refused_again.status, refused_again.headers["Idempotent-Replayed"]) == (404, "true")
    assert (reused.status, reused.code) == (422, "idempotency_key_reused")
    assert (await api.call("POST", path, who=customer, headers={"Idempotency-Key": "new"})).status == 429


async def test_api_keys_and_staff_have_no_limit_on_keys(start_api: StartApi, redis_url: str) -> None:
    api = await start_api(IDEMPOTENCY_KEYS_PER_DAY="1")
    cinema, customer = await api.cinema(), await api.sign_up()
    made = await api.make("/admin/api-keys", {"name": "Shop", "user_id": customer.id, "scopes": ["booking"]})
    shop = Person(customer.id, customer.email, made["key"], "")
    for number, who in enumerate((shop, shop, shop, *[await api.staff()] * 3)):
        assert (await hold(api, cinema, who, number)).status == 201
    async with Redis.from_url(redis_url) as client:
        assert await client.keys("reservation:idempotency:*") == []
