"""The roles of migration 0007: the service runs as reservation_app, and reservation_readonly only reads."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import psycopg
import pytest
from psycopg import sql as psql

from reservation.db import migrations as schema, sql_overrides
from reservation.db.statements import StatementsRefused, known_names, shipped, sql
from reservation.embedded import Embedded
from reservation.start_checks import CannotStart
from tests.api import Api, Connection
from tests.conftest import StartApi, make_settings
from tests.db.test_pool import a_day, all_connections

MANUAL = (Path(__file__).parents[2] / "docs" / "dba" / "sql-dir-and-roles.md").read_text()
APP, READER = "reservation_app", "reservation_readonly"
TABLES = (
    "users", "login_sessions", "movies", "auditoriums", "seats", "showtimes", "reservations", "booked_seats",
    "idempotency_keys", "api_keys",
)  # fmt: skip
READ_ONLY = ("archived_reservations", "migration_files")  # to the service
# Statements of tools, which connect as the login of DATABASE_URL: see docs/dba/sql-dir-and-roles.md.
OF_TOOLS = ("load/", "seed/", "statistics/", "schema/", "archive/move_reservations")


@pytest.fixture
async def as_app(shared_database_url: str) -> AsyncIterator[Connection]:
    settings = {"role": APP, "plan_cache_mode": "force_generic_plan"}
    connection = await asyncpg.connect(shared_database_url, server_settings=settings)
    yield connection
    await connection.close()


@pytest.fixture
async def as_reader(database_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database_url, server_settings={"role": READER})
    yield connection
    await connection.close()


async def test_every_feature_works_under_the_service_role(start_api: StartApi, db: Connection) -> None:
    """A day's traffic of customers and administrators, and an API key."""
    api = await start_api(DATABASE_ROLE=APP, STATEMENT_TIMEOUT_SECONDS="1", POOL_SIZE="6")
    await a_day(api, db)
    await administer_the_rest(api)
    async with all_connections(api) as connections:
        assert {await connection.fetchval("select current_user") for connection in connections} == {APP}


@pytest.mark.parametrize(
    ("role", "told"),
    [
        (READER, f"PostgreSQL's role {READER} may not write reservations"),
        ("reservation_nix", 'DATABASE_ROLE: role "reservation_nix" does not exist'),
    ],
)
async def test_a_role_without_booking_rights_stops_the_start(start_api: StartApi, role: str, told: str) -> None:
    with pytest.raises(CannotStart) as refused:
        await start_api(DATABASE_ROLE=role)
    assert str(refused.value).startswith(told)


async def test_the_service_starts_after_the_documented_grant_of_the_role(
    start_api: StartApi, own_database: tuple[str, str]
) -> None:
    owner, dba = own_database
    schema.apply(owner)
    login = str(urlsplit(owner).username)
    with pytest.raises(CannotStart) as refused:
        await start_api(DATABASE_URL=owner, DATABASE_ROLE=APP)
    remedy = f"grant {APP} to {login};"
    assert str(refused.value) == f'DATABASE_ROLE: permission denied to set role "{APP}"; run as a DBA: {remedy}'

    documented = set(re.findall(r"^ *(grant [^;]*) to reservation;", MANUAL, re.MULTILINE))
    assert [f"{grant} to {login};" for grant in documented] == [remedy]
    with psycopg.connect(dba, autocommit=True) as connection:
        connection.execute(remedy.encode())

    api = await start_api(DATABASE_URL=owner, DATABASE_ROLE=APP)
    assert (await api.call("GET", "/ready")).status == 200
    assert (await api.sign_up()).id
    await api.client.close()


async def administer_the_rest(api: Api) -> None:
    admin, who, cinema = await api.admin(), await api.sign_up(), await api.cinema()
    key = {"name": "Kiosk", "user_id": who.id, "scopes": ["booking"]}
    made = await api.call("POST", "/admin/api-keys", key, who=admin)
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])
    assert (await api.extend(who, held.json["id"])).status == 200
    best = await api.call(
        "POST",
        f"/showtimes/{cinema.showtime_id}/holds",
        {"quantity": 2},
        headers={"Authorization": f"Bearer {made.json['key']}", "Idempotency-Key": "one"},
    )
    spare = await api.movie()
    room, seats = await api.auditorium(1, 2)
    for method, path, body, status in (
        ("PUT", f"/admin/movies/{spare}", {"title": "Another", "duration_minutes": 80}, 200),
        ("DELETE", f"/admin/movies/{spare}", None, 204),
        ("DELETE", f"/admin/seats/{seats[0]}", None, 204),
        ("DELETE", f"/admin/auditoriums/{room}", None, 204),
        ("DELETE", f"/admin/api-keys/{made.json['id']}", None, 204),
        ("GET", "/admin/api-keys", None, 200),
    ):
        assert (await api.call(method, path, body, who=admin)).status == status, path
    assert (made.status, held.status, best.status) == (201, 201, 201)


@pytest.mark.parametrize("name", sorted(name for name in known_names() if not name.startswith(OF_TOOLS)))
async def test_the_service_role_may_run_every_statement_of_the_service(name: str, as_app: Connection) -> None:
    """EXPLAIN checks rights as the statement does; a generic plan contains every table of it."""
    statement = await as_app.prepare(sql(name))
    nulls = ", ".join(["null"] * len(statement.get_parameters()))
    assert await as_app.fetch(f"explain execute {statement.get_name()}" + (f"({nulls})" if nulls else ""))


async def test_sql_dir_statements_of_tools_may_need_rights_that_the_role_lacks(
    shared_database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """A statement of the service that the role may not run is refused."""
    settings = make_settings(shared_database_url, redis_url, tmp_path, DATABASE_ROLE=APP)
    own = ["archive/move_reservations", "load/delete_reservations", "seed/analyze", "seed/insert_users"]
    tuned = {name: f"{sql(name)}-- a remark of ours" for name in own}
    assert await sql_overrides.compare(settings, dict(shipped()) | tuned) == own

    tuned["movies/lock_movie"] = sql("movies/lock_movie").replace("where ", "where exists (select from pg_authid) and ")
    with pytest.raises(StatementsRefused, match=r"movies/lock_movie\.sql: permission denied for table pg_authid"):
        await sql_overrides.compare(settings, dict(shipped()) | tuned)


REFUSED = [
    *(f"truncate {table}" for table in TABLES),
    *(f"alter table {table} add column more int" for table in TABLES),
    *(f"drop table {table}" for table in TABLES),
    *(f"delete from {table}" for table in ("users", "reservations", "api_keys")),
    "create table more (a int)",
    "create index more on seats (created_at)",
    "create function more() returns int language sql as 'select 1'",
    "alter table reservations disable trigger all",
    "update users set email = 'somebody@example.com'",
    "update seats set auditorium_id = 1",
    "drop view reservation_seats",
    "create or replace view reservation_seats as select null::uuid as reservation_id",
    "update booked_seats set seat_id = 1",
    "update api_keys set scopes = '{catalogue}'",
    "delete from _yoyo_migration",
    *(f"delete from {table}" for table in READ_ONLY),
    *(f"truncate {table}" for table in READ_ONLY),
    "update archived_reservations set total_price = 0",
    "insert into archived_reservations default values",
    "update migration_files set sha256 = null",
    "insert into migration_files default values",
    "create role more",
    "call grant_reservation_roles()",
]


@pytest.mark.parametrize("statement", REFUSED)
async def test_a_statement_that_the_service_does_not_need_is_denied(statement: str, as_app: Connection) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with as_app.transaction():
            await as_app.execute(statement)


async def test_a_reader_reads_everything_except_hashes(api: Api, db: Connection, as_reader: Connection) -> None:
    who, cinema = await api.sign_up(), await api.cinema()
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])
    assert (await api.confirm(who, held.json["id"])).status == 200
    for table in (*TABLES, "reservation_seats"):
        assert await as_reader.fetchval(f"select count(*) from {table}") is not None
    assert await as_reader.fetchval("select email from users where id = $1", who.id) == who.email
    assert await as_reader.fetchval("select count(*) from booked_seats") == 1
    for hidden in ("password_hash from users", "key_hash from api_keys", "* from users", "* from api_keys"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await as_reader.fetch(f"select {hidden}")
    columns = await db.fetch(
        "select table_name::text, column_name::text from information_schema.columns where table_name = any($1)"
        " and not has_column_privilege($2, table_name::text, column_name::text, 'select')",
        list(TABLES),
        READER,
    )
    assert {tuple(row) for row in columns} == {("users", "password_hash"), ("api_keys", "key_hash")}


@pytest.mark.parametrize("table", TABLES)
async def test_a_reader_writes_nothing(table: str, as_reader: Connection) -> None:
    column = await as_reader.fetchval(
        "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and attidentity = ''",
        table,
    )
    for statement in (
        f"insert into {table} default values",
        f"update {table} set {column} = null",
        f"delete from {table}",
        f"truncate {table}",
        f"drop table {table}",
        f"select 1 from {table} for key share",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await as_reader.execute(statement)


async def test_the_view_of_reserved_seats_takes_inserts_of_the_service_role_only(
    api: Api, db: Connection, as_reader: Connection
) -> None:
    who, cinema = await api.sign_up(), await api.cinema()
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])
    insert = "insert into reservation_seats (reservation_id, seat_id, price_at_booking) values ($1, $2, 10)"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_reader.execute(insert, held.json["id"], cinema.seat_ids[1])
    await db.execute(f"set role {APP}")
    await db.execute(insert, held.json["id"], cinema.seat_ids[1])
    assert await db.fetchval("select count(*) from reservation_seats") == 2


async def test_a_reader_may_read_tables_of_later_migrations(db: Connection, as_reader: Connection) -> None:
    await db.execute("create table later (a int)")
    assert await as_reader.fetch("select a from later") == []
    can = (
        "select array(select p from unnest('{select,insert,update,delete,truncate}'::text[]) as p"
        " where has_table_privilege($1, 'later', p))"
    )
    assert await db.fetchval(can, APP) == ["select", "insert", "update"]
    assert await db.fetchval(can, READER) == ["select"]


async def test_a_login_that_is_a_member_serves_without_migrating(
    start_api: StartApi, db: Connection, database_url: str
) -> None:
    await db.execute(f"create role clerk login password 'clerk' in role {APP}")
    try:
        parts = urlsplit(database_url)
        url = urlunsplit(parts._replace(netloc=f"clerk:clerk@{parts.netloc.rpartition('@')[2]}"))
        schema.require_current(url)
        with pytest.raises(schema.MigrationFailed, match="the user clerk may not create tables"):
            schema.apply(url)
        api = await start_api(DATABASE_URL=url)
        assert (await api.call("GET", "/ready")).status == 200
        who, cinema = await api.sign_up(), await api.cinema()
        held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:2])
        assert (await api.confirm(who, held.json["id"])).status == 200
        await api.client.close()
    finally:
        await db.execute("drop role clerk")


@pytest.fixture
def own_database(servers: Embedded) -> Iterator[tuple[str, str]]:
    """An empty database of a login that may create no roles, as its URL, and the URL of a DBA in it."""
    name = f"owner_{uuid4().hex}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(psql.SQL("create role {} login password 'owner'").format(psql.Identifier(name)))
        connection.execute(psql.SQL("create database {0} owner {0}").format(psql.Identifier(name)))
        parts = urlsplit(servers.database_url)._replace(path=f"/{name}")
        address = parts.netloc.rpartition("@")[2]
        yield urlunsplit(parts._replace(netloc=f"{name}:owner@{address}")), urlunsplit(parts)
        connection.execute(psql.SQL("drop database {} with (force)").format(psql.Identifier(name)))
        connection.execute(psql.SQL("drop role {}").format(psql.Identifier(name)))


def may(url: str, role: str, table: str = "reservations") -> list[str]:
    """The rights of a role on a table."""
    with psycopg.connect(url) as connection:
        kinds = ("select", "insert", "update", "delete")
        rows = connection.execute(
            "select p from unnest(%s::text[]) as p where has_table_privilege(%s, %s, p)",
            [list(kinds), role, table],
        )
        return [row[0] for row in rows]


def test_an_owner_who_may_create_no_roles_migrates(own_database: tuple[str, str]) -> None:
    """The roles exist, made by another database of the cluster, and get their grants."""
    owner, _ = own_database
    schema.apply(owner)
    assert may(owner, APP) == ["select", "insert", "update"]
    assert may(owner, READER) == ["select"]
    for table in READ_ONLY:
        assert may(owner, APP, table) == ["select"]
    schema.rollback(owner, len(schema.known_migrations()))
    with psycopg.connect(owner) as connection:
        assert connection.execute(
            "select count(*) from pg_roles where rolname = any(%s)", [[APP, READER]]
        ).fetchone() == (2,)
