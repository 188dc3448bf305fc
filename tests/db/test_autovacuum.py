"""A migration gets its locks although autovacuum works on one of the tables, which may take minutes."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from reservation.db import autovacuum, migrations as schema
from reservation.embedded import Embedded
from tests.db.test_migrations import FILES
from tests.db.test_seats_migration import CINEMA

PATIENCE_S = 120
# Autovacuum finds the dead rows at once, and then needs hours for them.
SLOW = """
alter table reservations set (
    autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1
)
"""
HISTORY = """
insert into reservations (id, user_id, showtime_id, status, total_price, expires_at, seat_ids, row_labels,
seat_numbers, prices)
select gen_random_uuid(), 1, 1 + n % 3, 'held', 20, now() + interval '1 minute', '{1}', '{A}', '{1}', '{20}'
from generate_series(1, 3000) as n;
update reservations set total_price = 21;
"""
AT_WORK = """
select count(*) from pg_stat_progress_vacuum as v inner join pg_stat_activity as a on v.pid = a.pid
where a.backend_type = 'autovacuum worker' and v.datname = current_database() and v.relid = 'reservations'::regclass
"""


@pytest.fixture
def often(servers: Embedded) -> Iterator[None]:
    """Autovacuum looks at a database each second."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("alter system set autovacuum_naptime = '1s'")
        connection.execute("select pg_reload_conf()")
        yield
        connection.execute("alter system reset autovacuum_naptime")
        connection.execute("select pg_reload_conf()")


@contextmanager
def vacuumed(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection, while autovacuum works on reservations."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(CINEMA.encode())
        connection.execute(SLOW)
        connection.execute(HISTORY)
        deadline = time.monotonic() + PATIENCE_S
        while connection.execute(AT_WORK).fetchone() == (0,):
            assert time.monotonic() < deadline, "autovacuum did not begin"
            time.sleep(0.05)
        yield connection


@pytest.mark.usefixtures("often")
def test_a_migration_that_waits_for_autovacuum_interrupts_it(
    empty_database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in FILES:
        if path.name < "0060":
            shutil.copy(path, tmp_path)
    schema.apply(empty_database_url, folder=tmp_path)
    for path in FILES:
        if path.name.startswith("0060"):
            shutil.copy(path, tmp_path)
    with vacuumed(empty_database_url):
        assert schema.apply(empty_database_url, folder=tmp_path) == ["0060_payment_showtimes"]
    assert "autovacuum of reservations was interrupted" in caplog.text


def test_a_vacuum_by_hand_goes_on(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autovacuum, "WAIT", "select set_config('lock_timeout', '200ms', true)")
    with psycopg.connect(database_url, autocommit=True) as connection, psycopg.connect(database_url) as other:
        other.execute("lock table reservations in share update exclusive mode")
        assert autovacuum.interrupt_autovacuum(connection) == []
        other.execute("select 1")
