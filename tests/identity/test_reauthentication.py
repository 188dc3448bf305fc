"""Changes of roles, API keys and second factors need a password that was given lately."""

from collections.abc import Awaitable, Callable

import pytest

from tests.api import Answer, Api, Connection, Person
from tests.conftest import StartApi
from tests.identity.authenticator import code_of, enrol

Change = Callable[[Api, Person, Person], Awaitable[Answer]]


async def change_role(api: Api, admin: Person, other: Person) -> Answer:
    return await api.call("PUT", f"/admin/users/{other.id}/role", {"role": "staff"}, who=admin)


async def make_key(api: Api, admin: Person, other: Person) -> Answer:
    body = {"name": "A", "user_id": other.id, "scopes": ["booking"]}
    return await api.call("POST", "/admin/api-keys", body, who=admin)


async def revoke_key(api: Api, admin: Person, _: Person) -> Answer:
    return await api.call("DELETE", "/admin/api-keys/4711", who=admin)


async def begin_totp(api: Api, admin: Person, _: Person) -> Answer:
    return await api.call("POST", "/auth/totp", who=admin)


async def remove_totp(api: Api, admin: Person, _: Person) -> Answer:
    return await api.call("DELETE", "/auth/totp", {"code": "1"}, who=admin)


async def confirm_totp(api: Api, admin: Person, _: Person) -> Answer:
    return await api.call("POST", "/auth/totp/confirm", {"code": "1"}, who=admin)


CHANGES: dict[Change, int] = {
    change_role: 200,
    make_key: 201,
    revoke_key: 404,
    begin_totp: 200,
    remove_totp: 204,
    confirm_totp: 404,
}


async def age_sessions(db: Connection, minutes: int) -> None:
    """Let all logins and confirmations of passwords have been so long ago."""
    await db.execute(
        "update login_sessions set created_at = created_at - $1 * interval '1 minute',"
        " reauthenticated_at = reauthenticated_at - $1 * interval '1 minute'",
        minutes,
    )


async def confirm(api: Api, who: Person, password: str, code: str | None = None) -> Answer:
    body = {"password": password} | ({} if code is None else {"totp_code": code})
    return await api.call("POST", "/auth/reauthenticate", body, who=who)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_of_rights_needs_a_password_of_the_last_half_hour(
    api: Api, db: Connection, change: Change
) -> None:
    admin, other = await api.admin(), await api.sign_up()
    await age_sessions(db, 31)
    refused = await change(api, admin, other)
    confirmed = await confirm(api, admin, admin.password)
    await age_sessions(db, 29)
    allowed = await change(api, admin, other)

    assert (refused.status, refused.code) == (403, "reauthentication_required")
    assert confirmed.status == 204
    assert allowed.status == CHANGES[change], allowed.text


async def test_a_refresh_is_no_confirmation_and_a_login_is_one(api: Api, db: Connection) -> None:
    admin, other = await api.admin(), await api.sign_up()
    await age_sessions(db, 31)
    tokens = (await api.call("POST", "/auth/refresh", {"refresh_token": admin.refresh_token})).json
    refreshed = Person(admin.id, admin.email, tokens["access_token"], tokens["refresh_token"])
    assert (await change_role(api, refreshed, other)).status == 403
    assert (await change_role(api, await api.log_in(admin.id, admin.email), other)).status == 200


async def test_a_wrong_password_confirms_nothing_and_counts_as_a_failed_login(
    start_api: StartApi, db: Connection
) -> None:
    api = await start_api(LOGIN_FAILURES="2")
    admin, other = await api.admin(), await api.sign_up()
    await age_sessions(db, 31)
    for _ in range(2):
        refused = await confirm(api, admin, "not the password")
        assert (refused.status, refused.code) == (401, "invalid_credentials")
    assert (await confirm(api, admin, admin.password)).status == 429
    assert (await change_role(api, admin, other)).status == 403


async def test_with_a_second_factor_a_confirmation_needs_a_code(api: Api, db: Connection) -> None:
    admin, other = await api.admin(), await api.sign_up()
    secret, _ = await enrol(api, admin)
    await age_sessions(db, 31)
    without = await confirm(api, admin, admin.password)
    assert (without.status, without.code) == (401, "totp_required")
    assert (await change_role(api, admin, other)).status == 403
    assert (await confirm(api, admin, admin.password, code_of(secret))).status == 204
    assert (await change_role(api, admin, other)).status == 200


async def test_of_one_session_another_is_not_confirmed(api: Api, db: Connection) -> None:
    admin, other = await api.admin(), await api.sign_up()
    elsewhere = await api.log_in(admin.id, admin.email)
    await age_sessions(db, 31)
    assert (await confirm(api, elsewhere, admin.password)).status == 204
    assert (await change_role(api, admin, other)).status == 403


async def test_with_0_minutes_no_confirmation_is_needed(start_api: StartApi, db: Connection) -> None:
    api = await start_api(REAUTHENTICATION_MINUTES="0")
    admin, other = await api.admin(), await api.sign_up()
    await age_sessions(db, 500)
    assert (await change_role(api, admin, other)).status == 200
