"""GET /auth/me/export has everything that is kept about a person, and nothing of others."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientPayloadError

from reservation.http.handlers import export as handler
from reservation.identity.account_mails import hash_of
from tests.api import Api, Connection, Person
from tests.conftest import PATIENT, StartApi
from tests.identity.authenticator import enrol
from tests.identity.test_erasure import EMAIL, IDEMPOTENCY_KEY, KEY_NAME, NAME, NOTE, REASON, REFERENCE, a_life, hold
from tests.mailbox import reset_token, verification_token
from tests.payments.sales import external_sale, payments_of
from tests.tickets.sold import check_in, sell, tickets


async def export(api: Api, who: Person) -> dict[str, Any]:
    answer = await api.call("GET", "/auth/me/export", who=who)
    assert answer.status == 200, answer.text
    return dict(answer.json)


async def test_the_export_has_everything_that_is_kept_about_the_person(api: Api, db: Connection) -> None:
    person, made = await a_life(api, db)
    exported = await export(api, person)

    assert (exported["account"]["name"], exported["account"]["email"]) == (NAME, EMAIL)
    assert [key["name"] for key in exported["api_keys"]] == [KEY_NAME]
    assert len(exported["login_sessions"]) == 2  # one is a guest's
    assert all(each["key"].startswith(IDEMPOTENCY_KEY) for each in exported["idempotency_keys"])
    assert len(exported["idempotency_keys"]) == 4
    reservations = {each["id"]: each for each in exported["reservations"]}
    assert reservations.keys() == {made[kind]["id"] for kind in ("hold", "sale", "cancelled", "archived")}
    assert {each["reference"] for each in reservations.values()} == {REFERENCE}
    assert {each["metadata"]["note"] for each in reservations.values()} == {NOTE}
    assert [change["reason"] for change in reservations[made["sale"]["id"]]["changes"]] == [REASON]
    assert reservations[made["cancelled"]["id"]]["cancel_reason"] == REASON
    subjects = [change["subject"] for change in exported["changes"]]
    assert f"user/{person.id}" in subjects
    assert f"reservation/{made['sale']['id']}" in subjects


async def test_the_export_has_the_guests_whom_an_erasure_would_erase_and_what_is_theirs(
    api: Api, db: Connection
) -> None:
    person, made = await a_life(api, db)
    signed_in = await api.call("POST", "/auth/guest", {"name": NAME, "email": EMAIL})
    guest = Person(signed_in.json["user"]["id"], EMAIL, signed_in.json["access_token"], "")
    theirs = await hold(api, guest, made["cinema"].showtime_id, made["cinema"].seat_ids[9:10])
    exported = await export(api, person)

    ids = [row["id"] for row in await db.fetch("select id from users where guest_email is not null order by id")]
    assert [each["id"] for each in exported["guests"]] == ids
    assert {each["email"].lower() for each in exported["guests"]} == {EMAIL}
    [found] = [each for each in exported["reservations"] if each["id"] == theirs["id"]]
    assert found["customer"]["id"] == guest.id
    assert len(exported["login_sessions"]) == 3  # two guests have got a token

    await db.execute("update users set email_verified_at = null where id = $1", person.id)
    unconfirmed = await export(api, person)
    assert unconfirmed["guests"] == []
    assert theirs["id"] not in {each["id"] for each in unconfirmed["reservations"]}
    assert (await export(api, guest))["guests"] == []


async def test_the_export_has_mailed_tokens_without_the_token(api: Api, tmp_path: Path) -> None:
    person = await api.sign_up()
    await api.call("POST", "/auth/password/forgot", {"email": person.email})
    tokens = [
        await verification_token(api, tmp_path / "mail", person.email),
        await reset_token(api, tmp_path / "mail", person.email),
    ]
    answer = await api.call("GET", "/auth/me/export", who=person)
    assert [(each["kind"], each["status"]) for each in answer.json["mails"]] == [("verify_email", "delivered")]
    assert sorted(each["purpose"] for each in answer.json["mailed_tokens"]) == ["reset_password", "verify_email"]
    assert {frozenset(each) for each in answer.json["mailed_tokens"]} == {
        frozenset(("purpose", "created_at", "expires_at"))
    }
    assert not [token for token in tokens if token in answer.text or hash_of(token).hex() in answer.text]


async def test_the_export_says_since_when_logins_need_a_code_without_the_secret(api: Api, db: Connection) -> None:
    person = await api.sign_up()
    assert (await export(api, person))["totp"] == {"enrolled": False, "confirmed_at": None, "recovery_codes_left": 0}
    secret, codes = await enrol(api, person)

    answer = await api.call("GET", "/auth/me/export", who=person)

    assert answer.json["totp"] == (await api.call("GET", "/auth/totp", who=person)).json
    assert answer.json["totp"]["enrolled"] is True
    assert answer.json["totp"]["confirmed_at"] is not None
    hashes = [each.hex() for each in await db.fetchval("select recovery_hashes from totp_secrets")]
    assert len(hashes) == len(codes)
    assert [text for text in (secret, *codes, *hashes) if text in answer.text] == []


async def test_the_export_has_when_tickets_were_checked_in_without_their_codes(api: Api) -> None:
    person, cinema = await api.sign_up(), await api.cinema()
    [first, second] = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:2]))
    done = await check_in(api, await api.staff(), first["code"])

    [reservation] = (await export(api, person))["reservations"]

    kept = {ticket["seat_id"]: ticket["checked_in_at"] for ticket in reservation["tickets"]}
    assert kept == {cinema.seat_ids[0]: done.json["checked_in_at"], cinema.seat_ids[1]: None}
    assert second["code"] not in str(reservation)


async def test_the_export_has_payments_with_their_refunds(start_api: StartApi) -> None:
    api = await start_api(**PATIENT, PAYMENT_PROVIDER="external")
    sale, other = await external_sale(api), await external_sale(api)
    path = f"/reservations/{sale.reservation_id}/cancel"
    cancelled = await api.call("POST", path, {"seat_ids": sale.cinema.seat_ids[:1]}, who=sale.customer)
    assert cancelled.status == 200, cancelled.text

    [reservation] = (await export(api, sale.customer))["reservations"]

    [payment] = reservation["payments"]
    assert (payment["payment_id"], payment["amount"], payment["refunded"]) == (sale.payment_id, "20.00", "10.00")
    assert [(each["amount"], each["reason"]) for each in payment["refunds"]] == [("10.00", "seats_cancelled")]
    assert reservation["payments"] == await payments_of(api, sale)
    assert other.payment_id not in str(reservation)


async def test_the_export_has_no_secret_and_nothing_of_others(api: Api, db: Connection) -> None:
    person, made = await a_life(api, db)
    other = await api.sign_up()
    await hold(api, other, made["cinema"].showtime_id, made["cinema"].seat_ids[8:9])
    answer = await api.call("GET", "/auth/me/export", who=person)

    assert other.email not in answer.text
    assert made["key"]["key"] not in answer.text
    assert "password_hash" not in answer.text
    assert "$argon2" not in answer.text
    exported = await export(api, other)
    assert [len(exported[name]) for name in ("reservations", "api_keys", "changes")] == [1, 0, 0]


async def test_an_export_is_read_and_sent_page_by_page(
    api: Api, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "PAGE", 2)
    person, made = await a_life(api, db)
    for seat_id in made["cinema"].seat_ids[8:13]:
        await hold(api, person, made["cinema"].showtime_id, [seat_id])

    exported = await export(api, person)

    assert len({each["id"] for each in exported["reservations"]}) == len(exported["reservations"]) == 9
    assert len({each["key"] for each in exported["idempotency_keys"]}) == 9


async def test_an_export_that_fails_on_the_way_ends_the_connection(api: Api, db: Connection) -> None:
    person, _ = await a_life(api, db)
    await db.execute("alter table idempotency_keys rename column key to no_key")
    with pytest.raises(ClientPayloadError):
        await api.call("GET", "/auth/me/export", who=person)


async def test_an_export_is_not_stored_by_caches(api: Api) -> None:
    answer = await api.call("GET", "/auth/me/export", who=await api.sign_up())
    assert answer.headers["Cache-Control"] == "no-store"
