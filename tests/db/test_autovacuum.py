"""A migration gets its locks although autovacuum works on one of the tables, which may take minutes."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from reservation.db import migrations as schema
from reservation.db.migrations.autovacuum import Autovacuum
from tests.db.test_migrations import FILES
from tests.db.test_seats_migration import CINEMA

PATIENCE_S = 120
# Autovacuum finds the dead rows at once, and then needs minutes for them.
SLOW = """
alter table reservations set (
    autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1
)
"""
BY_HAND = "-c vacuum_cost_delay=100 -c vacuum_cost_limit=1"
HISTORY = """
insert into reservations (id, user_id, showtime_id, status, total_price, expires_at, seat_ids, row_labels,
seat_numbers, prices)
select gen_random_uuid(), 1, 1 + n % 3, 'held', 20, now() + interval '1 minute', '{1}', '{A}', '{1}', '{20}'
from generate_series(1, 3000) as n;
update reservations set total_price = 21;
"""
AT_WORK = """
select v.pid from pg_stat_progress_vacuum as v inner join pg_stat_activity as a on v.pid = a.pid
where a.backend_type = %s and v.datname = current_database() and v.relid = 'reservations'::regclass
"""


@contextmanager
def vacuumed_often(connection: psycopg.Connection) -> Iterator[None]:
    """Autovacuum looks at each database once a second."""
    connection.execute("alter system set autovacuum_naptime = '1s'")
    connection.execute("select pg_reload_conf()")
    try:
        yield
    finally:
        connection.execute("alter system reset autovacuum_naptime")
        connection.execute("select pg_reload_conf()")


def wait_for_vacuum(connection: psycopg.Connection, backend_type: str) -> int:
    """Wait until one works on reservations; gives its process."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := connection.execute(AT_WORK, [backend_type]).fetchone()):
        assert time.monotonic() < deadline, "it did not begin"
        time.sleep(0.05)
    return int(found[0])


def fill(connection: psycopg.Connection) -> None:
    """Some rows to vacuum."""
    connection.execute(CINEMA.encode())
    connection.execute(HISTORY)


def test_a_migration_interrupts_autovacuum_and_gets_its_locks(
    empty_database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in FILES:
        if path.name < "0060":
            shutil.copy(path, tmp_path)
    schema.apply(empty_database_url, folder=tmp_path)
    for path in FILES:
        if path.name.startswith("0060"):
            shutil.copy(path, tmp_path)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(SLOW)
        fill(connection)
        with vacuumed_often(connection):
            wait_for_vacuum(connection, "autovacuum worker")
        assert schema.apply(empty_database_url, folder=tmp_path) == ["0060_payment_showtimes"]
    assert "waited for the end of VACUUM or ANALYZE of public.reservations" in caplog.text


def test_a_vacuum_by_hand_goes_on(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        fill(connection)
        by_hand = psycopg.connect(database_url, autocommit=True, options=BY_HAND)
        thread = threading.Thread(target=_vacuum, args=(by_hand,))
        thread.start()
        pid = wait_for_vacuum(connection, "client backend")
        connection.execute("set deadlock_timeout = '50ms'")
        autovacuum = Autovacuum(connection)
        assert not autovacuum.interrupt()
        assert caplog.text.count("of public.reservations goes on") == 1
        assert not autovacuum.interrupt()  # at once
        assert caplog.text.count("of public.reservations goes on") == 1
        assert wait_for_vacuum(connection, "client backend") == pid
        by_hand.cancel_safe()
        thread.join()
        by_hand.close()


def _vacuum(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled, match="user request"):
        connection.execute("vacuum reservations")


def test_tables_whose_names_need_quotes_are_found(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection, psycopg.connect(database_url) as other:
        connection.execute('create schema "An Odd.Name"')
        connection.execute('set search_path to "An Odd.Name"')
        connection.execute("set deadlock_timeout = '50ms'")
        connection.execute('create table "A Table" ()')
        other.execute('lock table "An Odd.Name"."A Table" in share update exclusive mode')
        assert not Autovacuum(connection).interrupt()
    assert 'of "An Odd.Name"."A Table" goes on' in caplog.text
