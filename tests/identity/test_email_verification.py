"""E-mail addresses confirmed by a mailed token, and the reservations of guests that come along."""

from pathlib import Path

import pytest

from reservation.errors import DatabaseUnavailable
from reservation.identity import email_verification
from tests.api import PASSWORD, Answer, Api, Cinema, Connection, Person
from tests.identity.caches import connected
from tests.mailbox import mails_to, verification_token

ADDRESS = "grace@example.com"
GRACE = {"name": "Grace", "email": ADDRESS}


@pytest.fixture
def mail_dir(tmp_path: Path) -> Path:
    """The folder of the mails of `api`."""
    return tmp_path / "mail"


async def guest(api: Api, **fields: str) -> Person:
    made = await api.call("POST", "/auth/guest", GRACE | fields)
    assert made.status == 201, made.text
    return Person(made.json["user"]["id"], made.json["user"]["email"], made.json["access_token"], "")


async def sign_up(api: Api, **fields: str) -> Person:
    made = await api.call("POST", "/auth/signup", GRACE | {"password": PASSWORD} | fields)
    assert made.status == 201, made.text
    assert made.json["email_verified"] is False
    return await api.log_in(made.json["id"], made.json["email"])


async def verify(api: Api, who: Person, token: str) -> Answer:
    return await api.call("POST", "/auth/email/verify", {"token": token}, who=who)


async def listed(api: Api, who: Person) -> set[str]:
    answer = await api.call("GET", "/reservations?limit=200", who=who)
    return {item["id"] for item in answer.json["items"]}


async def is_verified(api: Api, who: Person) -> bool:
    return bool((await api.call("GET", "/auth/me", who=who)).json["email_verified"])


async def sold(api: Api, who: Person, cinema: Cinema, place: int) -> str:
    held = await api.hold(who, cinema.showtime_id, [cinema.seat_ids[place]])
    assert held.status == 201, held.text
    assert (await api.confirm(who, held.json["id"])).status == 200
    return str(held.json["id"])


async def test_a_mailed_token_confirms_the_address_once(api: Api, mail_dir: Path) -> None:
    await connected(api)
    person = await sign_up(api)
    assert not await is_verified(api, person)
    token = await verification_token(api, mail_dir, ADDRESS)

    verified = await verify(api, person, token)

    assert (verified.status, verified.text) == (204, "")
    assert await is_verified(api, person)
    found = await api.call("GET", f"/admin/users/{person.id}", who=await api.admin())
    assert found.json["email_verified"] is True
    again = await verify(api, person, token)
    assert (again.status, again.code) == (401, "invalid_token")
    assert await is_verified(api, person)


async def test_an_account_from_before_gets_a_token_on_request(api: Api, mail_dir: Path, db: Connection) -> None:
    person = await sign_up(api)
    first = await verification_token(api, mail_dir, ADDRESS)
    asked = await api.call("POST", "/auth/email/verify/resend", who=person)
    assert (asked.status, asked.text) == (202, "")
    second = await verification_token(api, mail_dir, ADDRESS, number=2)
    assert first != second
    assert (await verify(api, person, second)).status == 204
    assert (await verify(api, person, first)).code == "invalid_token"
    asked = await api.call("POST", "/auth/email/verify/resend", who=person)
    assert asked.status == 202
    await api.work()
    assert len(mails_to(mail_dir, ADDRESS)) == 2
    assert await db.fetchval("select count(*) from account_tokens") == 0


async def test_an_expired_token_is_401(api: Api, mail_dir: Path, db: Connection) -> None:
    person = await sign_up(api)
    token = await verification_token(api, mail_dir, ADDRESS)
    await db.execute("update account_tokens set expires_at = now()")
    assert (await verify(api, person, token)).code == "invalid_token"
    assert not await is_verified(api, person)


async def test_a_guest_has_no_address_to_confirm(api: Api) -> None:
    refused = await api.call("POST", "/auth/email/verify/resend", who=await guest(api))
    assert (refused.status, refused.code) == (403, "forbidden")


async def test_mails_with_a_token_are_limited_for_an_address(api: Api) -> None:
    person = await sign_up(api)
    answers = [await api.call("POST", "/auth/email/verify/resend", who=person) for _ in range(6)]
    assert [answer.status for answer in answers] == [202] * 5 + [429]


async def test_a_confirmed_address_brings_the_reservations_of_its_guests(
    api: Api, mail_dir: Path, db: Connection
) -> None:
    cinema = await api.cinema()
    first, second, other = (
        await guest(api),
        await guest(api, email=ADDRESS.upper()),
        await guest(api, email="x@example.com"),
    )
    theirs = {await sold(api, first, cinema, 0), await sold(api, second, cinema, 1)}
    held = await api.hold(second, cinema.showtime_id, [cinema.seat_ids[2]])
    others = await sold(api, other, cinema, 3)
    body = {"seat_ids": [cinema.seat_ids[4]], "customer": GRACE | {"name": "Mrs Grace"}}
    at_the_till = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=await api.staff())
    assert at_the_till.status == 201
    expected = {*theirs, at_the_till.json["id"]}
    person = await sign_up(api)
    own = await sold(api, person, cinema, 5)
    assert await listed(api, person) == {own}

    assert (await verify(api, person, await verification_token(api, mail_dir, ADDRESS))).status == 204

    assert await listed(api, person) == expected | {own}
    assert (await api.cancel(person, min(theirs))).status == 200
    assert await listed(api, first) == set()
    assert await listed(api, second) == {held.json["id"]}  # a live hold stays with the guest who is about to confirm it
    assert (await api.confirm(second, held.json["id"])).status == 200
    assert await listed(api, other) == {others}
    owners = await db.fetch("select distinct user_id from reservations where id = any($1)", list(expected))
    assert [row["user_id"] for row in owners] == [person.id]


async def test_an_address_that_is_not_confirmed_brings_nothing(api: Api, mail_dir: Path) -> None:
    cinema, who = await api.cinema(), await guest(api)
    theirs = await sold(api, who, cinema, 0)
    person = await sign_up(api)
    await verification_token(api, mail_dir, ADDRESS)
    stranger = await sign_up(api, email="stranger@example.com")
    assert (await verify(api, stranger, await verification_token(api, mail_dir, "stranger@example.com"))).status == 204
    assert await listed(api, person) == await listed(api, stranger) == set()
    assert await listed(api, who) == {theirs}


async def test_an_address_is_confirmed_only_by_whoever_is_signed_in_to_its_account(api: Api, mail_dir: Path) -> None:
    cinema, who = await api.cinema(), await guest(api)
    theirs = await sold(api, who, cinema, 0)
    stranger = await sign_up(api)  # with the address of another person, who gets the mail
    token = await verification_token(api, mail_dir, ADDRESS)
    unsigned = await api.call("POST", "/auth/email/verify", {"token": token})
    assert (unsigned.status, unsigned.code) == (401, "not_authenticated")
    other = await api.sign_up()
    assert (await verify(api, other, token)).code == "invalid_token"
    assert await listed(api, who) == {theirs}
    assert await listed(api, stranger) == set()
    assert not await is_verified(api, stranger)


async def test_many_reservations_come_in_batches_and_archived_ones_too(
    api: Api, mail_dir: Path, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email_verification, "ADOPTED_AT_ONCE", 2)
    cinema, who = await api.cinema(), await guest(api)
    theirs = [await sold(api, who, cinema, place) for place in range(5)]
    columns = (
        "id, user_id, showtime_id, status, total_price, created_at, expires_at, confirmed_at, seat_ids, row_labels,"
        " seat_numbers, prices, code"
    )
    await db.execute(
        f"insert into archived_reservations ({columns}) select {columns} from reservations where id = $1", theirs[0]
    )
    await db.execute("delete from booked_seats where reservation_id = $1", theirs[0])
    await db.execute("delete from reservations where id = $1", theirs[0])
    person = await sign_up(api)

    assert (await verify(api, person, await verification_token(api, mail_dir, ADDRESS))).status == 204

    assert await listed(api, person) == set(theirs)
    assert await is_verified(api, person)


async def test_a_confirmation_that_fails_between_batches_can_be_repeated(
    api: Api, mail_dir: Path, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email_verification, "ADOPTED_AT_ONCE", 2)
    cinema, who = await api.cinema(), await guest(api)
    theirs = [await sold(api, who, cinema, place) for place in range(5)]
    person = await sign_up(api)
    token = await verification_token(api, mail_dir, ADDRESS)
    adopt, rounds = email_verification._adopt, iter(range(10))

    async def interrupted(*arguments: object) -> bool:
        if next(rounds) == 1:
            raise DatabaseUnavailable
        return await adopt(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(email_verification, "_adopt", interrupted)
    assert (await verify(api, person, token)).status == 503
    assert len(await listed(api, person)) == 2
    assert not await is_verified(api, person)

    assert (await verify(api, person, token)).status == 204

    assert await listed(api, person) == set(theirs)
    assert await is_verified(api, person)


async def test_a_new_name_is_shown_everywhere_and_its_bounds_are_those_of_sign_up(api: Api) -> None:
    await connected(api)
    person = await sign_up(api)
    shown = (await api.call("GET", "/auth/me", who=person)).json
    renamed = await api.call("PUT", "/auth/me", {"name": "Grace Hopper"}, who=person)
    assert (renamed.status, renamed.json) == (200, shown | {"name": "Grace Hopper"})
    assert (await api.call("GET", "/auth/me", who=person)).json == renamed.json
    for name in ("", " ", "x" * 201, None, 1):
        refused = await api.call("PUT", "/auth/me", {"name": name}, who=person)
        assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/name")
    refused = await api.call("PUT", "/auth/me", {"name": "G", "email": "g@example.com"}, who=person)
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/email")
    assert (await api.call("PUT", "/auth/me", {"name": "G"})).code == "not_authenticated"
    who = await guest(api)
    assert (await api.call("PUT", "/auth/me", {"name": "G"}, who=who)).json["name"] == "G"
