"""Administrators made from outside: with the rights come new sessions, and the old ones go."""

import asyncio

from reservation.identity import admins
from reservation.settings import Settings
from tests.api import Api, Person
from tests.conftest import make_settings

PASSWORD = "a new password"


async def create(settings: Settings, email: str) -> None:
    await asyncio.to_thread(admins.create_admin, settings, email=email, password=PASSWORD)


async def status(api: Api, who: Person) -> int:
    return (await api.call("GET", "/admin/users", who=who)).status


async def test_who_signed_up_first_gets_no_part_in_the_promotion(api: Api, settings: Settings) -> None:
    """Addresses are not verified: a stranger may have signed up with the future administrator's."""
    stranger = await api.sign_up()
    assert await status(api, stranger) == 403

    await create(settings, stranger.email)

    assert await status(api, stranger) == 401
    spent = await api.call("POST", "/auth/refresh", {"refresh_token": stranger.refresh_token})
    assert (spent.status, spent.code) == (401, "invalid_token")
    tokens = await api.call("POST", "/auth/login", {"email": stranger.email, "password": PASSWORD})
    assert await status(api, Person(stranger.id, stranger.email, tokens.json["access_token"], "")) == 200


async def test_an_administrator_who_has_logged_out_is_one_no_more(api: Api) -> None:
    admin = await api.admin()
    assert await status(api, admin) == 200

    await api.call("POST", "/auth/logout", {"refresh_token": admin.refresh_token})

    assert await status(api, admin) == 401


async def test_the_settings_administrator_stays_signed_in_over_restarts(api: Api, settings: Settings) -> None:
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


async def test_a_minted_token_is_as_good_as_one_from_a_login(api: Api, settings: Settings) -> None:
    await create(settings, "boss@example.com")

    token = await asyncio.to_thread(admins.mint_token, settings, email="BOSS@example.com")

    assert await status(api, Person(0, "boss@example.com", token, "")) == 200
