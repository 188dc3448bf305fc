"""Logical replication of all tables: a subscriber has equal rows after every kind of change."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psycopg
import pytest

from reservation.db import migrations as schema
from reservation.embedded import embedded_servers
from tests.api import Api, Connection
from tests.business import Business

PATIENCE_S = 60
# Each has a primary key, but the business has no payments, and no showtime about to start.
UNUSED = {"payments", "payment_events", "refunds", "reminded_showtimes", "totp_secrets"}
TABLES = "select oid::regclass::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL with wal_level = logical."""
    folder = tmp_path_factory.mktemp("logical") / "data"
    with (
        embedded_servers(folder, fast=True) as embedded,
        psycopg.connect(embedded.database_url, autocommit=True) as connection,
    ):
        connection.execute("alter system set wal_level = logical")
    with embedded_servers(folder, fast=True) as embedded:
        yield embedded.database_url


@pytest.fixture
def database_url(server_url: str) -> str:
    """The publisher: all its tables are published."""
    schema.apply(server_url)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("create publication everything for all tables")
        connection.execute("select pg_create_logical_replication_slot('subscriber', 'pgoutput')")
    return server_url


@pytest.fixture
def subscriber_url(database_url: str) -> str:
    """A second database of the same server, empty and subscribed to the first."""
    url = urlunsplit(urlsplit(database_url)._replace(path="/subscriber"))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create database subscriber")
    schema.apply(url)
    with psycopg.connect(url, autocommit=True) as connection:
        tables = ", ".join(row[0] for row in connection.execute(TABLES).fetchall())
        connection.execute(f"truncate {tables}".encode())
        connection.execute(
            f"create subscription everything connection '{database_url}' publication everything"
            " with (create_slot = false, slot_name = subscriber)".encode()
        )
    return url


async def contents(db: Connection) -> dict[str, list[str]]:
    """The rows of each table, as text."""
    return {
        row[0]: [each[0] for each in await db.fetch(f"select t::text from {row[0]} as t order by 1")]
        for row in await db.fetch(TABLES)
    }


async def until_received(db: Connection, subscriber: Connection) -> None:
    """Wait until the subscriber has copied every table, and then has all that was committed until now."""
    async with asyncio.timeout(PATIENCE_S):
        while await subscriber.fetchval("select count(*) from pg_subscription_rel where srsubstate <> 'r'"):
            await asyncio.sleep(0.05)
        committed = await db.fetchval("select pg_current_wal_lsn()")
        while not await db.fetchval(
            "select confirmed_flush_lsn >= $1 from pg_replication_slots where slot_name = 'subscriber'", committed
        ):
            await asyncio.sleep(0.05)


async def test_a_subscriber_has_equal_rows_after_every_kind_of_change(
    api: Api, db: Connection, redis_url: str, subscriber_url: str
) -> None:
    subscriber = await asyncpg.connect(subscriber_url)
    try:
        await Business(api, db, redis_url).all_parts()
        await api.client.close()  # else jobs and sessions go on writing
        await until_received(db, subscriber)
        published, received = await contents(db), await contents(subscriber)
        assert {table for table in published if published[table] != received[table]} == set()
        assert {table for table in published if not published[table]} == {"yoyo_lock"} | UNUSED
    finally:
        await subscriber.execute("drop subscription everything")
        await subscriber.close()
