"""sql/schema.sql and docs/dba/schema.md are the migrated schema; `reservation schema` shows manual changes."""

from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from reservation.commands.expected_errors import EXPECTED
from reservation.commands.main import commands
from reservation.db.statements import sql_dir
from reservation.dba import schema_diagram, schema_dump
from reservation.dba.client_programs import ClientFailed, output
from tests.api import Connection
from tests.conftest import SECRET

STORED = sql_dir() / "schema.sql"
DIAGRAM = Path(__file__).parents[2] / "docs" / "dba" / "schema.md"


def run(url: str, text: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text.encode())


def test_schema_sql_is_the_migrated_schema(shared_database_url: str) -> None:
    """After a new migration: `make schema`. PostgreSQL 15 to 18 give the same text."""
    assert schema_dump.script(shared_database_url).splitlines() == STORED.read_text().splitlines()


def test_find_limited_sql_is_the_function_of_the_schema(database_url: str) -> None:
    run(database_url, (sql_dir() / "find_limited.sql").read_text())
    assert schema_dump.script(database_url).splitlines() == STORED.read_text().splitlines()


def test_schema_sql_makes_the_schema_in_an_empty_database(empty_database_url: str) -> None:
    run(empty_database_url, STORED.read_text())
    assert schema_dump.script(empty_database_url).splitlines() == STORED.read_text().splitlines()


def test_a_manual_change_of_the_schema_is_in_the_dump(database_url: str) -> None:
    expected = schema_dump.script(database_url)
    for change in (
        "alter table movies add column rating text collate \"C\" default 'x'",
        "alter table movies alter column genre set statistics 500",
        "create index by_hand on seats (seat_type)",
        "alter table seats set (autovacuum_vacuum_scale_factor = 0.01)",
        "alter table seats drop constraint seats_seat_type_check",
        "create view by_hand_view as select id from movies",
        "create function by_hand() returns trigger language plpgsql as 'begin return new; end'",
        "create trigger by_hand before insert on seats for each row execute function by_hand()",
        "comment on table seats is 'changed'",
        "grant select on seats to pg_monitor with grant option",
        "alter default privileges in schema public grant select on tables to pg_monitor",
    ):
        run(database_url, change)
        changed = schema_dump.script(database_url)
        assert changed != expected, change
        expected = changed


def test_the_dump_leaves_out_owner_extension_and_counters(database_url: str) -> None:
    run(database_url, "create extension pg_stat_statements")
    assert schema_dump.script(database_url).splitlines() == STORED.read_text().splitlines()


async def test_no_role_but_the_owner_may_execute_a_function_that_runs_as_the_owner(db: Connection) -> None:
    functions = await db.fetch(
        "select p.oid::regprocedure::text as name, has_function_privilege('public', p.oid, 'execute') as by_anybody"
        " from pg_proc as p where p.prosecdef and p.pronamespace = 'public'::regnamespace"
    )
    assert {row["name"] for row in functions} >= {"record_change()", "erase_from_change_log()"}
    assert [row["name"] for row in functions if row["by_anybody"]] == []


def test_schema_md_is_the_diagram_of_schema_sql() -> None:
    """After a new migration: `make schema`."""
    assert schema_diagram.page(STORED.read_text()) == DIAGRAM.read_text()


def test_the_diagram_has_every_table_column_and_foreign_key(shared_database_url: str) -> None:
    shown: set[tuple[str, str]] = set()
    table = ""
    for line in DIAGRAM.read_text().splitlines():
        words = line.split()
        if line.endswith("{"):
            table = words[0]
        elif line.startswith("        "):
            shown.add((table, words[1]))
    with psycopg.connect(shared_database_url) as connection:
        columns = connection.execute(
            "select table_name::text, column_name::text from information_schema.columns"
            " inner join information_schema.tables using (table_schema, table_name)"
            " where table_schema = 'public' and table_type = 'BASE TABLE' and table_name !~ '^_?yoyo_'"
        ).fetchall()
        references = connection.execute(
            "select confrelid::regclass::text, conrelid::regclass::text from pg_constraint where contype = 'f'"
        ).fetchall()

    assert shown == set(columns)
    for referenced, referring in references:
        assert f"    {referenced} ||--o{{ {referring} : " in DIAGRAM.read_text()
    assert DIAGRAM.read_text().count("||--o{") == len(references) >= 10
    assert "        bigint showtime_id FK, UK\n" in DIAGRAM.read_text()


def test_the_command_prints_the_diagram_of_any_database(database_url: str, redis_url: str) -> None:
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET}
    run(database_url, "create table stalls (id int primary key, seat_id bigint references seats)")
    drawn = CliRunner().invoke(commands, ["schema", "--mermaid"], env=environ, catch_exceptions=False).stdout
    assert '    stalls {\n        integer id PK\n        bigint seat_id FK "null"\n    }\n' in drawn
    assert '    seats ||--o{ stalls : "seat_id"\n' in drawn


def test_a_client_program_gets_no_password_in_argv(tmp_path: Path) -> None:
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "arguments: $*; password: $PGPASSWORD"\n')
    program.chmod(0o700)
    printed = output(program, "postgresql://a:hidden@h:5/x", ["-s"])
    assert printed == "arguments: --dbname=user=a dbname=x host=h port=5 -s; password: hidden\n"


def test_an_error_of_pg_dump_is_one_line(shared_database_url: str) -> None:
    nowhere = shared_database_url.rpartition("/")[0] + "/nowhere"
    with pytest.raises(ClientFailed, match=r'^pg_dump: error: .* database "nowhere" does not exist$'):
        schema_dump.script(nowhere)
    assert issubclass(ClientFailed, EXPECTED)
