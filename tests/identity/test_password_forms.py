"""Passwords whose characters keyboards type in several ways, and hashes that are older than their normalisation."""

import asyncio
from unicodedata import normalize

import pytest

from reservation.identity import admins, passwords
from reservation.identity.password_strength import why_weak
from reservation.settings import InvalidSettings, Settings, check_password
from tests.api import Answer, Api, Connection

COMPOSED = "caf\u00e9 \u00e0 la cr\u00e8me br\u00fbl\u00e9e"
DECOMPOSED = normalize("NFD", COMPOSED)
FULL_WIDTH = "\uff43\uff41\uff46\u00e9\u3000\u00e0 la cr\u00e8me br\u00fbl\u00e9e"
EMAIL = "ada@example.com"


async def sign_up(api: Api, password: str, email: str = EMAIL) -> Answer:
    return await api.call("POST", "/auth/signup", {"name": "Ada", "email": email, "password": password})


async def log_in(api: Api, password: str) -> Answer:
    return await api.call("POST", "/auth/login", {"email": EMAIL, "password": password})


async def keep_hash_of(db: Connection, text: str) -> None:
    """Give the account the hash that the versions before normalisation made of a text."""
    await db.execute("update users set password_hash = $1", passwords._HASHER.hash(text))


@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED, FULL_WIDTH])
async def test_a_password_is_the_same_in_every_form(api: Api, typed: str) -> None:
    assert (await sign_up(api, typed)).status == 201
    assert [(await log_in(api, form)).status for form in (COMPOSED, DECOMPOSED, FULL_WIDTH)] == [200] * 3
    assert (await log_in(api, COMPOSED.replace("\u00e9", "e"))).status == 401


async def test_an_old_hash_of_another_form_is_replaced_at_the_first_login(api: Api, db: Connection) -> None:
    await sign_up(api, COMPOSED)
    await keep_hash_of(db, DECOMPOSED)
    assert (await log_in(api, COMPOSED)).status == 401  # as in the version before

    assert (await log_in(api, DECOMPOSED)).status == 200

    stored = await db.fetchval("select password_hash from users")
    assert passwords._has_hash(stored, COMPOSED)
    assert [(await log_in(api, form)).status for form in (COMPOSED, DECOMPOSED)] == [200, 200]
    assert await db.fetchval("select password_hash from users") == stored


async def test_concurrent_logins_with_an_old_hash_all_succeed(api: Api, db: Connection) -> None:
    await sign_up(api, COMPOSED)
    for _ in range(3):
        await keep_hash_of(db, DECOMPOSED)
        answers = await asyncio.gather(*(log_in(api, DECOMPOSED) for _ in range(8)))
        assert {answer.status for answer in answers} == {200}
        assert passwords._has_hash(await db.fetchval("select password_hash from users"), COMPOSED)


async def test_an_old_hash_lets_its_owner_change_the_password(api: Api, db: Connection) -> None:
    await sign_up(api, COMPOSED)
    token = (await log_in(api, COMPOSED)).json["access_token"]
    await keep_hash_of(db, DECOMPOSED)
    body = {"current_password": DECOMPOSED, "new_password": "another lamp on the stairs"}
    changed = await api.call("POST", "/auth/password", body, headers={"Authorization": f"Bearer {token}"})
    assert changed.status == 204


async def test_unknown_and_known_addresses_cost_the_same_hashes(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await sign_up(api, COMPOSED)
    verified: list[str] = []
    has_hash = passwords._has_hash

    def spy(password_hash: str, text: str) -> bool:
        verified.append(text)
        return has_hash(password_hash, text)

    monkeypatch.setattr(passwords, "_has_hash", spy)
    for wrong in ("a wrong one", normalize("NFD", "a wrong \u00e9")):
        counts = []
        for email in (EMAIL, "nobody@example.com"):
            verified.clear()
            refused = await api.call("POST", "/auth/login", {"email": email, "password": wrong})
            counts.append((refused.status, refused.code, verified.copy()))
        assert counts[0] == counts[1]
        assert counts[0][:2] == (401, "invalid_credentials")


async def test_the_length_of_a_password_is_that_of_its_normalised_form(api: Api) -> None:
    short = "\u00e9\u00fc\u00f1\u00f8x7"  # 6 characters, 9 when decomposed
    refused = await sign_up(api, normalize("NFD", short))
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/password")
    longest = (COMPOSED * 6)[:128]
    assert (await sign_up(api, normalize("NFD", longest))).status == 201
    assert (await log_in(api, longest)).status == 200
    assert (await sign_up(api, "a lamp \ufdfa" * 20, "b@example.com")).status == 422  # one character is 18
    assert (await sign_up(api, "\ufdfa" * 2_500, "b@example.com")).status == 422


async def test_an_easy_password_is_easy_in_every_form(api: Api) -> None:
    full_width = "".join(chr(ord(each) + 0xFEE0) for each in "password1")
    assert why_weak(full_width, ())
    assert (await sign_up(api, full_width)).status == 422


def test_passwords_of_the_settings_are_normalised(settings: Settings) -> None:
    check_password("ADMIN_PASSWORD", normalize("NFD", (COMPOSED * 6)[:128]))
    with pytest.raises(InvalidSettings):
        check_password("ADMIN_PASSWORD", normalize("NFD", "\u00e9\u00fc\u00f1\u00f8x7"))
    admins.create_admin(settings, email=EMAIL, password=DECOMPOSED)
    admins.create_admin(settings, email=EMAIL, password=FULL_WIDTH)
