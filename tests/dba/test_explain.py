"""EXPLAIN runs every statement on its sample, with the service's settings, and changes nothing."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
from psycopg.conninfo import conninfo_to_dict

from reservation.db.statements import sql_dir
from reservation.dba import statement_headers as statements
from reservation.dba.explain import (
    CannotExplain,
    Mode,
    connected,
    explain_json,
    explain_text,
    literal,
    sample_arguments,
)
from reservation.dba.statement_headers import load
from reservation.embedded.binaries import client_program
from reservation.settings import Settings
from tests.api import Api
from tests.conftest import make_settings

Db: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

PLANNED = [name for name in statements.names() if load(name).is_planned]
SCRIPT = sql_dir() / "explain.psql"
SETS_PLAN_MODE = {"reports/begin"}


@pytest.fixture
def seeded_settings(seeded_database_url: str, tmp_path: Path) -> Settings:
    return make_settings(seeded_database_url, "redis://127.0.0.1", tmp_path)


@pytest.fixture
async def seeded(seeded_database_url: str) -> AsyncIterator[Db]:
    connection = await asyncpg.connect(seeded_database_url)
    yield connection
    await connection.close()


async def counted(connection: Db) -> dict[str, int]:
    """How many rows each table has."""
    tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    return {row[0]: await connection.fetchval(f"select count(*) from {row[0]}") for row in tables}


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for below in plan.get("Plans", []) for node in nodes(below))]


@pytest.mark.parametrize("name", PLANNED)
async def test_every_statement_runs_on_its_sample(name: str, seeded_settings: Settings, seeded: Db) -> None:
    statement, before = load(name), await counted(seeded)
    async with connected(seeded_settings, statement) as connection:
        arguments = await sample_arguments(connection, statement)
        for mode in Mode:
            explained = await explain_json(connection, statement, arguments, mode)
            if name not in SETS_PLAN_MODE:
                assert explained["Settings"]["plan_cache_mode"] == f"force_{mode}_plan"
            assert "Execution Time" in explained
            assert "Shared Hit Blocks" in explained["Plan"]
        assert not connection.is_in_transaction()
        assert await connection.fetchval("select count(*) from pg_prepared_statements where from_sql") == 0
    assert len(arguments) == len(statement.parameters)
    assert await counted(seeded) == before


@pytest.mark.parametrize("name", [name for name in PLANNED if load(name).sample])
async def test_every_sample_returns_one_row_from_empty_tables(name: str, shared_db: Db) -> None:
    statement = load(name)
    assert len(await sample_arguments(shared_db, statement)) == len(statement.parameters)


@pytest.mark.parametrize(
    "name",
    [
        "accounts/find_credentials", "movies/find_movie", "seats/list_seats", "showtimes/layouts", "showtimes/prime",
        "showtimes/check_seats", "showtimes/list_showtimes", "showtimes/list_showtimes_of_films",
        "showtimes/find_overlaps", "reservations/insert_held", "auditoriums/update_auditorium", "bulk/find_films",
    ],
)  # fmt: skip
async def test_samples_find_rows_in_the_demo(name: str, seeded_settings: Settings) -> None:
    statement = load(name)
    async with connected(seeded_settings, statement) as connection:
        arguments = await sample_arguments(connection, statement)
        explained = await explain_json(connection, statement, arguments, Mode.GENERIC)
    assert explained["Plan"]["Actual Rows"] > 0


async def test_samples_of_the_hot_path_find_reservations(api: Api, settings: Settings, db: Db) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    for place in range(3):
        held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[place * 2 : place * 2 + 2])
    assert (await api.confirm(who, held.json["id"])).status == 200
    before = await db.fetch("select id, status, expires_at from reservations order by id")
    rows = {"confirm": 2, "extend": 1, "find_booked": 2, "find_hold": 1, "find_reservation": 1, "free_seats": 2}
    for name, count in (rows | {"insert_held": 1, "list_reservations": 3, "lock_reservation": 1}).items():
        statement = load(f"reservations/{name}")
        async with connected(settings, statement) as connection:
            arguments = await sample_arguments(connection, statement)
            for mode in Mode:
                explained = await explain_json(connection, statement, arguments, mode)
                assert explained["Plan"]["Actual Rows"] == count, name
                if name == "confirm":
                    written = [node for node in nodes(explained["Plan"]) if node.get("Relation Name") == "booked_seats"]
                    assert any(node.get("Tuples Inserted") == 4 for node in written)
    assert await db.fetch("select id, status, expires_at from reservations order by id") == before
    assert await db.fetchval("select count(*) from booked_seats") == 2


async def test_generic_and_custom_plans_differ_by_their_conditions(seeded_settings: Settings) -> None:
    statement = load("movies/find_movie")
    async with connected(seeded_settings, statement) as connection:
        generic = await explain_text(connection, statement, ["7"], Mode.GENERIC)
        custom = await explain_text(connection, statement, ["7"], Mode.CUSTOM)
    assert "Index Cond: (id = $1)" in generic
    assert "Index Cond: (id = '7'::bigint)" in custom
    assert "Buffers: shared hit=" in generic
    assert "enable_seqscan = 'off'" in generic


async def test_statements_of_commands_run_with_postgresql_s_own_settings(seeded_settings: Settings) -> None:
    statement = load("audit/wrong_totals")
    async with connected(seeded_settings, statement) as connection:
        explained = await explain_json(connection, statement, ["10"], Mode.CUSTOM)
    assert explained["Settings"].keys() == {"plan_cache_mode"}


async def test_utility_statements_and_wrong_numbers_of_arguments_are_refused(seeded_settings: Settings) -> None:
    for name, arguments, why in (
        ("seed/analyze", [], "is a utility statement"),
        ("movies/find_movie", [], r"movies/find_movie: \$1 bigint movie_id; 0 arguments were given"),
        ("ops/applied_migrations", ["1"], "none; 1 arguments were given"),
    ):
        statement = load(name)
        async with connected(seeded_settings, statement) as connection:
            with pytest.raises(CannotExplain, match=why):
                await explain_json(connection, statement, arguments, Mode.GENERIC)


async def test_a_connection_is_usable_after_a_statement_failed(seeded_settings: Settings) -> None:
    statement = load("movies/insert_movie")
    rest = [None, "{}", None, None, None, None, "false"]
    good = ["A", "", "1", *rest]
    async with connected(seeded_settings, statement) as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await explain_json(connection, statement, ["A", "", "0", *rest], Mode.GENERIC)
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await explain_json(connection, statement, ["A", "", "x", *rest], Mode.CUSTOM)
        assert await explain_text(connection, statement, good, Mode.GENERIC)


@pytest.mark.parametrize("value", ["", "it's", "back\\slash", "'; drop table movies; --", "\\'", "ü $1 {}", None])
@pytest.mark.parametrize("conforming", ["on", "off"])
async def test_a_literal_has_the_value_that_it_was_made_of(value: str | None, conforming: str, shared_db: Db) -> None:
    async with shared_db.transaction():
        await shared_db.execute(f"set local standard_conforming_strings = {conforming}")
        if conforming == "off":
            await shared_db.execute("set local escape_string_warning = off")
        assert await shared_db.fetchval(f"select {literal(value)}::text") == value


def run_script(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    environment = {
        "PATH": "/usr/bin:/bin",
        "PGHOST": parts["host"],
        "PGPORT": parts["port"],
        "PGUSER": parts["user"],
        "PGPASSWORD": parts["password"],
        "PGDATABASE": parts["dbname"],
    }
    program = client_program("psql", None)
    return subprocess.run(
        [program, "-X", *options, "-f", SCRIPT], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(shutil.which("sed", path="/usr/bin:/bin") is None, reason="the script uses sed")
@pytest.mark.parametrize("name", PLANNED)
def test_the_script_for_psql_explains_every_file(name: str, seeded_database_url: str) -> None:
    ran = run_script(seeded_database_url, "-v", f"file={load(name).path}")

    assert ran.stderr == ""
    assert ran.returncode == 0
    assert "Execution Time: " in ran.stdout
    if name not in SETS_PLAN_MODE:
        assert "plan_cache_mode = 'force_generic_plan'" in ran.stdout


def test_the_script_takes_arguments_and_rolls_back(seeded_database_url: str) -> None:
    delete = load("seats/delete_seats").path
    for _ in range(2):
        ran = run_script(seeded_database_url, "-v", f"file={delete}", "-v", "args='{5}'", "-v", "plan=custom")
        assert "Index Cond: (id = ANY ('{5}'::bigint[]))" in ran.stdout
        assert "rows=1" in ran.stdout.split("Delete on seats")[1].split("actual")[1]
    titled = run_script(
        seeded_database_url, "-v", f"file={load('movies/list_movies').path}", "-v", "args=0, 'it''s', null, null, 50"
    )
    assert (titled.returncode, titled.stderr) == (0, "")


@pytest.mark.parametrize("options", [(), ("-v", "file=/nowhere/to/be/found.sql")])
def test_the_script_names_a_file_that_it_cannot_read(options: tuple[str, ...], seeded_database_url: str) -> None:
    ran = run_script(seeded_database_url, *options)

    assert ran.returncode == 3
    assert "ERROR:  cannot read " in ran.stderr
    assert "QUERY PLAN" not in ran.stdout
