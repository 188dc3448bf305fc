"""`reservation migrate --status` and `--dry-run` show the state of the migrations and only read."""

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from reservation.commands.main import commands
from reservation.db import migrations
from reservation.db.psycopg_connections import DatabaseUnreachable
from reservation.embedded import EmbeddedError
from tests.conftest import SECRET
from tests.ports import free_port

KNOWN = sorted(migrations.known_migrations())
Migrate = Callable[..., Result]


@pytest.fixture
def migrate() -> Migrate:
    """Runs `reservation migrate` on a database."""

    def run(url: str, *options: str) -> Result:
        stores = {"DATABASE_URL": url, "REDIS_URL": "redis://127.0.0.1:1", "JWT_SECRET": SECRET}
        return CliRunner().invoke(commands, ["migrate", *options], env=stores)

    return run


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("select tablename from pg_tables where schemaname = 'public' order by 1").fetchall()
    return [row[0] for row in rows]


def test_status_of_an_empty_database_is_all_pending(migrate: Migrate, empty_database_url: str) -> None:
    done = migrate(empty_database_url, "--status")
    assert done.exit_code == 0
    assert [line.split() for line in done.stdout.splitlines()] == [[name, "pending"] for name in KNOWN]
    assert tables(empty_database_url) == []


def test_dry_run_names_what_migrate_then_applies(migrate: Migrate, empty_database_url: str) -> None:
    planned = migrate(empty_database_url, "--dry-run")
    assert (planned.exit_code, planned.stdout.splitlines()) == (0, KNOWN)
    assert tables(empty_database_url) == []

    assert migrate(empty_database_url).stdout.splitlines() == [f"applied {name}" for name in KNOWN]
    assert (migrate(empty_database_url, "--dry-run").exit_code, migrate(empty_database_url, "--dry-run").output) == (
        0,
        "",
    )


def test_status_tells_applied_pending_edited_and_unknown_apart(migrate: Migrate, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update migration_files set sha256 = sha256(sha256) where migration_id = %s", [KNOWN[0]])
        connection.execute("delete from _yoyo_migration where migration_id = %s", [KNOWN[1]])
        connection.execute("delete from migration_files where migration_id = %s", [KNOWN[1]])
        connection.execute(
            "insert into _yoyo_migration (migration_hash, migration_id) values ('later', '9999_of_a_later_version')"
        )
    expected = dict.fromkeys(KNOWN, "applied") | {KNOWN[0]: "edited", KNOWN[1]: "pending"}
    expected["9999_of_a_later_version"] = "unknown"

    done = migrate(database_url, "--status")
    assert (done.exit_code, dict(line.split() for line in done.stdout.splitlines())) == (0, expected)
    done = migrate(database_url, "--status", "--json")
    assert (done.exit_code, {each["name"]: each["state"] for each in json.loads(done.stdout)}) == (0, expected)


def test_dry_run_refuses_an_edited_file_as_migrate_does(migrate: Migrate, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update migration_files set sha256 = sha256(sha256) where migration_id = %s", [KNOWN[0]])
    for options in (["--dry-run"], []):
        done = migrate(database_url, *options)
        assert isinstance(done.exception, migrations.MigrationEdited)
        assert done.stdout == ""


@pytest.mark.parametrize("option", ["--status", "--dry-run"])
def test_without_a_connection_both_fail(migrate: Migrate, option: str) -> None:
    done = migrate(f"postgresql://nobody@127.0.0.1:{free_port()}/none", option)
    assert (done.exit_code, done.stdout) == (1, "")
    assert isinstance(done.exception, DatabaseUnreachable)


@pytest.mark.parametrize("option", ["--status", "--dry-run"])
def test_neither_sets_up_embedded_servers(tmp_path: Path, option: str) -> None:
    done = CliRunner().invoke(commands, ["migrate", option, "--data-dir", str(tmp_path / "data")])
    assert isinstance(done.exception, EmbeddedError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    ["--status --dry-run", "--status --rollback 1", "--dry-run --accept-edited a", "--rollback 1 --accept-edited a"],
)
def test_options_that_exclude_each_other_are_a_usage_error(migrate: Migrate, options: str) -> None:
    done = migrate("postgresql://127.0.0.1:1/none", *options.split())
    assert (done.exit_code, "exclude each other" in done.output) == (2, True)
    assert migrate("postgresql://127.0.0.1:1/none", "--json").exit_code == 2
