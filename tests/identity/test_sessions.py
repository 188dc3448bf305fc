"""Access tokens are looked up once and then remembered: for as long as they are good, and not a moment longer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import time
from typing import Any
from uuid import UUID

import jwt
import pytest
from redis.asyncio import Redis

from reservation.http.app_keys import SESSIONS
from reservation.identity import sessions
from reservation.identity.auth_invalidation import CHANNEL, AuthInvalidation
from reservation.identity.sessions import Sessions
from tests.api import Api, Connection, Person
from tests.conftest import SECRET, StartApi
from tests.faults.proxy import Proxy

SOON_S = 1.0  # within which every worker has heard of it


async def me(api: Api, token: str) -> tuple[int, float]:
    """The status of /auth/me, and the milliseconds that it spent in PostgreSQL: 0.0 where nobody was asked."""
    headers = {"Authorization": f"Bearer {token}"}
    async with api.client.get("/auth/me", headers=headers) as answer:
        split = dict(part.split(";dur=") for part in answer.headers["Server-Timing"].split(", "))
        return answer.status, float(split["postgresql"])


async def role_at(api: Api, person: Person) -> str:
    return str((await api.call("GET", "/auth/me", who=person)).json["role"])


async def until(condition: Callable[[], Awaitable[bool]], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not await condition():
            await asyncio.sleep(0.005)


async def hearing(api: Api) -> Api:
    """The service, once announcements reach it: until then it remembers nothing."""

    async def hears() -> bool:
        return sessions_of(api)._connected

    await until(hears, 5)
    return api


def sessions_of(api: Api) -> Sessions:
    server: Any = api.client.server
    known: Sessions = server.app[SESSIONS]
    return known


def is_remembered(api: Api, person: Person) -> bool:
    return person.access_token in sessions_of(api)._remembered


def claims_of(person: Person) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(person.access_token, SECRET, ["HS256"])
    return claims


def session_id_of(person: Person) -> UUID:
    return UUID(str(claims_of(person)["jti"]).partition(".")[0])


@pytest.fixture
async def here(start_api: StartApi) -> Api:
    return await hearing(await start_api())


@pytest.fixture
async def there(start_api: StartApi) -> Api:
    """Another instance on the same stores."""
    return await hearing(await start_api())


async def test_a_token_is_looked_up_once(here: Api, there: Api) -> None:
    person = await here.sign_up()
    for api in (here, there):
        status, first_ms = await me(api, person.access_token)
        assert status == 200
        assert first_ms > 0
        for _ in range(3):
            assert await me(api, person.access_token) == (200, 0.0)


async def test_what_is_remembered_is_told_from_its_neighbour(here: Api) -> None:
    people = [await here.sign_up() for _ in range(3)]
    for _ in range(2):
        for person in people:
            answer = await here.call("GET", "/auth/me", who=person)
            assert (answer.json["id"], answer.json["email"]) == (person.id, person.email)
    assert (await me(here, people[0].access_token + "x"))[0] == 401


async def test_it_ends_when_it_says_though_it_is_remembered(here: Api) -> None:
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
        if token in sessions_of(here)._remembered:
            assert (await me(here, token))[1] == 0.0 or time() >= ends_at
        await asyncio.sleep(0.01)
    assert ms == 0.0
    assert after >= ends_at
    assert asked_until > ends_at - 0.5  # so it was good until then
    assert (await me(here, person.access_token))[0] == 200


@pytest.mark.parametrize("how", ["log out", "reuse"])
async def test_the_end_of_a_session_is_the_end_of_its_tokens(here: Api, there: Api, how: str) -> None:
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
        body = {"refresh_token": person.refresh_token}
        assert (await here.call("POST", "/auth/refresh", body)).status == 401

    for token in tokens:
        assert (await me(here, token))[0] == 401

    async def is_over_there() -> bool:
        return [(await me(there, token))[0] for token in tokens] == [401, 401]

    await until(is_over_there, SOON_S)
    for api in (here, there):
        assert (await me(api, elsewhere.access_token))[0] == 200


async def test_a_new_role_is_seen_everywhere(here: Api, there: Api) -> None:
    admin, person = await here.admin(), await here.sign_up()
    for api in (here, there):
        assert await role_at(api, person) == "user"
        assert is_remembered(api, person)

    changed = await here.call("PUT", f"/admin/users/{person.id}/role", {"role": "staff"}, who=admin)
    assert changed.status == 200, changed.text

    assert await role_at(here, person) == "staff"

    async def is_seen_there() -> bool:
        return await role_at(there, person) == "staff"

    await until(is_seen_there, SOON_S)


async def test_its_own_worker_need_not_hear_it(here: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another worker hears in a moment, the one that did it knows before it answers."""
    monkeypatch.setattr(AuthInvalidation, "take", lambda *_: None)
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


async def test_who_connected_nothing_remembers_nothing(start_api: StartApi, redis: Proxy, db: Connection) -> None:
    api = await hearing(await start_api(REDIS_URL=redis.url))
    person, other = await api.sign_up(), await api.sign_up()
    for one in (person, other):
        await me(api, one.access_token)
        assert is_remembered(api, one)

    await redis.cut()

    async def has_forgotten() -> bool:
        return not is_remembered(api, person) and not sessions_of(api)._connected

    await until(has_forgotten, 5)
    for _ in range(2):
        status, ms = await me(api, person.access_token)
        assert status == 200
        assert ms > 0
    await db.execute("update login_sessions set revoked_at = now() where id = $1", session_id_of(person))
    assert (await me(api, person.access_token))[0] == 401

    await redis.open()

    await hearing(api)
    await me(api, other.access_token)
    assert await me(api, other.access_token) == (200, 0.0)
    assert (await me(api, person.access_token))[0] == 401


async def test_a_logout_without_redis_counts_where_it_was_made(start_api: StartApi, redis: Proxy) -> None:
    api = await hearing(await start_api(REDIS_URL=redis.url))
    person = await api.sign_up()
    await me(api, person.access_token)
    await redis.cut()
    assert (await api.call("POST", "/auth/logout", {"refresh_token": person.refresh_token})).status == 204
    assert (await me(api, person.access_token))[0] == 401
    await redis.open()


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "connection lost"])
async def test_what_ends_while_it_is_looked_up_is_not_remembered(here: Api, db: Connection, announced: bool) -> None:
    """The look-up has read the session and is held up; the logout, which it cannot have seen, comes in between."""
    person = await here.sign_up()
    known, inner = sessions_of(here), sessions_of(here)._looks._run
    has_read, may_go_on = asyncio.Event(), asyncio.Event()

    async def slowly(asked: Any) -> Any:
        found = await inner(asked)
        has_read.set()
        await may_go_on.wait()
        return found

    known._looks._run = slowly
    asking = asyncio.create_task(me(here, person.access_token))
    async with asyncio.timeout(5):
        await has_read.wait()
    if announced:
        assert (await here.call("POST", "/auth/logout", {"refresh_token": person.refresh_token})).status == 204
    else:
        await db.execute("update login_sessions set revoked_at = now() where id = $1", session_id_of(person))
        known.set_connected(False)
        known.set_connected(True)
    may_go_on.set()
    assert (await asking)[0] == 200  # it was good when it was asked
    assert not is_remembered(here, person)
    known._looks._run = inner
    assert (await me(here, person.access_token))[0] == 401


async def test_memory_is_bounded(here: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_REMEMBERED", 3)
    person = await here.sign_up()
    tokens = [person.access_token, *[(await here.log_in(person.id, person.email)).access_token for _ in range(6)]]
    for token in tokens:
        assert (await me(here, token))[0] == 200
    known = sessions_of(here)
    assert list(known._remembered) == tokens[-3:]
    assert sum(len(of_one) for of_one in known._tokens_of.values()) == 3
    for token in tokens:
        assert (await me(here, token))[0] == 200
    assert len(known._tokens_of) == 3


async def test_nothing_is_remembered_for_longer_than_a_minute(
    here: Api, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute that takes a tenth of a second: a lost announcement matters for no longer."""
    monkeypatch.setattr(sessions, "REMEMBERED_S", 0.1)
    person = await here.sign_up()
    await me(here, person.access_token)
    remembered = sessions_of(here)._remembered[person.access_token]
    assert remembered.good_until <= time() + 0.1
    await db.execute("update login_sessions set revoked_at = now() where id = $1", session_id_of(person))
    while time() < remembered.good_until:
        await asyncio.sleep(0.01)
    assert (await me(here, person.access_token))[0] == 401


GARBAGE: tuple[str | bytes, ...] = (
    "", " ", "session", "session ", "session x", "user", "user ", "user x", "user 1e5", "user -1", "user " + "9" * 5000,
    "USER 1", "session 00000000-0000-0000-0000-000000000000", "a" * 100_000, b"\x00", b"\xff\xfe", b"user \xff",
    "user 1 2", "session {}", "key", "key x", "key -1", "key " + "9" * 5000, b"key \xff",
)  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda garbage: repr(garbage)[:30])
async def test_garbage_on_the_channel_does_no_harm(here: Api, redis_url: str, garbage: str | bytes) -> None:
    person = await here.sign_up()
    await me(here, person.access_token)
    assert is_remembered(here, person)
    async with Redis.from_url(redis_url) as client:
        await client.publish(CHANNEL, garbage)
        await client.publish(CHANNEL, f"user {person.id}")

    async def is_forgotten() -> bool:
        return not is_remembered(here, person)

    await until(is_forgotten, SOON_S)
    await hearing(here)  # what comes after it is heard, too
    await me(here, person.access_token)
    assert await me(here, person.access_token) == (200, 0.0)
