"""Migrations: each can be applied, rolled back and applied again, has a lock timeout, and its file stays unedited."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql as psql

from reservation.commands.main import commands
from reservation.db import migrations as schema
from reservation.db.psycopg_connections import SchemaError
from reservation.db.statements import sql_dir
from reservation.dba import schema_dump
from tests.conftest import SECRET
from tests.ports import free_port

FILES = sorted((Path(__file__).parents[2] / "migrations").glob("*.sql"))
FORWARD = [path for path in FILES if not path.name.endswith(".rollback.sql")]
APPLY = "import sys; from pathlib import Path; from reservation.db import migrations as schema; " + (
    "print(*schema.apply(sys.argv[1], folder=Path(sys.argv[2])))"
)
PATIENCE_S = 60
SHOWTIME = "0192f0c1-0000-7000-8000-00000000000"
# Rows that the tables have when the next migration is applied, and when this one is rolled back.
DATA = {
    "0001_booking": f"""
        insert into users (name, email, password_hash) values ('A', 'a@example.com', 'x');
        insert into login_sessions (id, user_id, expires_at) values ('{SHOWTIME}9', 1, now() + interval '1 day');
        insert into movies (title, duration_minutes) values ('A', 90);
        insert into auditoriums (name, capacity) values ('A', 10);
        insert into seats (auditorium_id, row_label, seat_number) values (1, 'A', 1), (1, 'A', 2);
        insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
        values (1, 1, '2040-01-01 20:00Z', '2040-01-01 22:00Z', '2040-01-01 22:00Z', 10);
        insert into reservations (id, user_id, showtime_id, status, total_price, expires_at, confirmed_at)
        values ('{SHOWTIME}1', 1, 1, 'held', 10, now() + interval '1 hour', null),
        ('{SHOWTIME}2', 1, 1, 'confirmed', 10, now() + interval '1 hour', now());
        insert into reservation_seats (reservation_id, seat_id, price_at_booking)
        values ('{SHOWTIME}1', 1, 10), ('{SHOWTIME}2', 2, 10);
        insert into booked_seats (showtime_id, seat_id, reservation_id) values (1, 2, '{SHOWTIME}2');
    """,
    "0003_idempotency": f"""
        insert into idempotency_keys (user_id, key, fingerprint, reservation_id, leased_until)
        values (1, 'A', decode(repeat('00', 16), 'hex'), '{SHOWTIME}1', now());
        update reservations set first_expires_at = expires_at where id = '{SHOWTIME}1';
    """,
    "0004_focal_row": "update auditoriums set focal_row = 'A';",
    "0005_api_keys": """
        insert into api_keys (name, user_id, prefix, key_hash, scopes, created_by)
        values ('A', 1, 'rsv_01234567', decode(repeat('00', 32), 'hex'), array['booking'], 1);
    """,
    "0006_keys_with_the_deed": f"""
        insert into idempotency_keys (user_id, key, fingerprint, reservation_id)
        values (1, 'A', decode(repeat('00', 16), 'hex'), '{SHOWTIME}1');
    """,
    "0018_seats_blocked": """
        insert into booked_seats (showtime_id, seat_id, block_reason) values (1, 1, 'House seats');
    """,
    "0019_reservation_details": f"""
        update reservations set reference = 'A', metadata = '{{"a": 1}}', late = true where id = '{SHOWTIME}2';
        insert into ticket_types (name, fixed_price) values ('A', 5);
    """,
    "0024_availability": "insert into showtime_availability (showtime_id, taken, counted_at) values (1, 1, now());",
    "0047_mails": """
        update users set language = 'de-AT' where id = 1;
        insert into reminded_showtimes (showtime_id, starts_at) values (1, '2040-01-01 20:00Z')
    """,
}
# Tables whose rows a migration deletes, when it is applied and when it is rolled back.
EMPTIED = {"0006_keys_with_the_deed": {"idempotency_keys"}}
# Tables whose rows a migration fills, and its rollback leaves filled.
FILLED = {
    "0013_fill_seats_in_reservations": {"reservations"},
    "0017_fill_cinemas": {"movies"},
    "0020_reservation_codes": {"reservations"},
    "0025_fill_availability": {"auditoriums", "showtimes"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations."""
    return Path(shutil.copytree(FILES[0].parent, tmp_path / "migrations"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with one migration: a table with two equal rows."""
    found = tmp_path / "own"
    found.mkdir()
    (found / "0001_first.sql").write_text("create table first (i int);\ninsert into first values (1), (1);\n")
    (found / "0001_first.rollback.sql").write_text("drop table first;\n")
    return found


def run(url: str, text: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text.encode())


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text() + text)


def contents(url: str) -> dict[str, list[str]]:
    """Every row of every table."""
    found = {}
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "select tablename from pg_tables where schemaname = 'public' and tablename !~ 'yoyo|^migration_files$'"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(
                psql.SQL("select to_jsonb(t)::text from {} as t order by 1").format(psql.Identifier(table))
            )
            found[table] = [row[0] for row in rows]
    return found


def indexes(url: str) -> dict[str, bool]:
    """Whether each index of the table `first` is valid."""
    with psycopg.connect(url) as connection:
        return dict(
            connection.execute(
                "select indexrelid::regclass::text, indisvalid from pg_index where indrelid = 'first'::regclass"
            ).fetchall()
        )


def wait_for(url: str, condition: str, count: int) -> None:
    """Wait until `count` other sessions of the database meet a condition."""
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(url, autocommit=True) as connection:
        query = (
            "select count(*) from pg_stat_activity where datname = current_database()"
            f" and pid <> pg_backend_pid() and {condition}"
        )
        while (row := connection.execute(query.encode()).fetchone()) and row[0] < count:
            assert time.monotonic() < deadline, condition
            time.sleep(0.02)


@pytest.mark.long
def test_every_migration_can_be_applied_rolled_back_and_applied_again(empty_database_url: str, tmp_path: Path) -> None:
    url = empty_database_url
    after = schema_dump.script(url)
    for path in FORWARD:
        name = path.stem
        before, rows = after, contents(url)
        for file in (path, path.with_suffix(".rollback.sql")):
            shutil.copy(file, tmp_path)
        assert schema.apply(url, folder=tmp_path) == [name]
        after = schema_dump.script(url)
        run(url, DATA.get(name, ""))
        rows |= {table: contents(url)[table] for table in FILLED.get(name, ())}

        assert schema.rollback(url, 1, folder=tmp_path) == [name]

        assert schema_dump.script(url).splitlines() == before.splitlines(), name
        left = contents(url)
        for table in EMPTIED.get(name, ()):
            assert left.pop(table) == []
            del rows[table]
        assert left == rows, name
        assert schema.apply(url, folder=tmp_path) == [name]
        assert schema_dump.script(url).splitlines() == after.splitlines(), name
        run(url, DATA.get(name, ""))
    assert after == (sql_dir() / "schema.sql").read_text()


def test_test_data_is_for_existing_migrations() -> None:
    assert DATA.keys() | EMPTIED.keys() | FILLED.keys() <= {path.stem for path in FORWARD}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_every_migration_sets_a_lock_timeout_first(file: Path) -> None:
    """With `set local` where the migration is one transaction."""
    text = file.read_text()
    apart = text.startswith("-- transactional: false\n")
    first = re.sub(r"--[^\n]*", "", text).partition(";")[0].split()
    assert " ".join(first) == f"set {'' if apart else 'local '}lock_timeout = '5s'"
    assert apart or "concurrently" not in text


@pytest.mark.parametrize("file", FORWARD, ids=lambda path: path.name)
def test_every_migration_has_a_rollback(file: Path) -> None:
    assert file.with_suffix(".rollback.sql").is_file()


def test_a_concurrent_index_that_failed_is_built_in_the_next_run(empty_database_url: str, own: Path) -> None:
    (own / "0002_index.sql").write_text(
        "-- transactional: false\nset lock_timeout = '5s';\ncreate table second (i int);\ndrop table second;\n"
        "drop index concurrently if exists first_i_key;\ncreate unique index concurrently first_i_key on first (i);\n"
    )
    with pytest.raises(schema.MigrationFailed, match="0002_index failed to apply: could not create unique index"):
        schema.apply(empty_database_url, folder=own)
    assert indexes(empty_database_url) == {"first_i_key": False}
    assert schema.to_apply(empty_database_url, folder=own) == ["0002_index"]

    run(empty_database_url, "delete from first where ctid = '(0,1)'")

    assert schema.apply(empty_database_url, folder=own) == ["0002_index"]
    assert indexes(empty_database_url) == {"first_i_key": True}


def test_a_concurrent_index_is_built_while_other_instances_wait_for_the_lock(
    empty_database_url: str, own: Path
) -> None:
    """The build waits for all older snapshots, so instances that wait for the lock must hold none."""
    url = empty_database_url
    schema.apply(url, folder=own)
    (own / "0002_index.sql").write_text(
        "-- transactional: false\nset lock_timeout = '60s';\ncreate index concurrently i on first (i);\n"
    )
    command = [sys.executable, "-c", APPLY, url, str(own)]
    with psycopg.connect(url) as writer:
        writer.execute("insert into first values (2)")
        builder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        wait_for(url, "wait_event_type = 'Lock' and query ilike '%index concurrently%'", 1)
        waiting = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        wait_for(url, "query ilike '%advisory_lock%'", len(waiting))
        writer.commit()
    answers = [process.communicate(timeout=PATIENCE_S)[0].split() for process in (builder, *waiting)]
    assert answers == [["0002_index"], [], []]
    assert indexes(url) == {"i": True}


@pytest.mark.parametrize("edit", ["-- a comment\n", " ", "alter table movies add column rating text;\n"])
def test_an_edited_file_of_an_applied_migration_is_refused(database_url: str, folder: Path, edit: str) -> None:
    file = folder / "0003_idempotency.sql"
    schema.require_current(database_url, folder=folder)
    original = file.read_bytes()
    file.write_bytes(original + edit.encode())
    (folder / "9999_new.sql").write_text("create table new (i int);\n")

    told = re.escape(f"{file} was edited after it was applied") + ".* --accept-edited 0003_idempotency"
    with pytest.raises(schema.MigrationEdited, match=told):
        schema.apply(database_url, folder=folder)
    assert schema.status(database_url, folder=folder)[-1] == ("9999_new", "pending")
    (folder / "9999_new.sql").unlink()
    with pytest.raises(schema.MigrationEdited, match=told):
        schema.require_current(database_url, folder=folder)

    file.write_bytes(original)
    schema.require_current(database_url, folder=folder)


def test_an_accepted_edit_is_recorded(database_url: str, folder: Path) -> None:
    for name in ("0003_idempotency", "0005_api_keys"):
        append(folder / f"{name}.sql", "-- edited\n")
    with pytest.raises(schema.MigrationEdited, match="0005_api_keys"):
        schema.apply(database_url, folder=folder, accept_edited=["0003_idempotency"])
    for name in ("0003_idempotency", "0001_booking", "9999_unknown"):
        with pytest.raises(SchemaError, match=f"no migration {name} that was edited"):
            schema.apply(database_url, folder=folder, accept_edited=[name])
    assert schema.apply(database_url, folder=folder, accept_edited=["0005_api_keys"]) == []
    schema.require_current(database_url, folder=folder)


def test_a_database_without_checksums_records_the_files_as_they_are(
    empty_database_url: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    late = [path for path in folder.iterdir() if path.name >= "0009"]
    aside = folder / "later"
    aside.mkdir()
    for path in late:
        path.rename(aside / path.name)
    applied = schema.apply(empty_database_url, folder=folder)
    append(folder / "0001_booking.sql", "-- edited before checksums were recorded\n")
    schema.require_current(empty_database_url, folder=folder)
    assert caplog.messages == []
    for path in late:
        (aside / path.name).rename(path)

    schema.apply(empty_database_url, folder=folder)

    assert caplog.messages[-1].endswith(f"their files are taken as they are: {', '.join(applied)}")
    caplog.clear()
    schema.require_current(empty_database_url, folder=folder)
    append(folder / "0001_booking.sql", "-- edited after\n")
    with pytest.raises(schema.MigrationEdited):
        schema.apply(empty_database_url, folder=folder)
    assert caplog.messages == []


def test_a_new_database_records_every_file(empty_database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    applied = schema.apply(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        rows = connection.execute("select migration_id from migration_files order by 1").fetchall()
    assert [row[0] for row in rows] == applied
    assert caplog.messages == []


def test_a_file_may_be_edited_after_its_rollback(database_url: str, folder: Path) -> None:
    for kind in ("", "-- transactional: false\n"):
        (folder / "9999_new.sql").write_text(f"{kind}create table new (i int);\n")
        (folder / "9999_new.rollback.sql").write_text(f"{kind}drop table new;\n")
        assert schema.apply(database_url, folder=folder) == ["9999_new"]
        assert schema.rollback(database_url, 1, folder=folder) == ["9999_new"]


def test_a_rollback_makes_guests_accounts_without_a_login(database_url: str) -> None:
    guest = "insert into users (name, guest_email, password_hash, role) values ('G', 'g@example.com', '!', 'guest')"
    run(database_url, f"{guest}; {guest}")
    schema.rollback(database_url, len([path for path in FORWARD if path.stem >= "0021"]))
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("select name, email, password_hash, role from users order by id").fetchall()
    assert rows == [("G", f"guest-{number}@guest.invalid", "!", "user") for number in (1, 2)]


def test_commands_refuse_an_edited_migration_until_it_is_accepted(database_url: str, redis_url: str) -> None:
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET}
    printed = CliRunner().invoke(commands, ["schema"], env=environ, catch_exceptions=False)
    assert printed.stdout == (sql_dir() / "schema.sql").read_text()
    run(database_url, "update migration_files set sha256 = sha256(sha256) where migration_id = '0001_booking'")
    port = ["--port", str(free_port())]
    for command in (["migrate"], ["schema"], ["serve", "--no-migrate", *port], ["serve", *port]):
        refused = CliRunner().invoke(commands, command, env=environ)
        assert isinstance(refused.exception, schema.MigrationEdited), command
    accepted = CliRunner().invoke(commands, ["migrate", "--accept-edited", "0001_booking"], env=environ)
    assert accepted.stdout == "nothing to do\n"
    schema.require_current(database_url)


def test_a_login_without_select_on_the_migration_tables_is_an_error_that_names_the_grant(database_url: str) -> None:
    reader = f"reader_of_{urlsplit(database_url).path[1:]}"
    url = urlunsplit(
        urlsplit(database_url)._replace(netloc=f"{reader}:a@{urlsplit(database_url).netloc.split('@')[1]}")
    )
    run(database_url, f"create role {reader} login password 'a'")
    try:
        for table in ("_yoyo_migration", "migration_files"):
            with pytest.raises(SchemaError, match=f"^permission denied for table {table}: grant it select"):
                schema.require_current(url)
            run(database_url, f"grant select on {table} to {reader}")
        schema.require_current(url)
    finally:
        run(database_url, f"drop owned by {reader}")
        run(database_url, f"drop role {reader}")
