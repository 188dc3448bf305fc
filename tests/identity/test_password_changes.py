"""Passwords changed by their owners: with the old one, or with a token that was mailed."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from reservation.identity.attempt_limits import MAILS_PER_EMAIL
from tests.api import PASSWORD, Answer, Api, Connection, Person
from tests.conftest import StartApi
from tests.identity.caches import connected, is_cached
from tests.mailbox import mail_to, mails_to, reset_token, text_of

NEW_PASSWORD = "seven red lamps on the stairs"


@pytest.fixture
def mail_dir(tmp_path: Path) -> Path:
    """The folder of the mails of `api`."""
    return tmp_path / "mail"


async def log_in(api: Api, email: str, password: str) -> Answer:
    return await api.call("POST", "/auth/login", {"email": email, "password": password})


async def change(api: Api, who: Person, current: str = PASSWORD, new: str = NEW_PASSWORD) -> Answer:
    body = {"current_password": current, "new_password": new}
    return await api.call("POST", "/auth/password", body, who=who)


async def forgot(api: Api, email: str) -> Answer:
    return await api.call("POST", "/auth/password/forgot", {"email": email})


async def reset(api: Api, token: str, password: str = NEW_PASSWORD) -> Answer:
    return await api.call("POST", "/auth/password/reset", {"token": token, "new_password": password})


async def me(api: Api, who: Person) -> Answer:
    return await api.call("GET", "/auth/me", who=who)


async def test_a_changed_password_ends_the_other_sessions_at_once_and_this_one_goes_on(api: Api) -> None:
    await connected(api)
    person = await api.sign_up()
    elsewhere, stranger = await api.log_in(person.id, person.email), await api.sign_up()
    for who in (person, elsewhere, stranger):
        assert (await me(api, who)).status == 200
    assert is_cached(api, elsewhere)

    changed = await change(api, person)

    assert (changed.status, changed.text) == (204, "")
    assert [(await me(api, who)).status for who in (person, elsewhere, stranger)] == [200, 401, 200]
    for each, status in ((person, 200), (elsewhere, 401)):
        assert (await api.call("POST", "/auth/refresh", {"refresh_token": each.refresh_token})).status == status
    assert (await log_in(api, person.email, PASSWORD)).code == "invalid_credentials"
    assert (await log_in(api, person.email, NEW_PASSWORD)).status == 200


async def test_a_wrong_current_password_changes_nothing(api: Api) -> None:
    person = await api.sign_up()
    elsewhere = await api.log_in(person.id, person.email)
    refused = await change(api, person, current=PASSWORD + "!")
    assert (refused.status, refused.code) == (401, "invalid_credentials")
    assert (await me(api, elsewhere)).status == 200
    assert (await log_in(api, person.email, PASSWORD)).status == 200


async def test_wrong_current_passwords_count_as_failed_logins(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="2")
    person = await api.sign_up()
    for _ in range(2):
        assert (await change(api, person, current="a wrong one")).status == 401
    assert (await change(api, person)).code == "too_many_attempts"
    assert (await log_in(api, person.email, PASSWORD)).code == "too_many_attempts"


async def test_guests_and_api_keys_cannot_change_a_password(api: Api) -> None:
    made = await api.call("POST", "/auth/guest", {"name": "G", "email": "g@example.com"})
    refused = await change(api, Person(0, "", made.json["access_token"], ""), current="!")
    assert (refused.status, refused.code) == (403, "forbidden")
    admin = await api.admin()
    key = await api.make("/admin/api-keys", {"name": "Kiosk", "user_id": admin.id, "scopes": ["booking"]})
    assert (await change(api, Person(0, "", key["key"], ""))).code == "insufficient_scope"


async def test_a_mailed_token_sets_a_password_once_and_ends_all_sessions(api: Api, mail_dir: Path) -> None:
    person = await api.sign_up()
    asked = await forgot(api, person.email.upper())
    assert (asked.status, asked.text) == (202, "")
    token = await reset_token(api, mail_dir, person.email)

    assert (await reset(api, token)).status == 204

    assert (await me(api, person)).code == "invalid_token"
    assert (await log_in(api, person.email, PASSWORD)).status == 401
    assert (await log_in(api, person.email, NEW_PASSWORD)).status == 200
    again = await reset(api, token, PASSWORD)
    assert (again.status, again.code) == (401, "invalid_token")
    assert (await log_in(api, person.email, NEW_PASSWORD)).status == 200


async def test_only_the_hash_of_a_token_is_stored(api: Api, mail_dir: Path, db: Connection) -> None:
    person = await api.sign_up()
    await forgot(api, person.email)
    token = await reset_token(api, mail_dir, person.email)
    rows = await db.fetch("select * from account_tokens where purpose = 'reset_password'")
    assert [row["token_hash"] for row in rows] == [hashlib.sha256(token.encode()).digest()]
    assert token not in str(rows)
    life = await db.fetchval("select expires_at - created_at from account_tokens where purpose = 'reset_password'")
    assert life.total_seconds() == 30 * 60


async def test_an_expired_token_is_401_and_deleted_with_the_next_one(api: Api, mail_dir: Path, db: Connection) -> None:
    person = await api.sign_up()
    await forgot(api, person.email)
    token = await reset_token(api, mail_dir, person.email)
    await db.execute("update account_tokens set expires_at = now() where purpose = 'reset_password'")
    assert (await reset(api, token)).code == "invalid_token"
    await forgot(api, person.email)
    newer = await reset_token(api, mail_dir, person.email, number=2)
    assert await db.fetchval("select count(*) from account_tokens where purpose = 'reset_password'") == 1
    assert (await reset(api, newer)).status == 204


async def test_of_two_mailed_tokens_both_are_good_until_the_password_is_changed(api: Api, mail_dir: Path) -> None:
    person = await api.sign_up()
    for _ in range(3):
        await forgot(api, person.email)
    tokens = [await reset_token(api, mail_dir, person.email, number=number) for number in (1, 2, 3)]
    assert (await reset(api, tokens[0])).status == 204
    assert [(await reset(api, token)).code for token in tokens[1:]] == ["invalid_token"] * 2


async def test_a_changed_password_spends_tokens_that_were_mailed(api: Api, mail_dir: Path) -> None:
    person = await api.sign_up()
    await forgot(api, person.email)
    token = await reset_token(api, mail_dir, person.email)
    assert (await change(api, person)).status == 204
    assert (await reset(api, token, PASSWORD)).code == "invalid_token"


async def test_an_unknown_address_and_a_guests_are_answered_alike_and_get_no_mail(api: Api, mail_dir: Path) -> None:
    person = await api.sign_up()
    guest = {"name": "G", "email": "guest@example.com"}
    assert (await api.call("POST", "/auth/guest", guest)).status == 201
    answers = [await forgot(api, email) for email in ("nobody@example.com", guest["email"], person.email)]
    shown = [(answer.status, answer.text, set(answer.headers)) for answer in answers]
    assert shown[0] == shown[1] == shown[2]
    await mail_to(api, mail_dir, person.email, "Choose a new password")  # the last one that was asked for
    assert mails_to(mail_dir, "nobody@example.com") == mails_to(mail_dir, guest["email"]) == []


async def test_the_answer_waits_for_no_look_up_of_the_account_and_no_mail(
    api: Api, db: Connection, mail_dir: Path
) -> None:
    person = await api.sign_up()
    async with db.transaction():
        await db.execute("lock table account_tokens in access exclusive mode")
        for email in (person.email, "nobody@example.com"):
            async with asyncio.timeout(10):
                assert (await forgot(api, email)).status == 202
        assert [mail["Subject"] for mail in mails_to(mail_dir, person.email)].count("Choose a new password") == 0
    await reset_token(api, mail_dir, person.email)


async def test_mails_to_an_address_are_limited_whether_or_not_it_has_an_account(api: Api) -> None:
    person = await api.sign_up()
    for email in (person.email, "nobody@example.com"):
        answers = [await forgot(api, email) for _ in range(MAILS_PER_EMAIL + 1)]
        assert [answer.status for answer in answers] == [202] * MAILS_PER_EMAIL + [429]
        assert answers[-1].code == "too_many_attempts"
        assert answers[-1].headers["RateLimit-Policy"].startswith('"mail";q=5')
        assert (await forgot(api, email.upper())).status == 429


async def test_strangers_cannot_use_up_the_mails_of_an_account(
    start_api: StartApi, mail_dir: Path, db: Connection
) -> None:
    api = await start_api(TRUSTED_PROXIES="127.0.0.0/8", LOGIN_FAILURES_PER_ACCOUNT="100")
    person = await api.sign_up()  # which logs in from 127.0.0.1

    async def ask(address: str | None) -> int:
        """How many mails with a token the account has got, after a request from an address that is 202."""
        headers = {} if address is None else {"X-Forwarded-For": address}
        answer = await api.call("POST", "/auth/password/forgot", {"email": person.email}, headers=headers)
        assert answer.status == 202
        await api.work()
        return [mail["Subject"] for mail in mails_to(mail_dir, person.email)].count("Choose a new password")

    strangers = [f"198.51.100.{number}" for number in range(MAILS_PER_EMAIL + 3)]
    assert [await ask(each) for each in strangers] == [1, 2, 3, 4, 5, 5, 5, 5]
    assert await ask("203.0.113.1") == 5  # the owner, elsewhere, who has five good tokens
    assert await ask(None) == 6  # the owner, from where the account was logged in
    await db.execute("update account_tokens set expires_at = now() + interval '9 minutes'")
    assert await ask("203.0.113.2") == 7
    assert await ask(strangers[0]) == 7
    assert (await reset(api, await reset_token(api, mail_dir, person.email, number=1))).status == 204


async def test_mails_asked_for_by_one_client_are_limited(start_api: StartApi) -> None:
    api = await start_api(SIGNUPS_PER_MINUTE_PER_ADDRESS="2")
    answers = [await forgot(api, f"nobody{number}@example.com") for number in range(3)]
    assert [answer.status for answer in answers] == [202, 202, 429]
    assert answers[-1].headers["RateLimit-Policy"].startswith('"mail-by-address"')


async def test_mails_link_to_the_public_url_with_the_token_in_the_query(start_api: StartApi, tmp_path: Path) -> None:
    api = await start_api(PUBLIC_URL="https://cinema.example/shop/", MAIL_DIR=str(tmp_path / "elsewhere"))
    person = await api.sign_up()
    await forgot(api, person.email)
    mail = await mail_to(api, tmp_path / "elsewhere", person.email, "Choose a new password")
    link = next(line for line in text_of(mail).splitlines() if line.startswith("https:"))
    address, _, token = link.partition("?token=")
    assert address == "https://cinema.example/shop/reset-password"
    assert (await reset(api, token)).status == 204


@pytest.mark.parametrize("token", ["t", "t" * 43, "😀", " " * 10 + "x", "%00", "ß" * 200])
async def test_a_token_that_was_not_mailed_is_401(api: Api, token: str) -> None:
    person = await api.sign_up()
    for path, more in (("/auth/password/reset", {"new_password": NEW_PASSWORD}), ("/auth/email/verify", {})):
        refused = await api.call("POST", path, {"token": token} | more, who=person)
        assert (refused.status, refused.code) == (401, "invalid_token")


async def test_a_token_is_good_for_its_purpose_only(api: Api, mail_dir: Path) -> None:
    person = await api.sign_up()
    await forgot(api, person.email)
    for_password = await reset_token(api, mail_dir, person.email)
    assert (await api.call("POST", "/auth/email/verify", {"token": for_password}, who=person)).code == "invalid_token"
    assert (await reset(api, for_password)).status == 204


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/auth/password", {"current_password": PASSWORD}, "/new_password"),
        ("/auth/password", {"new_password": NEW_PASSWORD}, "/current_password"),
        ("/auth/password", {"current_password": PASSWORD, "new_password": "seven77"}, "/new_password"),
        ("/auth/password", {"current_password": PASSWORD, "new_password": "x" * 129}, "/new_password"),
        ("/auth/password", {"current_password": PASSWORD, "new_password": "password1"}, "/new_password"),
        ("/auth/password/forgot", {"email": "nowhere"}, "/email"),
        ("/auth/password/forgot", {}, "/email"),
        ("/auth/password/forgot", {"email": "a@example.com", "name": "A"}, "/name"),
        ("/auth/password/reset", {"token": "", "new_password": NEW_PASSWORD}, "/token"),
        ("/auth/password/reset", {"token": "t" * 201, "new_password": NEW_PASSWORD}, "/token"),
        ("/auth/password/reset", {"token": "t", "new_password": None}, "/new_password"),
    ],
)
async def test_an_invalid_body_is_422(shared_api: Api, path: str, body: dict[str, Any], pointer: str) -> None:
    refused = await shared_api.call("POST", path, body, who=await shared_api.sign_up())
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, pointer)


async def test_a_weak_password_does_not_spend_the_token(api: Api, mail_dir: Path) -> None:
    person = await api.sign_up()
    await forgot(api, person.email)
    token = await reset_token(api, mail_dir, person.email)
    weak = await reset(api, token, "password1")
    assert (weak.status, weak.json["errors"][0]["pointer"]) == (422, "/new_password")
    assert (await reset(api, token)).status == 204
