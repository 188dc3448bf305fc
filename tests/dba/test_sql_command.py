"""The commands `reservation sql` and `reservation psql`."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import asyncpg
import psycopg
import pytest
from click.testing import CliRunner, Result

from reservation.commands.expected_errors import EXPECTED
from reservation.commands.main import commands
from reservation.db import migrations as schema, statements as queries
from reservation.db.repository import statistics
from reservation.db.repository.statistics import NoStatistics
from reservation.dba import statement_headers as statements
from reservation.dba.client_programs import CannotConnect, split_url
from reservation.embedded import attach, embedded_servers
from reservation.embedded.binaries import SYSTEM_POSTGRES
from tests.api import Api
from tests.conftest import SECRET

Run: TypeAlias = Callable[..., Result]
Db: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

NAMES = statements.names()
DEBIAN_15 = SYSTEM_POSTGRES / "15" / "bin"


def runs_on(url: str, **more: str) -> Run:
    def command(*words: str) -> Result:
        stores = {"DATABASE_URL": url, "REDIS_URL": "redis://127.0.0.1", "JWT_SECRET": SECRET, **more}
        result = CliRunner().invoke(commands, words, env=stores)
        if result.exception is not None and not isinstance(result.exception, (SystemExit, *EXPECTED)):
            raise result.exception
        return result

    return command


@pytest.fixture
def run(seeded_database_url: str) -> Run:
    """Runs a command on the demo data."""
    return runs_on(seeded_database_url)


def test_the_list_has_a_line_for_every_statement(run: Run) -> None:
    lines = run("sql", "list").stdout.splitlines()

    assert [line.split()[0] for line in lines] == ["name", *NAMES]
    [found] = [line for line in lines if line.startswith("movies/find_movie ")]
    for part in ("Returns one film by its id.", "db.repository.movies", "index scan on movies_pkey."):
        assert part in found


def test_the_list_has_every_statement_as_json(run: Run) -> None:
    listed = {one["name"]: one for one in json.loads(run("sql", "list", "--json").stdout)}

    assert sorted(listed) == NAMES
    found = listed["movies/find_movie"]
    assert found["used_by"] == ["db.repository.movies"]
    assert found["parameters"] == [{"number": 1, "type": "bigint", "name": "movie_id", "meaning": "the film"}]
    assert Path(found["path"]).read_text() == queries.sql("movies/find_movie")
    assert listed["statistics/top"]["needs"] == "pg_stat_statements"


@pytest.mark.parametrize("name", ["movies/find_movie", "sql/movies/find_movie.sql"])
def test_show_prints_a_statement_and_its_path(run: Run, name: str) -> None:
    first, _, rest = run("sql", "show", name).stdout.partition("\n")

    assert first == f"-- {queries.sql_dir() / 'movies' / 'find_movie.sql'}"
    assert rest == queries.sql("movies/find_movie")


def test_an_unknown_name_is_refused_with_similar_names(run: Run) -> None:
    result = run("sql", "explain", "movies/find_films")

    assert result.exit_code == 2
    assert "there is no movies/find_films.sql; perhaps " in result.stderr
    assert "movies/find_movie" in result.stderr


def test_check_counts_statements_without_a_problem(run: Run) -> None:
    assert run("sql", "check").stdout == f"sql check: {len(NAMES)} statements match their files\n"
    printed = json.loads(run("sql", "check", "--json").stdout)
    assert printed == {"prepared": len(NAMES), "problems": [], "without_extension": {}}


def test_check_names_a_statement_whose_extension_is_missing(shared_database_url: str) -> None:
    result = runs_on(shared_database_url)("sql", "check")

    assert result.exit_code == 0
    assert "statistics/top was not prepared: this database does not have the extension pg_stat" in result.stderr


def test_check_prints_a_line_for_every_problem(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {
        "movies/find_movie": queries.sql("movies/find_movie").replace("$1 bigint", "$1 integer"),
        "movies/lock_movie": queries.sql("movies/lock_movie").replace("Plan: ", ""),
        "movies/new_movie": "/* movies/new_movie\nNone.\nPlan: none.\n*/\nselect /* movies/new_movie */ 1;\n",
    }
    named = sorted({*NAMES, "movies/new_movie"} - {"movies/lock_movies"})
    monkeypatch.setattr(statements, "sql", lambda name: changed.get(name) or queries.sql(name))
    monkeypatch.setattr(statements, "names", lambda: named)

    result = run("sql", "check")

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "movies/new_movie: no module uses this file",
        "movies/lock_movies: db.repository.movies names it, but there is no such file",
        "movies/find_movie: its parameters are int8, and the header says int4",
        "movies/lock_movie: there is no `Plan: `",
    ]
    assert json.loads(run("sql", "check", "--json").stdout)["problems"] == result.stdout.splitlines()


def test_explain_uses_the_sample_without_arguments(run: Run) -> None:
    printed = run("sql", "explain", "movies/find_movie").stdout

    assert printed.startswith("$1 movie_id = 1\n\ngeneric plan, which the service uses\n")
    generic, custom = printed.split("\ncustom plan, made for these arguments\n")
    assert "Index Scan using movies_pkey" in generic
    assert "(id = $1)" in generic
    assert "(id = '1'::bigint)" in custom


def test_explain_takes_the_file_of_sql_dir(seeded_database_url: str, tmp_path: Path) -> None:
    own = tmp_path / "movies" / "find_movie.sql"
    own.parent.mkdir()
    shipped = (queries.sql_dir() / "movies" / "find_movie.sql").read_text()
    own.write_text(shipped.replace("id = $1", "id = $1 and title > ''"))
    stores = {"DATABASE_URL": seeded_database_url, "REDIS_URL": "redis://127.0.0.1", "JWT_SECRET": SECRET}
    command = [sys.executable, "-m", "reservation", "sql", "explain", "movies/find_movie"]

    printed = subprocess.run(
        command, env={**os.environ, **stores, "SQL_DIR": str(tmp_path)}, capture_output=True, text=True, check=True
    ).stdout

    assert printed.count("(title > ''::text)") == 2


def test_explain_shows_the_arguments_by_name(run: Run) -> None:
    printed = run("sql", "explain", "movies/list_movies", "0", "it's", "null", "null", "50").stdout

    shown = ["$1 after = 0", "$2 title_part = it's", "$3 genre = null", "$4 now_showing = null", "$5 row_limit = 50"]
    assert printed.splitlines()[:5] == shown
    negative = run("sql", "explain", "movies/find_movie", "--", "-1")
    assert negative.stdout.startswith("$1 movie_id = -1\n")


def test_explain_prints_both_plans_as_json(run: Run) -> None:
    printed = json.loads(run("sql", "explain", "showtimes/layouts", "{1,2}", "true", "true", "--json").stdout)

    assert (printed["name"], printed["arguments"]) == ("showtimes/layouts", ["{1,2}", "true", "true"])
    for mode in ("generic", "custom"):
        assert printed[mode]["Plan"]["Actual Rows"] == 2
        assert printed[mode]["Settings"]["plan_cache_mode"] == f"force_{mode}_plan"


def test_an_error_of_explain_is_one_line(run: Run) -> None:
    for words, why in (
        (("seed/analyze",), "seed/analyze is a utility statement, which PostgreSQL does not plan"),
        (("movies/find_movie", "1", "2"), "$1 bigint movie_id; 2 arguments were given"),
        (("movies/find_movie", "x"), 'invalid input syntax for type bigint: "x"'),
    ):
        result = run("sql", "explain", *words)
        assert result.exit_code == 1
        assert isinstance(result.exception, EXPECTED)
        assert why in str(result.exception)


async def test_top_names_the_files_of_what_the_service_ran(api: Api, db: Db, database_url: str) -> None:
    await db.execute("create extension pg_stat_statements")
    # The start of the service has run the statements of booking once.
    await db.execute(
        "select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)"
    )
    cinema, who = await api.cinema(), await api.sign_up()
    for place in range(3):
        assert (await api.hold(who, cinema.showtime_id, cinema.seat_ids[place * 2 : place * 2 + 2])).status == 201

    result = await asyncio.to_thread(runs_on(database_url), "sql", "top", "--limit", "1000", "--json")

    printed = json.loads(result.stdout)
    found = {one["name"]: one for one in printed}
    held = found["reservations/insert_held"]
    assert (held["calls"], held["rows_per_call"]) == (3, 1)
    assert held["total_ms"] == pytest.approx(held["mean_ms"] * 3)
    assert held["buffers_per_call"] > 10
    assert held["wal_bytes_per_call"] > 100
    assert found[None]["calls"] > 1
    assert found.keys() - {None} <= set(NAMES)
    assert sum(one["share"] for one in printed) == pytest.approx(1)
    assert [one["total_ms"] for one in printed] == sorted((one["total_ms"] for one in printed), reverse=True)
    table = (await asyncio.to_thread(runs_on(database_url), "sql", "top", "--limit", "1000")).stdout
    [line] = [line for line in table.splitlines() if line.startswith("reservations/insert_held ")]
    assert line.split()[1] == "3"
    assert "\n(no file) " in table


async def test_explain_is_not_counted_by_top(db: Db, database_url: str) -> None:
    await db.execute("create extension pg_stat_statements")
    explained = await asyncio.to_thread(runs_on(database_url), "sql", "explain", "movies/list_movies")
    assert explained.exit_code == 0
    assert "movies/list_movies" not in {one.name for one in await statistics.top(db, row_limit=1000)}


def test_top_without_the_extension_is_an_error_that_says_how_to_enable_it(shared_database_url: str) -> None:
    result = runs_on(shared_database_url)("sql", "top")

    assert isinstance(result.exception, NoStatistics)
    assert "`create extension pg_stat_statements`" in str(result.exception)
    assert "\n" not in str(result.exception)


@pytest.mark.skipif(not (DEBIAN_15 / "postgres").exists(), reason="Debian's PostgreSQL 15 is not installed")
def test_top_names_files_on_postgresql_15(tmp_path: Path) -> None:
    """PostgreSQL 15 keeps the comment before a statement; 18 does not."""
    with embedded_servers(tmp_path, postgres_bin_dir=DEBIAN_15, fast=True) as running:
        schema.apply(running.database_url)
        run = runs_on(running.database_url)
        with psycopg.connect(running.database_url, autocommit=True) as connection:
            connection.execute(queries.sql("ops/applied_migrations").encode())
        found = {one["name"]: one["calls"] for one in json.loads(run("sql", "top", "--json").stdout)}
        assert found["ops/applied_migrations"] == 1
        assert run("sql", "check").exit_code == 0
        assert run("sql", "explain", "showtimes/list_showtimes").exit_code == 0


def psql(*words: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reservation", "psql", *words]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.run(
        command, input=given, env=outside | environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_psql_connects_to_the_database_of_the_service(database_url: str) -> None:
    stores = {"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1", "JWT_SECRET": SECRET}
    # Variables of libpq must not win over the URL.
    elsewhere = {"PGHOST": "192.0.2.1", "PGHOSTADDR": "192.0.2.1", "PGDATABASE": "elsewhere", "PGPASSWORD": "wrong"}

    asked = psql("-X", "-A", "-t", "-c", "select current_database()", **stores)
    assert (asked.stdout.strip(), asked.returncode) == (database_url.rpartition("/")[2].partition("?")[0], 0)
    piped = psql("-X", "-A", "-t", given="select 40 + 2;\n", **stores, **elsewhere)
    assert (piped.stdout.strip(), piped.returncode) == ("42", 0)
    failed = psql("-X", "-c", "selec", **stores)
    assert failed.returncode == 1
    assert "syntax error" in failed.stderr


def test_psql_opens_without_a_schema_and_with_a_wrong_sql_dir(empty_database_url: str, tmp_path: Path) -> None:
    """A DBA needs psql to find what is wrong with either."""
    stores = {"DATABASE_URL": empty_database_url, "REDIS_URL": "redis://127.0.0.1", "JWT_SECRET": SECRET}
    (tmp_path / "movies").mkdir()
    (tmp_path / "movies" / "find_movie.sql").write_text("/* movies/find_movie\n*/\nselct 1;\n")

    asked = psql("-X", "-A", "-t", "-c", "select 40 + 2", SQL_DIR=str(tmp_path), **stores)

    assert (asked.stdout.strip(), asked.stderr, asked.returncode) == ("42", "", 0)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at /proc")
def test_psql_has_no_password_in_argv(database_url: str) -> None:
    stores = {"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1", "JWT_SECRET": SECRET}
    password = psycopg.conninfo.conninfo_to_dict(database_url)["password"]

    printed = psql("-X", "-c", r"\! tr '\0' '\n' </proc/$PPID/cmdline", **stores).stdout

    assert "--dbname=" in printed
    assert isinstance(password, str)
    assert password not in printed


def test_a_url_is_split_into_address_and_secrets() -> None:
    address, secrets = split_url("postgresql://a:p%20%27q@h:5/x?sslmode=disable&keepalives=1")

    assert psycopg.conninfo.conninfo_to_dict(address) == {
        "user": "a", "host": "h", "port": "5", "dbname": "x", "sslmode": "disable", "keepalives": "1",
    }  # fmt: skip
    assert secrets == {"PGPASSWORD": "p 'q"}
    with pytest.raises(CannotConnect, match="sslpassword"):
        split_url("postgresql://a@h/x?sslpassword=secret")
    with pytest.raises(CannotConnect, match=r"^DATABASE_URL: "):
        split_url("postgresql://a@h/x?nothing_of_libpq=1")


def test_psql_on_the_embedded_servers(tmp_path: Path) -> None:
    where = ("--data-dir", str(tmp_path / "data"))
    asks = ("-X", "-A", "-t", "-c", "select count(*) from pg_stat_statements where false")
    nothing = psql(*where, *asks)
    assert (nothing.stdout, nothing.returncode) == ("", 1)
    assert nothing.stderr.startswith("reservation: there is no data in ")
    other = os.environ.get("POSTGRES_BIN_DIR")  # which the command goes by, too
    with embedded_servers(tmp_path / "data", postgres_bin_dir=Path(other) if other else None, fast=True):
        attached = psql(*where, *asks)
    assert (attached.stdout.strip(), attached.returncode) == ("0", 0)
    own = psql(*where, *asks)
    assert (own.stdout.strip(), own.returncode) == ("0", 0)
    assert attach(tmp_path / "data") is None
