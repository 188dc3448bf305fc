"""Every table has a replica identity, so that its updates and deletes can be published for logical replication."""

import asyncpg
import pytest

from reservation.dba.statement_headers import load, names
from tests.api import Connection

# A primary key (not deferrable), or an index that REPLICA IDENTITY USING INDEX names; yoyo's tables included.
WITHOUT_IDENTITY = """
select c.oid::regclass::text
from pg_class as c
where c.relkind in ('r', 'p')
    and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    and not exists (
        select from pg_index as i
        where i.indrelid = c.oid
            and i.indisvalid
            and case c.relreplident when 'd' then i.indisprimary and i.indimmediate when 'i' then i.indisreplident end
    )
order by 1
"""


async def without_identity(db: Connection) -> list[str]:
    return [row[0] for row in await db.fetch(WITHOUT_IDENTITY)]


async def start(db: Connection, name: str) -> None:
    """Let PostgreSQL plan a statement and start to execute it, which is where it refuses a table without identity."""
    statement = load(name)
    given = ", ".join(["null"] * len(statement.parameters))
    await db.execute("set plan_cache_mode = force_generic_plan")
    await db.execute(f"prepare started as {statement.text}")
    await db.execute(f"explain execute started{given and f'({given})'}")
    await db.execute("deallocate started")


async def test_every_table_has_a_replica_identity(shared_db: Connection) -> None:
    assert await without_identity(shared_db) == []


async def test_a_new_table_without_a_replica_identity_is_found(db: Connection) -> None:
    await db.execute("create table bare (a int not null unique); create table keyed (a int primary key)")
    assert await without_identity(db) == ["bare"]
    await db.execute("alter table bare replica identity using index bare_a_key")
    assert await without_identity(db) == []


async def test_every_statement_starts_under_a_publication_for_all_tables(seeded_database_url: str) -> None:
    connection = await asyncpg.connect(seeded_database_url)
    await connection.execute("create publication everything for all tables")
    try:
        for name in names():
            if load(name).is_planned:
                await start(connection, name)
    finally:
        await connection.execute("drop publication everything")
        await connection.close()


async def test_a_statement_on_a_table_without_identity_is_refused_under_a_publication(db: Connection) -> None:
    await db.execute("create publication everything for all tables")
    await db.execute("alter table booked_seats replica identity nothing")
    for name in ("reservations/free_seats", "archive/move_reservations"):
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="does not have a replica identity"):
            await start(db, name)
        await db.execute("deallocate started")
