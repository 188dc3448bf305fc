"""A disabled account has no sessions, cannot log in, and its API keys do not work."""

import asyncio
from typing import Any

import pytest

from tests.api import PASSWORD, Answer, Api, Connection, Person
from tests.conftest import StartApi
from tests.identity.caches import INVALIDATED_WITHIN_S, connected, until

Refusal = tuple[int, Any]


async def set_disabled(api: Api, user_id: int, disabled: bool = True) -> Answer:
    return await api.call("PUT", f"/admin/users/{user_id}/disabled", {"disabled": disabled}, who=await api.admin())


async def log_in(api: Api, person: Person, password: str = PASSWORD) -> Answer:
    return await api.call("POST", "/auth/login", {"email": person.email, "password": password})


async def status(api: Api, who: Person, path: str = "/auth/me") -> int:
    return (await api.call("GET", path, who=who)).status


async def kiosk(api: Api, user_id: int) -> Person:
    made = await api.make("/admin/api-keys", {"name": "Kiosk", "user_id": user_id, "scopes": ["booking"]})
    return Person(user_id, "", made["key"], "")


async def test_sessions_and_api_keys_of_a_disabled_account_end_at_once_in_every_worker(start_api: StartApi) -> None:
    here, there = await connected(await start_api()), await connected(await start_api())
    person = await here.sign_up()
    key = await kiosk(here, person.id)
    for api in (here, there):
        assert (await status(api, person), await status(api, key, "/reservations")) == (200, 200)

    answer = await set_disabled(here, person.id)

    assert (answer.status, answer.json["disabled"]) == (200, True)
    assert (await status(here, person), await status(here, key, "/reservations")) == (401, 401)

    async def are_refused_there() -> bool:
        return (await status(there, person), await status(there, key, "/reservations")) == (401, 401)

    await until(are_refused_there, INVALIDATED_WITHIN_S)
    refreshed = await here.call("POST", "/auth/refresh", {"refresh_token": person.refresh_token})
    assert (refreshed.status, refreshed.code) == (401, "invalid_token")


async def test_a_login_of_a_disabled_account_is_403_after_the_right_password_only(api: Api) -> None:
    person = await api.sign_up()
    await set_disabled(api, person.id)
    right, wrong = await log_in(api, person), await log_in(api, person, "another password")
    assert (right.status, right.code) == (403, "account_disabled")
    assert (wrong.status, wrong.code) == (401, "invalid_credentials")


async def test_an_enabled_account_logs_in_and_its_api_keys_work_again(api: Api) -> None:
    person = await api.sign_up()
    key = await kiosk(api, person.id)
    await set_disabled(api, person.id)
    assert (await set_disabled(api, person.id, disabled=False)).json["disabled"] is False

    assert (await log_in(api, person)).status == 200
    assert await status(api, key, "/reservations") == 200
    assert await status(api, person) == 401  # the sessions of before stay ended


async def test_the_last_administrator_who_is_not_disabled_cannot_be_disabled_or_demoted(api: Api) -> None:
    admin, other = await api.admin(), await api.staff("admin")
    assert (await set_disabled(api, other.id)).status == 200
    refused = await set_disabled(api, admin.id)
    assert (refused.status, refused.code) == (409, "last_admin")
    demoted = await api.call("PUT", f"/admin/users/{admin.id}/role", {"role": "user"}, who=admin)
    assert (demoted.status, demoted.code) == (409, "last_admin")
    assert await status(api, admin) == 200


async def test_of_two_administrators_who_disable_each_other_at_once_one_stays(api: Api, db: Connection) -> None:
    one, other = await api.admin(), await api.staff("admin")

    async def disable(who: Person, whom: Person) -> int:
        return (await api.call("PUT", f"/admin/users/{whom.id}/disabled", {"disabled": True}, who=who)).status

    assert 200 in await asyncio.gather(disable(one, other), disable(other, one))
    assert await db.fetchval("select count(*) from users where role = 'admin' and disabled_at is null") == 1


async def test_a_guest_can_be_disabled(api: Api) -> None:
    made = (await api.call("POST", "/auth/guest", {"name": "G", "email": "g@example.com"})).json
    guest = Person(made["user"]["id"], "", made["access_token"], "")
    assert (await set_disabled(api, guest.id)).status == 200
    assert await status(api, guest) == 401


async def test_no_session_is_left_of_logins_that_race_with_the_disabling(api: Api, db: Connection) -> None:
    person = await api.sign_up()

    async def disable() -> Answer:
        return await set_disabled(api, person.id)

    for _ in range(10):
        logins = [log_in(api, person) for _ in range(4)]
        refreshes = [api.call("POST", "/auth/refresh", {"refresh_token": person.refresh_token}) for _ in range(2)]
        answers = await asyncio.gather(*logins, *refreshes, disable())
        assert {answer.status for answer in answers} <= {200, 401, 403}
        alive = "select count(*) from login_sessions where user_id = $1 and revoked_at is null"
        assert await db.fetchval(alive, person.id) == 0
        for answer in answers[:-1]:
            if answer.status == 200:
                assert await status(api, Person(person.id, "", answer.json["access_token"], "")) == 401
        await set_disabled(api, person.id, disabled=False)
        person = await api.log_in(person.id, person.email)


@pytest.mark.parametrize("spelling", [str.lower, str.upper])
async def test_users_are_found_by_address_guests_included(api: Api, spelling: Any) -> None:
    admin, person = await api.admin(), await api.sign_up()
    for _ in range(2):
        await api.call("POST", "/auth/guest", {"name": "G", "email": person.email})

    async def found(**filters: str) -> list[str]:
        params = {"email": spelling(person.email)} | filters
        answer = await api.call("GET", "/admin/users", who=admin, params=params)
        return [user["role"] for user in answer.json["items"]]

    assert await found() == ["user", "guest", "guest"]
    assert await found(role="guest") == ["guest", "guest"]
    assert await found(role="admin") == []
    assert await found(email="nobody@example.com") == []
