"""An API key is revoked in one worker while another has it cached."""

import asyncio

from tests.api import Answer, Api, Connection, Person
from tests.conftest import StartApi
from tests.identity.caches import INVALIDATED_WITHIN_S, access_tokens_of, api_keys_of, connected, until


async def a_key(api: Api, user_id: int) -> tuple[int, Person]:
    body = {"name": "Kiosk", "user_id": user_id, "scopes": ["booking"]}
    made = await api.make("/admin/api-keys", body)
    return made["id"], Person(0, "", made["key"], "")


async def listed(api: Api, who: Person) -> Answer:
    return await api.call("GET", "/reservations", who=who)


def cached_keys(api: Api) -> int:
    return len(api_keys_of(api).cache._identities)


async def test_a_revoked_key_is_refused_by_every_worker(start_api: StartApi) -> None:
    here, there = await connected(await start_api()), await connected(await start_api())
    admin = await here.admin()
    there.admins.append(admin)
    key_id, key = await a_key(here, admin.id)
    _, other = await a_key(here, admin.id)
    for api in (here, there):
        for who in (key, other):
            assert (await listed(api, who)).status == 200
        assert cached_keys(api) == 2

    assert (await here.call("DELETE", f"/admin/api-keys/{key_id}", who=admin)).status == 204

    assert (await listed(here, key)).code == "invalid_token"

    async def is_seen_there() -> bool:
        return (await listed(there, key)).status == 401

    await until(is_seen_there, INVALIDATED_WITHIN_S)
    for api in (here, there):
        assert (await listed(api, other)).status == 200
        assert cached_keys(api) == 1


async def test_a_revoked_key_invalidates_no_session_or_account_of_its_number(start_api: StartApi) -> None:
    """A session, an account and a key may have the same number."""
    here = await connected(await start_api())
    admin, person = await here.admin(), await here.sign_up()
    await listed(here, person)
    key_id, key = await a_key(here, admin.id)
    assert (await listed(here, key)).status == 200
    assert (await here.call("POST", "/auth/logout", {"refresh_token": person.refresh_token})).status == 204
    assert cached_keys(here) == 1  # a logout invalidates no key
    sessions = len(access_tokens_of(here).cache._identities)

    await here.call("DELETE", f"/admin/api-keys/{key_id}", who=admin)

    assert sessions > 0
    assert len(access_tokens_of(here).cache._identities) == sessions


async def test_concurrent_revocations_of_a_key_all_succeed(start_api: StartApi, db: Connection) -> None:
    here, there = await connected(await start_api()), await connected(await start_api())
    admin = await here.admin()
    key_id, key = await a_key(here, admin.id)
    path = f"/admin/api-keys/{key_id}"

    answers = await asyncio.gather(
        *(api.call("DELETE", path, who=admin) for api in (here, there) for _ in range(8)),
        *(listed(api, key) for api in (here, there) for _ in range(8)),
    )

    assert {answer.status for answer in answers[:16]} == {204}
    assert {answer.status for answer in answers[16:]} <= {200, 401}

    async def is_refused_by_all() -> bool:
        return {(await listed(api, key)).status for api in (here, there)} == {401}

    await until(is_refused_by_all, INVALIDATED_WITHIN_S)
    assert (cached_keys(here), cached_keys(there)) == (0, 0)
    assert await db.fetchval("select count(*) from api_keys where revoked_at is not null") == 1
