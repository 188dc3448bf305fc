"""A DBA alters tables under the running service: its statements are planned anew, and no request fails for it."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from reservation.db import pool_options
from reservation.db.statements import sql_dir
from tests.api import Answer, Api, Connection, Person
from tests.business import Business
from tests.conftest import PATIENT, StartApi
from tests.races.test_booking_races import assert_sound

# For each column its wider type, as a DBA would write it.
WIDER = """
select
    a.attrelid::regclass::text as of_table,
    a.attname::text as name,
    format_type(a.atttypid, a.atttypmod) as type,
    case
        when a.atttypid = 'integer'::regtype then 'bigint'
        when a.atttypid = 'integer[]'::regtype then 'bigint[]'
        when a.atttypid = 'text'::regtype then 'varchar'
        when a.atttypid in ('numeric'::regtype, 'numeric[]'::regtype)
            then regexp_replace(format_type(a.atttypid, a.atttypmod), '\\d+', '20')
    end as wider
from pg_attribute as a
inner join pg_class as c on a.attrelid = c.oid
where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
    and c.relname !~ 'yoyo|migration'
order by 1, 2
"""
# For each table the names of columns that other tables have and it has not.
OTHER_NAMES = """
with columns as (
    select c.oid, a.attname as name
    from pg_attribute as a
    inner join pg_class as c on a.attrelid = c.oid
    where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attnum > 0 and c.relname !~ 'yoyo|migration'
)
select t.oid::regclass::text as of_table, array_agg(distinct n.name::text) as names
from (select distinct oid from columns) as t cross join (select distinct name from columns) as n
where not exists (select from columns as c where c.oid = t.oid and c.name = n.name)
group by 1
"""
CUSTOMERS = 4
ANSWERS_BETWEEN = 10
PATIENCE_S = 60


@pytest.fixture(autouse=True)
def lasting_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepared statements are never too old, so that those from before a change are used after it."""
    monkeypatch.setattr(pool_options, "PLAN_LIFETIME_S", 0)


class Columns:
    """The columns of all tables whose type can change, each with its type and a wider one."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self.found: dict[str, list[tuple[str, str, str]]] = {}
        self._is_wider = False
        self._changing = asyncio.Lock()

    async def find(self) -> None:
        """Try each column; PostgreSQL refuses those that a view, a trigger or an index needs as they are."""
        for of_table, name, kept, wider in await self._db.fetch(WIDER):
            with suppress(asyncpg.FeatureNotSupportedError, asyncpg.InvalidObjectDefinitionError):
                if wider not in (None, kept):
                    await self._db.execute(f'alter table {of_table} alter "{name}" type {wider}')
                    await self._db.execute(f'alter table {of_table} alter "{name}" type {kept}')
                    self.found.setdefault(of_table, []).append((name, kept, wider))

    async def change(self) -> None:
        """Give all of them the wider type, or the one from before."""
        async with self._changing:
            for statement in self.changes():
                await self._db.execute(statement)

    def changes(self) -> Iterator[str]:
        """The statements that give all of them the wider type, or the one from before."""
        self._is_wider = not self._is_wider
        for of_table, columns in self.found.items():
            types = (f'alter "{name}" type {wider if self._is_wider else kept}' for name, kept, wider in columns)
            yield f"alter table {of_table} {', '.join(types)}"


@dataclass(slots=True)
class Patient(Api):
    """A client that counts the answers, and sends a request again that waited too long for a lock."""

    answered: int = 0
    another: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, method: str, path: str, json: Any = None, *, who: Person | None = None, **rest: Any) -> Answer:
        """As Api.call; raises AssertionError for another answer of 5xx than 503 row_locked."""
        while True:
            answer = await Api.call(self, method, path, json, who=who, **rest)
            self.answered += 1
            self.another.set()
            if answer.status < 500:
                return answer
            assert (answer.status, answer.code) == (503, "row_locked"), f"{method} {path}: {answer.text}"
            await asyncio.sleep(int(answer.headers["Retry-After"]))

    async def answers(self, number: int) -> None:
        """Wait for so many more answers."""
        number += self.answered
        async with asyncio.timeout(PATIENCE_S):
            while self.answered < number:
                self.another.clear()
                await self.another.wait()


@dataclass(slots=True)
class AlteredBefore(Api):
    """A client before each of whose requests the columns of all tables get other types."""

    columns: Columns | None = None

    async def call(self, method: str, path: str, json: Any = None, *, who: Person | None = None, **rest: Any) -> Answer:
        """As Api.call."""
        if self.columns is not None:
            await self.columns.change()
        return await Api.call(self, method, path, json, who=who, **rest)


async def test_each_request_succeeds_whose_columns_got_other_types_since_the_last(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    started = await start_api()
    api = AlteredBefore(started.client, started.database_url)
    business = Business(api, db, redis_url)
    await business.all_parts()
    columns = Columns(db)
    await columns.find()
    assert {"movies", "seats", "reservations", "users", "login_sessions", "api_keys"} < {*columns.found}
    api.columns = columns
    await business.all_parts()
    api.columns = None
    await assert_sound(db, redis_url)


async def test_no_request_fails_while_tables_are_altered_under_load(
    start_api: StartApi, database_url: str, db: Connection, redis_url: str
) -> None:
    started = await start_api(**PATIENT, MAX_HOLDS_PER_USER="1000")
    columns, api = Columns(db), Patient(started.client, started.database_url)
    await columns.find()
    is_over = asyncio.Event()
    changes = [
        *columns.changes(),
        "create index concurrently extra on reservations (total_price)",
        (sql_dir() / "find_limited.sql").read_text(),
        "alter table users rename constraint users_pkey to users_key",
        "alter table movies add column note text, add column seat_id bigint",
        *columns.changes(),
    ]

    async def customers() -> None:
        connection = await asyncpg.connect(database_url)
        business = Business(api, connection, redis_url)
        try:
            while not is_over.is_set():
                for part in (business.booking, business.changes_of_seats, business.accounts, business.seat_plans):
                    await part()
        finally:
            await connection.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(CUSTOMERS):
            tasks.create_task(customers())
        for change in changes:
            await api.answers(ANSWERS_BETWEEN)
            await db.execute(change)
        is_over.set()
    await assert_sound(db, redis_url)


async def test_all_business_goes_on_after_tables_got_columns_of_any_name(
    start_api: StartApi, db: Connection, redis_url: str
) -> None:
    business = Business(await start_api(), db, redis_url)
    await business.all_parts()
    for row in await db.fetch(OTHER_NAMES):
        await db.execute(f"alter table {row[0]} " + ", ".join(f'add column "{name}" text' for name in row[1]))
    await business.all_parts()
    await assert_sound(db, redis_url)
