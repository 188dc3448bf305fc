"""Mailed tokens used twice at once, and changes of a password that meet logins, resets and each other."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from tests.api import PASSWORD, Answer, Api, Connection, Person
from tests.mailbox import reset_token, verification_token
from tests.races.test_booking_races import assert_sound

PASSWORDS = [f"lamp number {number} on the stairs" for number in range(6)]


@pytest.fixture
def mail_dir(tmp_path: Path) -> Path:
    """The folder of the mails of `api`."""
    return tmp_path / "mail"


async def reset(api: Api, token: str, password: str) -> Answer:
    return await api.call("POST", "/auth/password/reset", {"token": token, "new_password": password})


async def change(api: Api, who: Person, password: str) -> Answer:
    body = {"current_password": PASSWORD, "new_password": password}
    return await api.call("POST", "/auth/password", body, who=who)


async def log_in(api: Api, email: str, password: str) -> Answer:
    return await api.call("POST", "/auth/login", {"email": email, "password": password})


async def valid_passwords(api: Api, email: str) -> list[str]:
    return [each for each in (PASSWORD, *PASSWORDS) if (await log_in(api, email, each)).status == 200]


async def mailed_reset_token(api: Api, mail_dir: Path, email: str) -> str:
    assert (await api.call("POST", "/auth/password/forgot", {"email": email})).status == 202
    return await reset_token(api, mail_dir, email)


async def test_a_reset_token_used_many_times_at_once_sets_one_password(api: Api, mail_dir: Path) -> None:
    for _ in range(4):
        person = await api.sign_up()
        token = await mailed_reset_token(api, mail_dir, person.email)

        answers = await asyncio.gather(*(reset(api, token, password) for password in PASSWORDS))

        won = [password for password, answer in zip(PASSWORDS, answers, strict=True) if answer.status == 204]
        assert len(won) == 1
        assert {answer.code for answer in answers if answer.status != 204} == {"invalid_token"}
        assert await valid_passwords(api, person.email) == won


async def test_of_concurrent_changes_of_a_password_one_wins(api: Api) -> None:
    for _ in range(4):
        person = await api.sign_up()

        answers = await asyncio.gather(*(change(api, person, password) for password in PASSWORDS))

        won = [password for password, answer in zip(PASSWORDS, answers, strict=True) if answer.status == 204]
        assert len(won) == 1
        assert {answer.code for answer in answers if answer.status != 204} == {"invalid_credentials"}
        assert await valid_passwords(api, person.email) == won


async def test_logins_during_a_change_of_the_password_leave_no_session_of_the_old_one(api: Api, db: Connection) -> None:
    for password in PASSWORDS:
        person = await api.sign_up()

        changed, *logins = await asyncio.gather(
            change(api, person, password), *(log_in(api, person.email, PASSWORD) for _ in range(6))
        )

        assert changed.status == 204
        assert {answer.status for answer in logins} <= {200, 401}
        for login in logins:
            if login.status == 200:
                who = Person(person.id, person.email, login.json["access_token"], login.json["refresh_token"])
                assert (await api.call("GET", "/auth/me", who=who)).status == 401
        assert (await api.call("GET", "/auth/me", who=person)).status == 200
        assert await db.fetchval(
            "select count(*) from login_sessions where user_id = $1 and revoked_at is null", person.id
        ) == 1  # fmt: skip


async def test_a_change_and_a_reset_at_once_leave_one_password_and_no_token(
    api: Api, mail_dir: Path, db: Connection
) -> None:
    for _ in range(6):
        person = await api.sign_up()
        token = await mailed_reset_token(api, mail_dir, person.email)

        changed, was_reset = await asyncio.gather(change(api, person, PASSWORDS[0]), reset(api, token, PASSWORDS[1]))

        statuses = (changed.status, was_reset.status)
        assert statuses in {(204, 401), (401, 204)}
        assert await valid_passwords(api, person.email) == [PASSWORDS[0] if changed.status == 204 else PASSWORDS[1]]
        assert await db.fetchval("select count(*) from account_tokens where purpose = 'reset_password'") == 0


async def test_an_address_confirmed_many_times_at_once_while_its_guest_books_is_sound(
    api: Api, mail_dir: Path, db: Connection, redis_url: str
) -> None:
    cinema = await api.cinema()
    body = {"name": "Grace", "email": "grace@example.com"}
    made = (await api.call("POST", "/auth/guest", body)).json
    guest = Person(made["user"]["id"], "", made["access_token"], "")
    held = [(await api.hold(guest, cinema.showtime_id, [seat])).json["id"] for seat in cinema.seat_ids[:8]]
    account = (await api.call("POST", "/auth/signup", body | {"password": PASSWORD})).json
    person = await api.log_in(account["id"], body["email"])
    token = await verification_token(api, mail_dir, body["email"])

    verified = [api.call("POST", "/auth/email/verify", {"token": token}, who=person) for _ in range(4)]
    confirmed = [api.confirm(guest, reservation_id) for reservation_id in held]
    answers = await asyncio.gather(*verified, *confirmed)

    assert sorted(answer.status for answer in answers[:4]) == [204, 401, 401, 401]
    assert {answer.status for answer in answers[4:]} == {200}  # a live hold stays with its guest
    owners = {row["id"]: row["user_id"] for row in await db.fetch("select id, user_id from reservations")}
    assert set(owners.values()) <= {person.id, guest.id}
    for reservation_id in held:
        who = person if owners[UUID(reservation_id)] == person.id else guest
        assert (await api.confirm(who, reservation_id)).status == 200
    await assert_sound(db, redis_url)
