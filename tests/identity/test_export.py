"""GET /auth/me/export has everything that is kept about a person, and nothing of others."""

from typing import Any

import pytest
from aiohttp import ClientPayloadError

from reservation.http.handlers import export as handler
from tests.api import Api, Connection, Person
from tests.identity.test_erasure import EMAIL, IDEMPOTENCY_KEY, KEY_NAME, NAME, NOTE, REASON, REFERENCE, a_life, hold


async def export(api: Api, who: Person) -> dict[str, Any]:
    answer = await api.call("GET", "/auth/me/export", who=who)
    assert answer.status == 200, answer.text
    return dict(answer.json)


async def test_the_export_has_everything_that_is_kept_about_the_person(api: Api, db: Connection) -> None:
    person, made = await a_life(api, db)
    exported = await export(api, person)

    assert (exported["account"]["name"], exported["account"]["email"]) == (NAME, EMAIL)
    assert [key["name"] for key in exported["api_keys"]] == [KEY_NAME]
    assert len(exported["login_sessions"]) == 1
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
