"""Logins that run at the same time as a change of the password: no session of the old password is left."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from reservation.db.pool import Connection as PooledConnection
from reservation.db.repository import accounts
from reservation.identity import admins, passwords
from reservation.identity.passwords import hash_password
from reservation.settings import Settings
from tests.api import PASSWORD, Answer, Api, Connection, Person
from tests.identity.caches import until

NEW_PASSWORD = "a new password"


async def log_in(api: Api, email: str, password: str = PASSWORD) -> Answer:
    return await api.call("POST", "/auth/login", {"email": email, "password": password})


async def change_password(settings: Settings, person: Person) -> None:
    await asyncio.to_thread(admins.create_admin, settings, email=person.email, password=NEW_PASSWORD)


async def open_sessions(db: Connection) -> int:
    count: int = await db.fetchval("select count(*) from login_sessions where revoked_at is null")
    return count


@pytest.fixture
async def conn(database_url: str) -> AsyncIterator[PooledConnection]:
    """A connection for the statements of the repository."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool, pool.acquire() as connection:
        yield connection


async def wait_for_row_lock(db: Connection) -> None:
    """Until a session of this database waits for another transaction to end."""

    async def waits() -> bool:
        return bool(
            await db.fetchval(
                "select exists (select from pg_locks as l inner join pg_stat_activity as a using (pid)"
                " where a.datname = current_database() and l.locktype = 'transactionid' and not l.granted)"
            )
        )

    await until(waits, 10)


async def test_a_login_verified_before_the_password_changed_is_401_and_opens_no_session(
    api: Api, settings: Settings, db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await api.sign_up()
    verify, verified, go_on = passwords.PasswordWorkers.verify, asyncio.Event(), asyncio.Event()

    async def paused(self: passwords.PasswordWorkers, password_hash: str | None, password: str) -> bool:
        matches = await verify(self, password_hash, password)
        verified.set()
        await go_on.wait()
        return matches

    monkeypatch.setattr(passwords.PasswordWorkers, "verify", paused)
    login = asyncio.create_task(log_in(api, person.email))
    async with asyncio.timeout(10):
        await verified.wait()

    await change_password(settings, person)
    go_on.set()

    refused = await login
    assert (refused.status, refused.code) == (401, "invalid_credentials")
    assert await open_sessions(db) == 0
    assert (await log_in(api, person.email, NEW_PASSWORD)).status == 200


async def test_a_login_during_an_uncommitted_password_change_waits_and_is_401(
    api: Api, db: Connection, conn: PooledConnection
) -> None:
    person = await api.sign_up()
    async with conn.transaction():
        await accounts.upsert_admin(
            conn, name="A Person", email=person.email, password_hash=hash_password(NEW_PASSWORD)
        )
        await accounts.revoke_sessions(conn, user_id=person.id)
        login = asyncio.create_task(log_in(api, person.email))  # its snapshot still has the old hash
        await wait_for_row_lock(db)

    assert (await login).status == 401
    assert await open_sessions(db) == 0


async def test_a_password_change_during_an_uncommitted_login_waits_and_revokes_its_session(
    api: Api, settings: Settings, db: Connection, conn: PooledConnection
) -> None:
    person = await api.sign_up()
    known = (await accounts.find_credentials(conn, email=person.email))[1]
    assert known is not None
    async with conn.transaction():
        opened = await accounts.open_session(
            conn, session_id=uuid4(), user_id=person.id, ttl_s=60, password_hash=known.password_hash
        )
        assert opened
        change = asyncio.create_task(change_password(settings, person))
        await wait_for_row_lock(db)

    await change
    assert await open_sessions(db) == 0
    assert await db.fetchval("select count(*) from login_sessions") == 2


async def test_a_session_without_a_password_opens_whatever_the_password_is(api: Api, conn: PooledConnection) -> None:
    person = await api.sign_up()
    for user_id, password_hash, opens in ((person.id, None, True), (person.id, "!", False), (4711, None, False)):
        opened = await accounts.open_session(
            conn, session_id=uuid4(), user_id=user_id, ttl_s=60, password_hash=password_hash
        )
        assert opened is opens
