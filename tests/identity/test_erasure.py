"""DELETE /auth/me leaves nothing that tells who the person was, and keeps the sales."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from redis.asyncio import Redis

from reservation.dba.audit import audit
from reservation.identity import erasure
from tests.api import Answer, Api, Connection, Person
from tests.conftest import StartApi
from tests.identity.authenticator import enrol
from tests.identity.caches import INVALIDATED_WITHIN_S, connected, until
from tests.mailbox import mails_to, reset_token, verification_token

NAME, EMAIL, PASSWORD = "Zyxwina Quuxberg", "zyxwina.quuxberg@person.example", "zyxw-password-quux"
REFERENCE, NOTE, REASON, KEY_NAME = "zyxw-reference", "zyxw-metadata", "zyxw-reason", "zyxw-kiosk"
IDEMPOTENCY_KEY = "zyxw-idempotency"
COLUMNS = (
    "id, user_id, showtime_id, status, total_price, created_at, expires_at, cancelled_at, cancelled_by, seat_ids,"
    " row_labels, seat_numbers, prices, code, reference, metadata"
)
ARCHIVE = (
    "with moved as (delete from reservations where id = $1 returning *)"
    f" insert into archived_reservations ({COLUMNS}, cancel_reason) select {COLUMNS}, $2 from moved"
)
TELLING = ("zyxw", "quux")  # each of these has one of them


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


async def sign_up(api: Api) -> Person:
    body = {"name": NAME, "email": EMAIL, "password": PASSWORD}
    made = await api.call("POST", "/auth/signup", body)
    assert made.status == 201, made.text
    return await log_in(api, made.json["id"])


async def log_in(api: Api, user_id: int) -> Person:
    tokens = await api.call("POST", "/auth/login", {"email": EMAIL, "password": PASSWORD})
    assert tokens.status == 200, tokens.text
    return Person(user_id, EMAIL, tokens.json["access_token"], tokens.json["refresh_token"])


async def erase(api: Api, who: Person, password: str = PASSWORD) -> Answer:
    return await api.call("DELETE", "/auth/me", {"password": password}, who=who)


async def hold(api: Api, who: Person, showtime_id: int, seat_ids: list[int], **more: Any) -> dict[str, Any]:
    body = {"seat_ids": seat_ids, "reference": REFERENCE, "metadata": {"note": NOTE}} | more
    headers = {"Idempotency-Key": f"{IDEMPOTENCY_KEY}-{seat_ids[0]}"}
    held = await api.call("POST", f"/showtimes/{showtime_id}/holds", body, who=who, headers=headers)
    assert held.status == 201, held.text
    return dict(held.json)


async def telling_rows(db: Connection) -> list[str]:
    """The rows of all tables in which a telling text is, in whatever case."""
    tables = await db.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables"
        " where schemaname not in ('pg_catalog', 'information_schema')"
    )
    found: list[str] = []
    for table in tables:
        rows = [row[0] for row in await db.fetch(f"select t::text from {table['name']} as t")]
        found += [f"{table['name']}: {row}" for row in rows if any(text in row.lower() for text in TELLING)]
    return found


async def telling_keys(redis: Redis) -> list[bytes]:
    """The Redis keys that have a telling text in their name or value, as Redis dumps it."""
    found = []
    async for key in redis.scan_iter():
        value = await redis.dump(key) or b""
        if any(text in part for text in (b"zyxw", b"quux") for part in (key.lower(), value.lower())):
            found.append(key)
    return found


async def a_life(api: Api, db: Connection) -> tuple[Person, dict[str, Any]]:
    """A person with telling texts wherever the service keeps one: with a hold, a sale, and others that ended."""
    cinema, admin = await api.cinema(), await api.admin()
    person = await sign_up(api)
    seats = cinema.seat_ids
    made: dict[str, Any] = {"hold": await hold(api, person, cinema.showtime_id, seats[:2])}
    made["sale"] = await hold(api, person, cinema.showtime_id, seats[2:5])
    assert (await api.confirm(person, made["sale"]["id"])).status == 200
    cancel = {"reason": REASON, "seat_ids": seats[4:5]}
    await api.call("POST", f"/admin/reservations/{made['sale']['id']}/cancel", cancel, who=admin)
    made["cancelled"] = await hold(api, person, cinema.showtime_id, seats[5:6])
    await api.call("POST", f"/admin/reservations/{made['cancelled']['id']}/cancel", {"reason": REASON}, who=admin)
    made["archived"] = await hold(api, person, cinema.showtime_id, seats[6:7])
    assert (await api.cancel(person, made["archived"]["id"])).status == 200
    await db.execute(
        ARCHIVE,
        UUID(made["archived"]["id"]),
        REASON,
    )
    await api.call("POST", "/auth/guest", {"name": NAME, "email": EMAIL.upper()})
    await db.execute(
        "insert into users (name, guest_email, password_hash, role, made_at_box_office)"
        " values ($1, $2, '!', 'guest', true)",
        NAME,
        EMAIL,
    )
    token = await api.call("POST", "/auth/password/forgot", {"email": EMAIL})  # a token is kept for its mail
    assert token.status == 202
    await db.execute("update users set email_verified_at = now() where id = $1", person.id)
    made["key"] = await api.make("/admin/api-keys", {"name": KEY_NAME, "user_id": person.id, "scopes": ["booking"]})
    await api.call("PUT", f"/admin/users/{person.id}/role", {"role": "staff"}, who=admin)
    await api.call("POST", "/auth/login", {"email": EMAIL, "password": "wrong"})
    made["cinema"] = cinema
    return person, made


async def test_nothing_that_tells_who_it_was_is_left_in_postgresql_and_redis(
    api: Api, db: Connection, redis: Redis
) -> None:
    person, _ = await a_life(api, db)
    before = " ".join(await telling_rows(db)).lower()
    for text in (NAME, EMAIL, REFERENCE, NOTE, REASON, KEY_NAME, IDEMPOTENCY_KEY):
        assert text.lower() in before

    assert (await erase(api, person)).status == 204

    assert await telling_rows(db) == []
    assert await telling_keys(redis) == []
    assert await audit(db, redis) == []


@pytest.mark.parametrize("is_confirmed", [True, False])
async def test_the_erasure_deletes_the_secret_of_totp_and_not_that_of_others(
    api: Api, db: Connection, is_confirmed: bool
) -> None:
    person, other = await sign_up(api), await api.sign_up()
    await enrol(api, other)
    if is_confirmed:
        await enrol(api, person)
    else:
        assert (await api.call("POST", "/auth/totp", who=person)).status == 200
    kept = "select user_id from totp_secrets order by user_id"
    assert [row["user_id"] for row in await db.fetch(kept)] == [person.id, other.id]

    assert (await erase(api, person)).status == 204

    assert [row["user_id"] for row in await db.fetch(kept)] == [other.id]


async def test_mails_to_the_person_in_files_are_deleted_and_those_of_others_stay(api: Api, tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    person, other = await sign_up(api), await api.sign_up()
    await api.call("POST", "/auth/password/forgot", {"email": EMAIL.upper()})
    for mailed in (verification_token, reset_token):
        await mailed(api, folder, EMAIL)
    await verification_token(api, folder, other.email)
    assert [text for text in TELLING if any(text in path.read_text().lower() for path in folder.iterdir())]

    assert (await erase(api, person)).status == 204

    assert [len(mails_to(folder, address)) for address in (EMAIL, other.email)] == [0, 1]
    assert not [path for path in folder.iterdir() if any(text in path.read_text().lower() for text in TELLING)]


@pytest.mark.parametrize(
    "email", ["straße@example.com", "ΝΙΚΟΣ@example.com", "René@Bücher.example", "İbrahim@example.com"]
)
async def test_mails_in_files_are_deleted_whatever_characters_the_address_has(
    api: Api, tmp_path: Path, email: str
) -> None:
    folder, password = tmp_path / "mail", {"password": PASSWORD}
    made = await api.call("POST", "/auth/signup", {"name": NAME, "email": email} | password)
    tokens = (await api.call("POST", "/auth/login", {"email": email} | password)).json
    await api.work()
    assert [*folder.glob("*.eml")]

    person = Person(made.json["id"], email, tokens["access_token"], tokens["refresh_token"])
    assert (await erase(api, person)).status == 204

    assert [*folder.iterdir()] == []


async def test_guests_with_an_address_that_nobody_has_confirmed_are_not_erased(api: Api, db: Connection) -> None:
    guest = (await api.call("POST", "/auth/guest", {"name": NAME, "email": EMAIL})).json["user"]
    person = await sign_up(api)
    assert (await erase(api, person)).status == 204
    assert await db.fetchval("select name from users where id = $1", guest["id"]) == NAME


async def test_what_the_box_office_writes_to_a_sale_of_an_erased_person_is_left_out(
    api: Api, db: Connection, redis: Redis
) -> None:
    person, made = await a_life(api, db)
    cinema, admin = made["cinema"], await api.admin()
    other = await hold(api, person, cinema.showtime_id, cinema.seat_ids[7:9])
    assert (await api.confirm(person, other["id"])).status == 200
    assert (await erase(api, person)).status == 204

    path = f"/admin/reservations/{other['id']}/cancel"
    part = await api.call("POST", path, {"reason": REASON, "seat_ids": cinema.seat_ids[7:8]}, who=admin)
    whole = await api.call("POST", path, {"reason": REASON}, who=admin)

    assert (part.status, whole.status) == (200, 200)
    assert await telling_rows(db) == []
    assert await audit(db, redis) == []


async def test_a_cancellation_with_a_reason_during_the_erasure_leaves_nothing(
    api: Api, db: Connection, redis: Redis, database_url: str
) -> None:
    cinema, person = await api.cinema(), await sign_up(api)
    sale = (await api.hold(person, cinema.showtime_id, cinema.seat_ids[:1])).json
    staff = await asyncpg.connect(database_url)
    try:
        cancelling = staff.transaction()
        await cancelling.start()
        await staff.execute("update reservations set cancel_reason = $2 where id = $1", UUID(sale["id"]), REASON)
        erasing = asyncio.ensure_future(erase(api, person))
        async with asyncio.timeout(20):
            while not await db.fetchval("select count(*) from pg_locks where not granted"):
                await asyncio.sleep(0.01)
        await cancelling.commit()
        answer = await erasing
    finally:
        await staff.close()
    if answer.status == 503:  # it waited too long, and is repeated
        answer = await erase(api, person)
    assert answer.status == 204
    assert await telling_rows(db) == []


async def test_a_name_that_is_changed_after_the_erasure_is_refused(api: Api, db: Connection) -> None:
    person = await sign_up(api)
    await db.execute("update users set erased_at = now() where id = $1", person.id)
    renamed = await api.call("PUT", "/auth/me", {"name": NAME}, who=person)
    assert (renamed.status, renamed.code) == (401, "invalid_token")
    assert await db.fetchval("select name from users where id = $1", person.id) == "Erased"


async def test_an_erased_account_cannot_be_administered(api: Api) -> None:
    person, admin = await sign_up(api), await api.admin()
    assert (await erase(api, person)).status == 204
    for part, body in (("role", {"role": "admin"}), ("disabled", {"disabled": False})):
        answer = await api.call("PUT", f"/admin/users/{person.id}/{part}", body, who=admin)
        assert (answer.status, answer.code) == (404, "not_found")
    key = {"name": "K", "user_id": person.id, "scopes": ["booking"]}
    assert (await api.call("POST", "/admin/api-keys", key, who=admin)).status == 422


async def test_the_erasure_is_answered_although_a_hold_is_locked(api: Api, db: Connection) -> None:
    cinema, person = await api.cinema(), await sign_up(api)
    held = (await api.hold(person, cinema.showtime_id, cinema.seat_ids[:1])).json
    async with db.transaction():
        await db.execute("select from reservations where id = $1 for no key update", UUID(held["id"]))
        assert (await erase(api, person)).status == 204
    assert (await api.call("GET", "/auth/me", who=person)).status == 401


async def test_logins_of_administrators_do_not_wait_for_the_erasure_of_a_customer(
    api: Api, db: Connection, database_url: str
) -> None:
    admin, person = await api.admin(), await sign_up(api)
    assert (await db.fetchval("select role from users where id = $1", admin.id)) == "admin"
    holder = await asyncpg.connect(database_url)
    try:
        async with holder.transaction():  # as a login does
            await holder.execute("select from users where id = $1 for share", admin.id)
            assert (await erase(api, person)).status == 204
    finally:
        await holder.close()


async def test_holds_are_released_and_sales_stay(api: Api, db: Connection) -> None:
    person, made = await a_life(api, db)
    sale = "select id, status, total_price, seat_ids, code from reservations where status = 'confirmed'"
    before = await db.fetchrow(sale)
    assert (await erase(api, person)).status == 204

    statuses = await api.statuses(made["cinema"].showtime_id)
    assert {statuses[seat["seat_id"]] for seat in made["hold"]["seats"]} == {"available"}
    assert [statuses[seat["seat_id"]] for seat in made["sale"]["seats"]] == ["booked", "booked", "available"]
    assert await db.fetchrow(sale) == before
    path = f"/admin/reservations/{made['sale']['id']}"
    shown = (await api.call("GET", path, who=await api.admin())).json
    assert shown["customer"]["name"] == "Erased"
    assert (shown["reference"], shown["metadata"]) == (None, None)


async def test_tokens_and_api_keys_end_at_once_in_every_worker(start_api: StartApi, db: Connection) -> None:
    here, there = await connected(await start_api()), await connected(await start_api())
    person, made = await a_life(here, db)
    elsewhere = await log_in(here, person.id)
    key = Person(0, "", made["key"]["key"], "")

    async def statuses(api: Api) -> set[int]:
        paths = ((person, "/auth/me"), (elsewhere, "/auth/me"), (key, "/reservations"))
        return {(await api.call("GET", path, who=who)).status for who, path in paths}

    assert await statuses(here) == await statuses(there) == {200}
    assert (await erase(here, person)).status == 204
    assert await statuses(here) == {401}

    async def are_refused_there() -> bool:
        return await statuses(there) == {401}

    await until(are_refused_there, INVALIDATED_WITHIN_S)
    body = {"refresh_token": elsewhere.refresh_token}
    assert (await here.call("POST", "/auth/refresh", body)).status == 401
    login = await here.call("POST", "/auth/login", {"email": EMAIL, "password": PASSWORD})
    assert (login.status, login.code) == (401, "invalid_credentials")


async def test_the_address_signs_up_again_and_sees_nothing_of_the_account_before(api: Api, db: Connection) -> None:
    person, made = await a_life(api, db)
    assert (await erase(api, person)).status == 204

    again = await sign_up(api)

    assert again.id != person.id
    assert (await api.call("GET", "/reservations", who=again)).json["items"] == []
    assert (await api.call("GET", f"/reservations/{made['sale']['id']}", who=again)).status == 404


async def test_a_wrong_password_erases_nothing(api: Api, db: Connection) -> None:
    person, _ = await a_life(api, db)
    refused = await erase(api, person, PASSWORD + "!")
    assert (refused.status, refused.code) == (401, "invalid_credentials")
    assert (await api.call("GET", "/auth/me", who=person)).json["name"] == NAME
    assert await db.fetchval("select count(*) from reservations where reference = $1", REFERENCE) == 3


async def test_the_last_administrator_cannot_be_erased(api: Api, db: Connection) -> None:
    person = await sign_up(api)
    await db.execute("update users set role = 'admin' where id = $1", person.id)
    refused = await erase(api, person)
    assert (refused.status, refused.code) == (409, "last_admin")
    assert (await api.call("GET", "/auth/me", who=person)).json["name"] == NAME
    await api.admin()
    assert (await erase(api, person)).status == 204


async def test_a_guest_cannot_be_erased_by_a_password(api: Api) -> None:
    made = (await api.call("POST", "/auth/guest", {"name": NAME, "email": EMAIL})).json
    refused = await erase(api, Person(made["user"]["id"], EMAIL, made["access_token"], ""), "!")
    assert (refused.status, refused.code) == (401, "invalid_credentials")


async def test_of_an_account_with_many_reservations_each_is_erased(
    api: Api, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "PAGE", 2)
    cinema, person = await api.cinema(), await sign_up(api)
    for seat_id in cinema.seat_ids[:5]:
        await hold(api, person, cinema.showtime_id, [seat_id])
    assert (await erase(api, person)).status == 204
    assert await db.fetchval("select count(*) from reservations where reference is null") == 5


async def test_logins_and_holds_during_the_erasure_leave_nothing(api: Api, db: Connection, redis: Redis) -> None:
    cinema, person = await api.cinema(), await sign_up(api)
    body = {"seat_ids": [], "reference": REFERENCE, "metadata": {"note": NOTE}}
    path = f"/showtimes/{cinema.showtime_id}/holds"
    holds = [api.call("POST", path, body | {"seat_ids": [seat_id]}, who=person) for seat_id in cinema.seat_ids[:8]]
    logins = [api.call("POST", "/auth/login", {"email": EMAIL, "password": PASSWORD}) for _ in range(4)]

    erased, *others = await asyncio.gather(erase(api, person), *holds, *logins)

    assert erased.status == 204
    assert {answer.status for answer in others} <= {200, 201, 401, 403}
    assert await db.fetchval("select count(*) from login_sessions where user_id = $1", person.id) == 0
    assert await audit(db, redis) == []
