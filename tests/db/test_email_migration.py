"""Migration 0035: old accounts whose addresses are one now go on, and so does the version before."""

import asyncio
from pathlib import Path
from typing import Any
from unicodedata import normalize

import asyncpg
import pytest

from reservation.db import migrations as schema
from reservation.identity import passwords
from tests.api import PASSWORD, Answer, Api, Connection
from tests.conftest import StartApi
from tests.db.test_migrations import FILES

COMPOSED = "Jos\u00e9@b\u00fccher.example"
DECOMPOSED = normalize("NFD", COMPOSED)
PUNYCODE = "jos\u00e9@xn--bcher-kva.example"
OTHER = "ana@example.com"
OLD_SIGN_UP = "insert into users (name, email, password_hash) values ('Old', $1, '!') returning id"
GUEST = (
    "insert into users (name, guest_email, password_hash, role, made_at_box_office)"
    " values ('Guest', $1, '!', 'guest', true) returning id"
)


@pytest.fixture
async def before(empty_database_url: str, tmp_path: Path) -> None:
    """Accounts of the version before 0035: three with one address, of which the first is the oldest, and guests."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for file in FILES:
        if file.name < "0035":
            (folder / file.name).write_bytes(file.read_bytes())
    await asyncio.to_thread(schema.apply, empty_database_url, folder=folder)
    conn = await asyncpg.connect(empty_database_url)
    for email in (COMPOSED, OTHER, DECOMPOSED, PUNYCODE):
        user_id = await conn.fetchval(OLD_SIGN_UP, email)
        hashed = passwords.hash_password(f"{PASSWORD} {user_id}")
        await conn.execute("update users set password_hash = $2 where id = $1", user_id, hashed)
    for email in (COMPOSED, DECOMPOSED, "b@example.com"):
        await conn.fetchval(GUEST, email)
    await conn.close()


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    """The database of `before`."""
    return empty_database_url


@pytest.fixture
async def migrated(before: None, empty_database_url: str) -> None:
    await asyncio.to_thread(schema.apply, empty_database_url)


async def log_in(api: Api, email: str, user_id: int) -> Answer:
    return await api.call("POST", "/auth/login", {"email": email, "password": f"{PASSWORD} {user_id}"})


async def who_logs_in(api: Api, email: str) -> list[int]:
    return [user_id for user_id in (1, 2, 3, 4) if (await log_in(api, email, user_id)).status == 200]


async def collisions(db: Connection) -> list[Any]:
    return [
        tuple(row)
        for row in await db.fetch("select id, same_address_as from users where same_address_as > 0 order by 1")
    ]


@pytest.mark.usefixtures("migrated")
async def test_the_oldest_account_keeps_the_address_and_the_others_their_spelling(
    start_api: StartApi, db: Connection
) -> None:
    assert await collisions(db) == [(3, 1), (4, 1), (6, 5)]
    api = await start_api()
    assert await who_logs_in(api, COMPOSED) == [1]
    assert await who_logs_in(api, DECOMPOSED) == [3]
    assert await who_logs_in(api, PUNYCODE.upper()) == [4]
    assert await who_logs_in(api, COMPOSED.upper()) == [1]
    assert await who_logs_in(api, OTHER.upper()) == [2]
    for spelling in (COMPOSED, DECOMPOSED, PUNYCODE, COMPOSED.upper()):
        body = {"name": "Ada", "email": spelling, "password": PASSWORD}
        assert (await api.call("POST", "/auth/signup", body)).code == "email_taken"


@pytest.mark.usefixtures("migrated")
async def test_the_audit_and_administrators_see_all_accounts_of_an_address(start_api: StartApi, db: Connection) -> None:
    rows = await db.fetch((Path("sql") / "audit" / "accounts_of_one_address.sql").read_text(), 10)
    assert [tuple(row) for row in rows] == [
        ("user 3", "has the same e-mail address as user 1", 3),
        ("user 4", "has the same e-mail address as user 1", 3),
        ("user 6", "has the same e-mail address as user 5", 3),
    ]
    api = await start_api()
    admin = await api.admin()
    for spelling in (COMPOSED, PUNYCODE):
        users = await api.call("GET", "/admin/users", who=admin, params={"email": spelling})
        assert [user["id"] for user in users.json["items"]] == [1, 3, 4, 5, 6]


@pytest.mark.usefixtures("migrated")
async def test_when_the_account_with_the_address_is_erased_the_next_one_has_it(
    start_api: StartApi, db: Connection
) -> None:
    api = await start_api()
    token = (await log_in(api, COMPOSED, 1)).json["access_token"]
    erased = await api.call(
        "DELETE", "/auth/me", {"password": f"{PASSWORD} 1"}, headers={"Authorization": f"Bearer {token}"}
    )
    assert erased.status == 204
    assert await collisions(db) == [(4, 3), (6, 5)]
    assert await who_logs_in(api, COMPOSED.upper()) == [3]
    assert await who_logs_in(api, PUNYCODE) == [4]


@pytest.mark.usefixtures("migrated")
async def test_an_account_that_gets_another_address_frees_the_first_one(db: Connection) -> None:
    await db.execute("update users set email = 'new@example.com' where id = 1")
    assert await collisions(db) == [(4, 3), (6, 5)]


@pytest.mark.usefixtures("migrated")
async def test_sign_ups_of_the_version_before_are_compared_too(db: Connection) -> None:
    await db.fetchval(OLD_SIGN_UP, "Ren\u00e9@example.com")
    with pytest.raises(asyncpg.UniqueViolationError, match="users_folded_email_key"):
        await db.fetchval(OLD_SIGN_UP, normalize("NFD", "ren\u00e9@EXAMPLE.com"))
    guest = "insert into users (name, guest_email, password_hash, role, made_at_box_office) values ('Guest', $1, '!'," \
        " 'guest', true) on conflict (lower(guest_email), name) where made_at_box_office do update" \
        " set updated_at = now() returning id"  # fmt: skip
    assert await db.fetchval(guest, "B@example.com") == 7


@pytest.mark.usefixtures("migrated")
async def test_a_migration_that_is_run_again_marks_what_has_come_since(empty_database_url: str, db: Connection) -> None:
    newer = sum(file.name >= "0035" and not file.name.endswith(".rollback.sql") for file in FILES)
    await asyncio.to_thread(schema.rollback, empty_database_url, newer)
    later = await db.fetchval(OLD_SIGN_UP, "ANA@\uff45xample.com")

    await asyncio.to_thread(schema.apply, empty_database_url)

    assert await collisions(db) == [(3, 1), (4, 1), (6, 5), (later, 2)]


@pytest.mark.usefixtures("before")
async def test_old_names_are_composed_and_titles_are_found(
    start_api: StartApi, empty_database_url: str, db: Connection
) -> None:
    name = normalize("NFD", "Am\u00e9lie")
    await db.execute(
        "insert into movies (title, duration_minutes, director, description)"
        " select $1 || ' ' || n, 90, $1, $1 from generate_series(1, 2100) as n",
        name,
    )
    await db.execute("insert into movies (title, duration_minutes) values ($1, 90)", "\ufb2c" * 300)  # grows
    await db.execute("update cinemas set name = $1", name)
    await db.execute("update users set name = $1", name)
    updated_at = await db.fetchval("select updated_at from cinemas")

    await asyncio.to_thread(schema.apply, empty_database_url)

    assert await db.fetchval(
        "select count(*) from movies where (title || director || description) is nfc normalized"
    ) == 2100  # fmt: skip
    assert await db.fetchval("select name from cinemas") == "Am\u00e9lie"
    assert await db.fetchval("select updated_at from cinemas") > updated_at
    names = [row["name"] for row in await db.fetch("select name from users order by id")]
    assert names == ["Am\u00e9lie"] * 4 + [name] * 3  # guests of the box office are found by their names
    api = await start_api()
    found = await api.call("GET", "/movies?q=AMELIE%20210")
    assert len(found.json["items"]) == 2  # 210 and 2100
