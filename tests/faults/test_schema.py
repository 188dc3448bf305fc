"""Migrations: applied once by concurrent instances, transactional, reversible, with errors that name the cause."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import click.testing
import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

from reservation.commands.main import commands
from reservation.db import migrations as schema
from reservation.db.psycopg_connections import DatabaseUnreachable
from reservation.embedded import embedded_servers
from tests.conftest import SECRET

APPLY = "import sys; from reservation.db import migrations as schema; print(*schema.apply(sys.argv[1]))"


@pytest.fixture(scope="module")
def server_url(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_servers(
        shutil.copytree(made_once, tmp_path_factory.mktemp("schema") / "data"), fast=True
    ) as embedded:
        yield embedded.database_url


@pytest.fixture
def database_url(server_url: str) -> str:
    """An empty database."""
    name = f"schema_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return with_database(server_url, name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations, in a folder whose name has characters of a glob pattern."""
    found = tmp_path / "[own] migrations"
    found.mkdir()
    (found / "0001_first.sql").write_text("create table first (i int);\ninsert into first values (1);\n")
    (found / "0001_first.rollback.sql").write_text("drop table first;\n")
    (found / "0002_second.sql").write_text("create table second (i int);\n")
    (found / "0002_second.rollback.sql").write_text("drop table second;\n")
    return found


def with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
    return {row[0] for row in rows if "yoyo" not in row[0]}


def test_a_rollback_needs_enough_migrations_and_a_confirmation(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = len(schema.known_migrations())
    stores = {"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1", "JWT_SECRET": SECRET}

    def run(*words: str, said: str = "") -> tuple[int, str]:
        result = CliRunner().invoke(commands, ["migrate", *words], input=said, env=stores)
        return result.exit_code, f"{result.output}{result.exception or ''}"

    assert run()[0] == 0
    code, output = run("--rollback", str(count + 1))
    assert (code, f"{count} migrations are applied" in output) == (1, True)

    monkeypatch.setattr(click.testing._NamedTextIOWrapper, "isatty", lambda _: True)
    newest = max(schema.known_migrations())
    code, output = run("--rollback", "1", said="n\n")
    assert (code, f"Roll back {newest}, and lose" in output) == (1, True)
    assert schema.to_apply(database_url) == []

    assert run("--rollback", "1", "--yes")[0] == 0
    assert run()[0] == 0
    assert run("--rollback", "1", said="y\n")[0] == 0
    assert schema.to_apply(database_url) == [newest]


def test_six_concurrent_instances_apply_each_migration_once(database_url: str) -> None:
    command = [sys.executable, "-c", APPLY, database_url]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    answers = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 6
    assert sorted(name for answer in answers for name in answer) == sorted(schema.known_migrations())


def test_a_rollback_of_one_leaves_the_earlier_migration(database_url: str, folder: Path) -> None:
    assert schema.apply(database_url, folder=folder) == ["0001_first", "0002_second"]
    assert schema.to_apply(database_url, folder=folder) == []
    assert schema.rollback(database_url, 1, folder=folder) == ["0002_second"]
    assert tables(database_url) == {"first"}
    assert schema.to_apply(database_url, folder=folder) == ["0002_second"]


def test_a_failed_migration_is_rolled_back(database_url: str, folder: Path) -> None:
    (folder / "0002_second.sql").write_text("create table second (i int);\nselect 1 / 0;\n")
    with pytest.raises(schema.MigrationFailed, match=r"^migration 0002_second failed to apply: division by zero$"):
        schema.apply(database_url, folder=folder)
    assert tables(database_url) == {"first"}
    assert schema.to_apply(database_url, folder=folder) == ["0002_second"]
    (folder / "0002_second.sql").write_text("create table second (i int);\n")
    assert schema.apply(database_url, folder=folder) == ["0002_second"]


def test_a_migration_and_its_record_are_one_transaction(database_url: str, folder: Path) -> None:
    schema.rollback(database_url, 0, folder=folder)  # yoyo's own tables
    with psycopg.connect(database_url) as connection:
        connection.execute("""
            create function refuse() returns trigger language plpgsql as $$ begin raise 'no record'; end $$;
            create trigger refuse before insert on _yoyo_migration for each row execute function refuse();
        """)
    with pytest.raises(schema.MigrationFailed, match="no record"):
        schema.apply(database_url, folder=folder)
    assert tables(database_url) == set()


def test_a_migration_without_a_transaction_builds_an_index_concurrently(database_url: str, folder: Path) -> None:
    (folder / "0003_index.sql").write_text("-- transactional: false\ncreate index concurrently i on first (i);\n")
    (folder / "0003_index.rollback.sql").write_text("drop index concurrently i;\n")
    assert schema.apply(database_url, folder=folder)[-1] == "0003_index"
    assert schema.rollback(database_url, 1, folder=folder) == ["0003_index"]


def test_the_lock_of_a_killed_instance_is_broken(database_url: str, folder: Path) -> None:
    schema.rollback(database_url, 0, folder=folder)
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into yoyo_lock (locked, ctime, pid) values (1, now(), 1)")
    assert schema.apply(database_url, folder=folder) == ["0001_first", "0002_second"]


def test_the_wait_for_another_instance_is_bounded(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "LOCK_WAIT_S", 0.2)
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s)", [schema.ADVISORY_LOCK])
        with pytest.raises(schema.MigrationFailed, match="another instance"):
            schema.apply(database_url)


def test_to_apply_only_reads(database_url: str) -> None:
    assert schema.to_apply(f"{database_url}&options=-cdefault_transaction_read_only%3Don")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select 1 from pg_tables where schemaname = 'public'").fetchall() == []
    with pytest.raises(schema.SchemaOutOfDate, match="0001_"):
        schema.require_current(database_url)


def test_a_system_user_without_a_name_can_migrate(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    with schema._login_name():
        monkeypatch.undo()
        assert schema.apply(database_url)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"password": "s3cret"}, 'password authentication failed for user "reservation"'),
        ({"path": "/nowhere"}, 'database "nowhere" does not exist'),
        ({"port": 1}, "port 1 failed: Connection refused"),
    ],
)
def test_a_failed_connection_is_an_error_in_one_line_without_the_password(
    server_url: str, change: dict[str, str | int], expected: str
) -> None:
    parts = urlsplit(server_url)
    password = change.get("password", parts.password)
    netloc = f"{parts.username}:{password}@{parts.hostname}:{change.get('port', parts.port)}"
    url = urlunsplit(parts._replace(netloc=netloc, path=str(change.get("path", parts.path))))
    for ask in (schema.apply, schema.to_apply):
        with pytest.raises(DatabaseUnreachable) as caught:
            ask(url)
        assert expected in str(caught.value)
        assert "\n" not in str(caught.value)
        assert str(password) not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://u:s3c/ret@h/d", "postgresql://u:s3cret@h/d?what=1"])
def test_an_invalid_url_is_not_repeated(url: str) -> None:
    with pytest.raises(DatabaseUnreachable, match="not a valid PostgreSQL URL") as caught:
        schema.to_apply(url)
    assert "s3c" not in str(caught.value)


def roles(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("select rolname from pg_roles where rolname like 'reservation\\_%'").fetchall()
    return {str(row[0]) for row in rows}


def make_database(url: str, name: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return with_database(url, name)


def without_roles(url: str) -> None:
    """Roll back the migration that creates the roles, and all after it."""
    schema.rollback(url, len([name for name in schema.known_migrations() if name >= "0007"]))


def test_the_roles_of_a_cluster_are_created_once_and_dropped_after_their_last_use(data_dir: Path) -> None:
    with embedded_servers(data_dir, fast=True) as embedded:
        urls = [make_database(embedded.database_url, f"cinema_{number}") for number in range(4)]
        processes = [subprocess.Popen([sys.executable, "-c", APPLY, url], stdout=subprocess.DEVNULL) for url in urls]
        assert [process.wait(60) for process in processes] == [0] * 4
        both = {"reservation_app", "reservation_readonly"}
        assert roles(urls[0]) == both
        for url in urls[:3]:
            without_roles(url)
            assert roles(url) == both  # another database has it
        with psycopg.connect(urls[3], autocommit=True) as connection:
            connection.execute("create role clerk login in role reservation_app")
            without_roles(urls[3])
            assert roles(urls[3]) == {"reservation_app"}  # a login is a member of it
            schema.apply(urls[3])
            assert roles(urls[3]) == both
            connection.execute("drop role clerk")
        without_roles(urls[3])
        assert roles(urls[3]) == set()


@pytest.mark.parametrize("can", ["createrole", "nocreaterole"])
def test_an_owner_without_all_rights_migrates(data_dir: Path, can: str, caplog: pytest.LogCaptureFixture) -> None:
    with embedded_servers(data_dir, fast=True) as embedded:
        with psycopg.connect(embedded.database_url, autocommit=True) as connection:
            connection.execute(f"create role owner login password 'owner' {can}")
            connection.execute("create database cinema owner owner")
        parts = urlsplit(with_database(embedded.database_url, "cinema"))
        dba = urlunsplit(parts)
        owner = urlunsplit(parts._replace(netloc=f"owner:owner@{parts.netloc.rpartition('@')[2]}"))
        known = sorted(schema.known_migrations())
        assert schema.apply(owner) == known
        if can == "createrole":
            assert roles(owner) == {"reservation_app", "reservation_readonly"}
            assert caplog.messages == []
        else:
            assert roles(owner) == set()
            assert caplog.messages[0] == (
                "the role reservation_app does not exist, and owner may not create it. "
                "As a DBA: create role reservation_app nologin; "
                "then in this database: call grant_reservation_roles();"
            )
            with psycopg.connect(dba, autocommit=True) as connection:
                connection.execute("create role reservation_app nologin")
                connection.execute("call grant_reservation_roles()")
                may = connection.execute(
                    "select has_table_privilege('reservation_app', 'reservations', 'insert'),"
                    " has_table_privilege('reservation_app', 'reservations', 'delete')"
                ).fetchone()
                assert may == (True, False)
        assert schema.rollback(owner, len(known)) == known[::-1]
        assert tables(owner) == set()
        assert roles(owner) == (set() if can == "createrole" else {"reservation_app"})
