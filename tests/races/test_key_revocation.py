"""A key that is revoked at one worker while another lets it in."""

import asyncio
from typing import Any

from reservation.http.app_keys import API_KEYS, SESSIONS
from tests.api import Answer, Api, Connection, Person
from tests.conftest import StartApi
from tests.identity.test_sessions import SOON_S, hearing, until


async def a_key(api: Api, user_id: int) -> tuple[int, Person]:
    body = {"name": "Kiosk", "user_id": user_id, "scopes": ["booking"]}
    made = await api.make("/admin/api-keys", body)
    return made["id"], Person(0, "", made["key"], "")


async def listed(api: Api, who: Person) -> Answer:
    return await api.call("GET", "/reservations", who=who)


def remembered(api: Api) -> int:
    server: Any = api.client.server
    return len(server.app[API_KEYS].holders._remembered)


async def test_a_revocation_is_seen_by_every_worker(start_api: StartApi) -> None:
    here, there = await hearing(await start_api()), await hearing(await start_api())
    admin = await here.admin()
    there.admins.append(admin)
    key_id, key = await a_key(here, admin.id)
    _, other = await a_key(here, admin.id)
    for api in (here, there):
        for who in (key, other):
            assert (await listed(api, who)).status == 200
        assert remembered(api) == 2

    assert (await here.call("DELETE", f"/admin/api-keys/{key_id}", who=admin)).status == 204

    assert (await listed(here, key)).code == "invalid_token"

    async def is_seen_there() -> bool:
        return (await listed(there, key)).status == 401

    await until(is_seen_there, SOON_S)
    for api in (here, there):
        assert (await listed(api, other)).status == 200
        assert remembered(api) == 1


async def test_the_end_of_a_key_is_the_end_of_nothing_else(start_api: StartApi) -> None:
    """A session, an account and a key may have the same number."""
    here = await hearing(await start_api())
    admin, person = await here.admin(), await here.sign_up()
    await listed(here, person)
    key_id, key = await a_key(here, admin.id)
    assert (await listed(here, key)).status == 200
    assert (await here.call("POST", "/auth/logout", {"refresh_token": person.refresh_token})).status == 204
    assert remembered(here) == 1  # nor is the end of a session that of a key
    server: Any = here.client.server
    people = len(server.app[SESSIONS]._remembered)

    await here.call("DELETE", f"/admin/api-keys/{key_id}", who=admin)

    assert people > 0
    assert len(server.app[SESSIONS]._remembered) == people


async def test_racing_revocations_agree(start_api: StartApi, db: Connection) -> None:
    here, there = await hearing(await start_api()), await hearing(await start_api())
    admin = await here.admin()
    key_id, key = await a_key(here, admin.id)
    path = f"/admin/api-keys/{key_id}"

    answers = await asyncio.gather(
        *(api.call("DELETE", path, who=admin) for api in (here, there) for _ in range(8)),
        *(listed(api, key) for api in (here, there) for _ in range(8)),
    )

    assert {answer.status for answer in answers[:16]} == {204}
    assert {answer.status for answer in answers[16:]} <= {200, 401}
    # Once each worker has heard of the last of them, none remembers the key.

    async def is_over() -> bool:
        return {(await listed(api, key)).status for api in (here, there)} == {401}

    await until(is_over, SOON_S)
    assert (remembered(here), remembered(there)) == (0, 0)
    assert await db.fetchval("select count(*) from api_keys where revoked_at is not null") == 1
