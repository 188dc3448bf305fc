"""Access tokens are looked up once and then cached: while they are valid, and no longer."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic, time
from typing import Any

import jwt
import pytest
from redis.asyncio import Redis

from reservation.identity import verifiers
from reservation.identity.auth_invalidation import CHANNEL, AuthInvalidation
from tests.api import Api, Connection, Person
from tests.conftest import SECRET, StartApi
from tests.faults.proxy import Proxy
from tests.identity.caches import INVALIDATED_WITHIN_S, access_tokens_of, connected, is_cached, session_id_of, until


async def me(api: Api, token: str) -> tuple[int, float]:
    """The status of /auth/me, and the milliseconds that it spent in PostgreSQL: 0.0 if it was not queried."""
    headers = {"Authorization": f"Bearer {token}"}
    async with api.client.get("/auth/me", headers=headers) as answer:
        split = dict(part.split(";dur=") for part in answer.headers["Server-Timing"].split(", "))
        return answer.status, float(split["postgresql"])


async def role_at(api: Api, person: Person) -> str:
    return str((await api.call("GET", "/auth/me", who=person)).json["role"])


def claims_of(person: Person) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(person.access_token, SECRET, ["HS256"])
    return claims


@pytest.fixture
async def here(start_api: StartApi) -> Api:
    return await connected(await start_api())


@pytest.fixture
async def there(start_api: StartApi) -> Api:
    """Another instance on the same stores."""
    return await connected(await start_api())


async def test_a_token_is_looked_up_once_per_worker(here: Api, there: Api) -> None:
    person = await here.sign_up()
    for api in (here, there):
        status, first_ms = await me(api, person.access_token)
        assert status == 200
        assert first_ms > 0
        for _ in range(3):
            assert await me(api, person.access_token) == (200, 0.0)


async def test_cached_tokens_are_not_confused_with_one_another(here: Api) -> None:
    people = [await here.sign_up() for _ in range(3)]
    for _ in range(2):
        for person in people:
            answer = await here.call("GET", "/auth/me", who=person)
            assert (answer.json["id"], answer.json["email"]) == (person.id, person.email)
    assert (await me(here, people[0].access_token + "x"))[0] == 401


async def test_a_cached_token_is_refused_from_its_expiry_on(here: Api) -> None:
    person = await here.sign_up()
    ends_at = int(time()) + 2
    token = jwt.encode(claims_of(person) | {"exp": ends_at}, SECRET, "HS256")
    asked_until = 0.0
    while True:
        before = time()
        status, ms = await me(here, token)
        after = time()
        if status != 200:
            break
        assert before < ends_at
        asked_until = after
        if token in access_tokens_of(here).cache._identities:
            assert (await me(here, token))[1] == 0.0 or time() >= ends_at
        await asyncio.sleep(0.01)
    assert ms == 0.0
    assert after >= ends_at
    assert asked_until > ends_at - 0.5  # so it was good until then
    assert (await me(here, person.access_token))[0] == 200


@pytest.mark.parametrize("how", ["log out", "reuse"])
async def test_a_revoked_session_ends_its_tokens_in_every_worker(here: Api, there: Api, how: str) -> None:
    person = await here.sign_up()
    renewed = await here.call("POST", "/auth/refresh", {"refresh_token": person.refresh_token})
    tokens = [person.access_token, renewed.json["access_token"]]
    elsewhere = await here.log_in(person.id, person.email)
    for api in (here, there):
        for token in (*tokens, elsewhere.access_token):
            await me(api, token)
            assert await me(api, token) == (200, 0.0)

    if how == "log out":
        body = {"refresh_token": renewed.json["refresh_token"]}
        assert (await here.call("POST", "/auth/logout", body)).status == 204
    else:
        newest = await here.call("POST", "/auth/refresh", {"refresh_token": renewed.json["refresh_token"]})
        tokens.append(newest.json["access_token"])
        body = {"refresh_token": person.refresh_token}
        assert (await here.call("POST", "/auth/refresh", body)).status == 401

    for token in tokens:
        assert (await me(here, token))[0] == 401

    async def are_refused_there() -> bool:
        return [(await me(there, token))[0] for token in tokens] == [401] * len(tokens)

    await until(are_refused_there, INVALIDATED_WITHIN_S)
    for api in (here, there):
        assert (await me(api, elsewhere.access_token))[0] == 200


async def test_a_new_role_is_seen_in_every_worker(here: Api, there: Api) -> None:
    admin, person = await here.admin(), await here.sign_up()
    for api in (here, there):
        assert await role_at(api, person) == "user"
        assert is_cached(api, person)

    changed = await here.call("PUT", f"/admin/users/{person.id}/role", {"role": "staff"}, who=admin)
    assert changed.status == 200, changed.text

    assert await role_at(here, person) == "staff"

    async def is_seen_there() -> bool:
        return await role_at(there, person) == "staff"

    await until(is_seen_there, INVALIDATED_WITHIN_S)


async def test_a_worker_applies_its_own_invalidations_before_it_answers(
    here: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it does not receive what it publishes."""

    async def published_to_nobody(*_: object) -> None:
        return None

    monkeypatch.setattr(AuthInvalidation, "_publish", published_to_nobody)
    admin, person = await here.admin(), await here.sign_up()
    assert await role_at(here, person) == "user"
    await here.call("PUT", f"/admin/users/{person.id}/role", {"role": "staff"}, who=admin)
    assert await role_at(here, person) == "staff"
    assert (await here.call("POST", "/auth/logout", {"refresh_token": person.refresh_token})).status == 204
    assert (await me(here, person.access_token))[0] == 401


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(redis_url) as proxy:
        yield proxy


async def test_nothing_is_cached_while_the_subscription_is_interrupted(
    start_api: StartApi, redis: Proxy, db: Connection
) -> None:
    api = await connected(await start_api(REDIS_URL=redis.url))
    person, other = await api.sign_up(), await api.sign_up()
    for one in (person, other):
        await me(api, one.access_token)
        assert is_cached(api, one)

    await redis.cut()

    async def is_interrupted() -> bool:
        return not is_cached(api, person) and not access_tokens_of(api).cache._connected

    await until(is_interrupted, 5)
    for _ in range(2):
        status, ms = await me(api, person.access_token)
        assert status == 200
        assert ms > 0
    await db.execute("update login_sessions set revoked_at = now() where id = $1", session_id_of(person))
    assert (await me(api, person.access_token))[0] == 401

    await redis.open()

    await connected(api)
    await me(api, other.access_token)
    assert await me(api, other.access_token) == (200, 0.0)
    assert (await me(api, person.access_token))[0] == 401


async def test_a_logout_without_redis_takes_effect_in_its_own_worker(start_api: StartApi, redis: Proxy) -> None:
    api = await connected(await start_api(REDIS_URL=redis.url))
    person = await api.sign_up()
    await me(api, person.access_token)
    await redis.cut()
    assert (await api.call("POST", "/auth/logout", {"refresh_token": person.refresh_token})).status == 204
    assert (await me(api, person.access_token))[0] == 401
    await redis.open()


async def test_a_logout_without_redis_reaches_other_workers_once_redis_answers(
    start_api: StartApi, there: Api, redis: Proxy
) -> None:
    here = await connected(await start_api(REDIS_URL=redis.url))
    person = await here.sign_up()
    await me(there, person.access_token)
    await redis.cut()
    assert (await here.call("POST", "/auth/logout", {"refresh_token": person.refresh_token})).status == 204
    assert is_cached(there, person)

    await redis.open()

    async def is_invalidated_there() -> bool:
        return not is_cached(there, person)

    await until(is_invalidated_there, 15)
    assert (await me(there, person.access_token))[0] == 401


@pytest.mark.parametrize("invalidated", [True, False], ids=["invalidated", "connection lost"])
async def test_a_session_revoked_during_its_look_up_is_not_cached(here: Api, db: Connection, invalidated: bool) -> None:
    """The look-up has read the session and is paused; the logout, which it did not see, comes in between."""
    person = await here.sign_up()
    verifier, inner = access_tokens_of(here), access_tokens_of(here)._lookups._run
    has_read, may_go_on = asyncio.Event(), asyncio.Event()

    async def slowly(asked: Any) -> Any:
        found = await inner(asked)
        has_read.set()
        await may_go_on.wait()
        return found

    verifier._lookups._run = slowly
    asking = asyncio.create_task(me(here, person.access_token))
    async with asyncio.timeout(5):
        await has_read.wait()
    if invalidated:
        assert (await here.call("POST", "/auth/logout", {"refresh_token": person.refresh_token})).status == 204
    else:
        await db.execute("update login_sessions set revoked_at = now() where id = $1", session_id_of(person))
        verifier.cache.set_connected(False)
        verifier.cache.set_connected(True)
    may_go_on.set()
    assert (await asking)[0] == 200  # it was valid when it was read
    assert not is_cached(here, person)
    verifier._lookups._run = inner
    assert (await me(here, person.access_token))[0] == 401


async def test_the_cache_is_bounded_and_drops_the_oldest(here: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_tokens_of(here).cache, "_max_entries", 3)
    person = await here.sign_up()
    tokens = [person.access_token, *[(await here.log_in(person.id, person.email)).access_token for _ in range(6)]]
    for token in tokens:
        assert (await me(here, token))[0] == 200
    cache = access_tokens_of(here).cache
    for _ in range(2):
        assert list(cache._identities) == tokens[-3:]
        by_session_and_account = [{tokens[-3]}, {tokens[-2]}, {tokens[-1]}, set(tokens[-3:])]
        assert sorted(map(sorted, cache._by_subject.values())) == sorted(map(sorted, by_session_and_account))
        for token in tokens:
            assert (await me(here, token))[0] == 200


async def test_a_token_is_looked_up_again_after_a_minute(
    here: Api, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute that takes a tenth of a second: a lost invalidation has no effect after it."""
    monkeypatch.setattr(verifiers, "MAX_AGE_S", 0.1)
    person = await here.sign_up()
    await me(here, person.access_token)
    cached = access_tokens_of(here).cache._identities[person.access_token]
    assert cached.valid_until <= monotonic() + 0.1
    await db.execute("update login_sessions set revoked_at = now() where id = $1", session_id_of(person))
    while monotonic() < cached.valid_until:
        await asyncio.sleep(0.01)
    assert (await me(here, person.access_token))[0] == 401


GARBAGE: tuple[str | bytes, ...] = (
    "", " ", "session", "session ", "session x", "user", "user ", "user x", "user 1e5", "user -1", "user " + "9" * 5000,
    "USER 1", "session 00000000-0000-0000-0000-000000000000", "a" * 100_000, b"\x00", b"\xff\xfe", b"user \xff",
    "user 1 2", "session {}", "key", "key x", "key -1", "key " + "9" * 5000, b"key \xff",
)  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda garbage: repr(garbage)[:30])
async def test_garbage_on_the_channel_is_ignored(here: Api, redis_url: str, garbage: str | bytes) -> None:
    person = await here.sign_up()
    await me(here, person.access_token)
    assert is_cached(here, person)
    async with Redis.from_url(redis_url) as client:
        await client.publish(CHANNEL, garbage)
        await client.publish(CHANNEL, f"user {person.id}")

    async def is_invalidated() -> bool:
        return not is_cached(here, person)

    await until(is_invalidated, INVALIDATED_WITHIN_S)
    await connected(here)
    await me(here, person.access_token)
    assert await me(here, person.access_token) == (200, 0.0)
