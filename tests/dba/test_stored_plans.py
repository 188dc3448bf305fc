"""`reservation sql plans` shows changed plans and exceeded buffer bounds, here on a small database.

`make plans` compares the plans in sql/plans/ on a million reservations.
"""

import asyncio
import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import psycopg
import pytest
from psycopg import sql as psql

from reservation.commands.expected_errors import EXPECTED
from reservation.db import statements as queries
from reservation.db.repository.statistics import NoStatistics
from reservation.dba import stored_plans
from reservation.dba.buffer_bounds import Bound, bounds, touched_buffers
from reservation.dba.explain import CannotExplain
from reservation.dba.stored_plans import Line
from reservation.embedded import Embedded
from reservation.seed import plan_volume
from reservation.seed.scale import SeedError
from tests.api import Connection
from tests.conftest import cloned
from tests.dba.test_sql_command import runs_on

FREE = "reservations/free_seats"
SHIPPED_BOUNDS = stored_plans.BOUNDS_FILE


@pytest.fixture(scope="module")
def volume_url(servers: Embedded) -> Iterator[str]:
    """A database with a thousand reservations, which autovacuum leaves alone."""
    with cloned(servers) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create extension pg_stat_statements")
            tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
            for (table,) in tables:
                off = psql.SQL("alter table {} set (autovacuum_enabled = off)")
                connection.execute(off.format(psql.Identifier(table)))
        asyncio.run(plan_volume.fill(url, reservations=1_000, showtimes=500))
        yield url


@pytest.fixture
def changeable_url(servers: Embedded, volume_url: str) -> Iterator[str]:
    """A copy of it for this test alone."""
    with cloned(servers, template=volume_url.rpartition("/")[2]) as url:
        yield url


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to store plans in, and a file with one bound."""
    folder, limits = tmp_path / "plans", tmp_path / "buffer_bounds.txt"
    limits.write_text("# a comment\nmovies/find_movie 1 100 # another\n\n")
    monkeypatch.setattr(stored_plans, "PLANS_DIR", folder)
    monkeypatch.setattr(stored_plans, "BOUNDS_FILE", limits)
    return folder


def changes(difference: str, sign: str) -> list[str]:
    """The removed (-) or added (+) lines of a difference, without its two header lines."""
    return [line for line in difference.splitlines() if line.startswith(sign) and not line.startswith(sign * 3)]


def test_a_plan_without_its_dropped_index_is_reported(volume_url: str, changeable_url: str) -> None:
    assert runs_on(volume_url)("sql", "plans", "--accept", FREE).exit_code == 0
    with psycopg.connect(changeable_url, autocommit=True) as connection:
        connection.execute("alter table booked_seats drop constraint booked_seats_showtime_id_seat_id_key")

    result = runs_on(changeable_url)("sql", "plans", FREE)

    assert result.exit_code == 1
    assert result.stdout.startswith(f"--- {FREE} as stored\n+++ {FREE} now\n")
    assert any("Scan using booked_seats_showtime_id_seat_id_key" in line for line in changes(result.stdout, "-"))
    assert any("Seq Scan on booked_seats" in line for line in changes(result.stdout, "+"))
    assert "sql plans: 0 plans are as stored, 1 changed" in result.stdout


def test_a_plan_that_is_as_stored_after_another_analyze_is_named_and_does_not_fail(
    changeable_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runs_on(changeable_url)("sql", "plans", "--accept", FREE).exit_code == 0
    vacuum = plan_volume.vacuum
    constraint = "alter table booked_seats {} constraint booked_seats_showtime_id_seat_id_key"
    changes_between = cycle([constraint.format("drop"), constraint.format("add") + " unique (showtime_id, seat_id)"])

    async def change_and_vacuum(database_url: str) -> None:
        with psycopg.connect(changeable_url, autocommit=True) as connection:
            connection.execute(next(changes_between))
        await vacuum(database_url)

    monkeypatch.setattr(plan_volume, "vacuum", change_and_vacuum)
    result = runs_on(changeable_url)("sql", "plans", FREE)

    assert result.exit_code == 0, result.stdout
    assert result.stdout.splitlines() == [
        f"{FREE}: its plan differed, and is as stored after another REINDEX, VACUUM and ANALYZE",
        "sql plans: 1 plans are as stored, 0 changed",
    ]
    found = json.loads(runs_on(changeable_url)("sql", "plans", "--json", FREE).stdout)
    assert (found["changed"], found["as_stored"], found["stored_again"]) == ({}, [FREE], [FREE])


def test_a_changed_statement_is_reported(volume_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_statements", {})  # undoes what SQL_DIR brings
    names = ("reservations/find_reservation", "movies/find_movie")
    assert runs_on(volume_url)("sql", "plans", "--accept", *names).exit_code == 0
    path = tmp_path / "own" / f"{names[0]}.sql"
    path.parent.mkdir(parents=True)
    shipped = queries.sql(names[0])
    assert "id = $1" in shipped
    path.write_text(shipped.replace("id = $1", "id::text = $1::uuid::text"))

    result = runs_on(volume_url, SQL_DIR=str(tmp_path / "own"))("sql", "plans", *names)

    assert result.exit_code == 1
    [old] = [line for line in changes(result.stdout, "-") if "on reservations" in line]
    [new] = [line for line in changes(result.stdout, "+") if "on reservations" in line]
    assert "(id = $1)" in old
    assert "(id = $1)" not in new
    assert "sql plans: 1 plans are as stored, 1 changed" in result.stdout


def test_accepted_plans_are_as_stored_in_the_next_run(volume_url: str, folder: Path) -> None:
    run = runs_on(volume_url)
    left_over = folder / "movies" / "find_film.txt"
    left_over.parent.mkdir(parents=True)
    left_over.write_text("buffers up to 4\n")

    first = run("sql", "plans")
    assert first.exit_code == 1
    assert f"{left_over}: its statement does not exist any more" in first.stdout
    assert run("sql", "plans", "--accept").exit_code == 0

    assert not left_over.exists()
    assert (folder / "movies" / "find_movie.txt").read_text() == (
        "buffers up to 4\n             1  Index Scan using movies_pkey on movies by (id = $1)\n"
    )
    found = json.loads(run("sql", "plans", "--json").stdout)
    assert (found["changed"], found["without_statement"], found["as_stored"]) == ({}, [], stored_plans.planned())
    [counted] = found["buffer_bounds"]
    assert (counted["name"], counted["size"], counted["at_most"]) == ("movies/find_movie", 1, 100)
    assert 1 <= counted["buffers"] <= 4


def test_more_buffers_than_the_bound_fail_even_with_accept(volume_url: str, tmp_path: Path) -> None:
    (tmp_path / "buffer_bounds.txt").write_text("reservations/confirm 64 100\n")

    result = runs_on(volume_url)("sql", "plans", "--accept")

    assert result.exit_code == 1
    [line] = [line for line in result.stdout.splitlines() if line.startswith("reservations/confirm ")]
    assert line.split()[1] == "64"
    assert int(line.split()[2].replace(",", "")) > 64 * 10
    assert line.endswith(" 100  too many")


def test_the_shipped_bounds_hold_at_a_thousand_reservations(volume_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_plans, "BOUNDS_FILE", SHIPPED_BOUNDS)
    result = runs_on(volume_url)("sql", "plans", "--accept")
    assert result.exit_code == 0, result.stdout
    assert len(bounds(SHIPPED_BOUNDS)) > 20


def test_bounds_without_pg_stat_statements_are_refused(changeable_url: str) -> None:
    with psycopg.connect(changeable_url, autocommit=True) as connection:
        connection.execute("drop extension pg_stat_statements")

    assert isinstance(runs_on(changeable_url)("sql", "plans").exception, NoStatistics)
    assert runs_on(changeable_url)("sql", "plans", "--accept", "movies/find_movie").exit_code == 0


def test_a_database_with_other_data_is_refused(seeded_database_url: str) -> None:
    result = runs_on(seeded_database_url)("sql", "plans")

    assert result.exit_code == 1
    assert str(result.exception).startswith("this database was not filled by `reservation seed plans`")


def test_statements_that_the_service_does_not_run_are_refused(shared_database_url: str) -> None:
    result = runs_on(shared_database_url)("sql", "plans", "audit/wrong_totals")

    assert result.exit_code == 2
    assert "audit/wrong_totals has no stored plan" in result.stderr


def test_seed_plans_fills_only_an_empty_database(seeded_database_url: str) -> None:
    result = runs_on(seeded_database_url)("seed", "plans")

    assert isinstance(result.exception, SeedError)
    assert isinstance(result.exception, EXPECTED)
    assert "there are accounts in this database" in str(result.exception)


async def test_a_sample_that_is_no_batch_gets_no_other_size(shared_db: Connection) -> None:
    with pytest.raises(CannotExplain, match=r"movies/find_movie has no `limit 16` to replace with 64"):
        await touched_buffers(shared_db, Bound("movies/find_movie", 64, 100))


@pytest.mark.parametrize(
    ("rows", "stored", "now"),
    [
        (0, None, 1),
        (3, None, 1),
        (4, None, 10),
        (4, 1, 1),
        (6, 1, 10),
        (2, 10, 10),
        (1, 10, 1),
        (31_000, None, 10_000),
        (32_000, None, 100_000),
    ],
)
def test_rows_are_rounded_to_powers_of_ten_and_stay_near_the_stored(rows: int, stored: int | None, now: int) -> None:
    assert Line("Seq Scan", rows).round(stored) == now


@pytest.mark.parametrize(
    ("buffers", "stored", "now"),
    [(0, None, 1), (64, None, 64), (65, None, 128), (65, 64, 64), (82, 64, 128), (60, 128, 128), (50, 128, 64)],
)
def test_buffers_are_rounded_to_powers_of_two_and_stay_near_the_stored(
    buffers: int, stored: int | None, now: int
) -> None:
    assert Line(stored_plans.BUFFERS, buffers, is_buffers=True).round(stored) == now


def test_a_number_stored_for_another_node_is_not_used() -> None:
    line = Line("Sort", 4)
    assert line.stored_number(line.written(1)) == 1
    assert line.stored_number(Line("Hash", 4).written(1)) is None
