"""Administrators and tokens made by commands and settings."""

import asyncio

import pytest

from reservation.identity import admins
from reservation.settings import InvalidSettings, Settings
from tests.api import Api, Connection, Person
from tests.conftest import make_settings
from tests.identity.authenticator import code_of, enrol, log_in

PASSWORD = "a new password"


async def create(settings: Settings, email: str) -> None:
    await asyncio.to_thread(admins.create_admin, settings, email=email, password=PASSWORD)


async def status(api: Api, who: Person) -> int:
    return (await api.call("GET", "/admin/users", who=who)).status


async def test_sessions_from_before_a_promotion_by_create_admin_are_revoked(api: Api, settings: Settings) -> None:
    """Addresses are not verified: another person may have signed up with the administrator's before."""
    stranger = await api.sign_up()
    assert await status(api, stranger) == 403

    await create(settings, stranger.email)

    assert await status(api, stranger) == 401
    spent = await api.call("POST", "/auth/refresh", {"refresh_token": stranger.refresh_token})
    assert (spent.status, spent.code) == (401, "invalid_token")
    tokens = await api.call("POST", "/auth/login", {"email": stranger.email, "password": PASSWORD})
    assert await status(api, Person(stranger.id, stranger.email, tokens.json["access_token"], "")) == 200


async def test_create_admin_enables_a_disabled_account(api: Api, settings: Settings) -> None:
    person = await api.sign_up()
    await api.call("PUT", f"/admin/users/{person.id}/disabled", {"disabled": True}, who=await api.admin())

    await create(settings, person.email)

    tokens = await api.call("POST", "/auth/login", {"email": person.email, "password": PASSWORD})
    assert await status(api, Person(person.id, person.email, tokens.json["access_token"], "")) == 200


async def test_create_admin_has_an_entry_in_the_change_log(api: Api, settings: Settings, db: Connection) -> None:
    person = await api.sign_up()
    await create(settings, person.email)

    [entry] = await db.fetch("select subject, action, user_id, before->>'role', after->>'role' from change_log")

    assert tuple(entry) == (f"user/{person.id}", "create-admin", None, "user", "admin")


async def test_a_logged_out_administrators_token_is_401(api: Api) -> None:
    admin = await api.admin()
    assert await status(api, admin) == 200

    await api.call("POST", "/auth/logout", {"refresh_token": admin.refresh_token})

    assert await status(api, admin) == 401


async def test_the_settings_administrators_session_survives_a_restart(api: Api, settings: Settings) -> None:
    given = make_settings(
        settings.database_url or "",
        settings.redis_url or "",
        settings.data_dir,
        ADMIN_EMAIL="boss@example.com",
        ADMIN_PASSWORD=PASSWORD,
    )
    await asyncio.to_thread(admins.ensure_admin, given)
    tokens = await api.call("POST", "/auth/login", {"email": "boss@example.com", "password": PASSWORD})
    boss = Person(0, "boss@example.com", tokens.json["access_token"], "")
    assert await status(api, boss) == 200

    await asyncio.to_thread(admins.ensure_admin, given)

    assert await status(api, boss) == 200


async def test_a_restart_leaves_the_second_factor_of_the_settings_administrator(api: Api, settings: Settings) -> None:
    """Its password was changed, so the start gives it that of the settings, which is not enough for a login."""
    given = make_settings(
        settings.database_url or "",
        settings.redis_url or "",
        settings.data_dir,
        ADMIN_EMAIL="boss@example.com",
        ADMIN_PASSWORD=PASSWORD,
    )
    await asyncio.to_thread(admins.ensure_admin, given)
    tokens = await api.call("POST", "/auth/login", {"email": "boss@example.com", "password": PASSWORD})
    boss = Person(0, "boss@example.com", tokens.json["access_token"], "", password=PASSWORD)
    secret, _ = await enrol(api, boss)
    change = {"current_password": PASSWORD, "new_password": "another new password"}
    assert (await api.call("POST", "/auth/password", change, who=boss)).status == 204

    await asyncio.to_thread(admins.ensure_admin, given)

    without = await log_in(api, boss)
    assert (without.status, without.code) == (401, "totp_required")
    assert (await log_in(api, boss, code_of(secret))).status == 200


@pytest.mark.parametrize("password", ["password1", "11111111", "boss@example.com"])
async def test_a_password_of_the_settings_administrator_that_is_easy_to_guess_is_refused(
    api: Api, settings: Settings, password: str
) -> None:
    given = make_settings(
        settings.database_url or "",
        settings.redis_url or "",
        settings.data_dir,
        ADMIN_EMAIL="boss@example.com",
        ADMIN_PASSWORD=password,
    )
    with pytest.raises(InvalidSettings, match=r"^ADMIN_PASSWORD: This password is easy to guess\.") as told:
        await asyncio.to_thread(admins.ensure_admin, given)
    assert password == "boss@example.com" or password not in str(told.value)
    tokens = await api.call("POST", "/auth/login", {"email": "boss@example.com", "password": password})
    assert tokens.status == 401


async def test_a_minted_token_administers(api: Api, settings: Settings) -> None:
    await create(settings, "boss@example.com")

    token = await asyncio.to_thread(admins.mint_token, settings, email="BOSS@example.com")

    assert await status(api, Person(0, "boss@example.com", token, "")) == 200
