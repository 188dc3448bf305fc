"""Stored plans: every statement of the service has one and is as stored, and a change is told so that it can be read.

Here at a thousand reservations; `make plans` does the same at a million.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from psycopg import sql as psql

from reservation.commands import main as cli
from reservation.commands.sql import NoStatistics
from reservation.db import statements as queries
from reservation.dba import stored_plans as plans
from reservation.dba.buffer_bounds import Bound, bounds, touched
from reservation.dba.explain import CannotExplain
from reservation.dba.stored_plans import Line
from reservation.embedded import Embedded
from reservation.seed import plan_volume
from reservation.seed.scale import SeedError
from tests.api import Connection
from tests.conftest import cloned
from tests.dba.test_sql_command import Run, runs_on

STORED_FOR = 18  # other versions of PostgreSQL plan otherwise
THOUSAND = plan_volume.VOLUMES[-1]
FREE = "reservations/free_seats"


@pytest.fixture(scope="module")
def volume_url(servers: Embedded) -> Iterator[str]:
    """A database of a thousand reservations, with nobody but these tests at work in it."""
    with cloned(servers) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            if connection.info.server_version // 10_000 != STORED_FOR:
                pytest.skip(f"plans are stored for PostgreSQL {STORED_FOR}")
            connection.execute("create extension pg_stat_statements")
            tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
            for (table,) in tables:
                off = psql.SQL("alter table {} set (autovacuum_enabled = off)")
                connection.execute(off.format(psql.Identifier(table)))
        asyncio.run(plan_volume.fill(url, THOUSAND))
        yield url


@pytest.fixture
def changeable_url(servers: Embedded, volume_url: str) -> Iterator[str]:
    """A copy of it for this test alone."""
    with cloned(servers, template=volume_url.rpartition("/")[2]) as url:
        yield url


@pytest.fixture
def own_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another folder to store plans in, with nothing in it but one bound."""
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "buffer_bounds.txt").write_text("# what for\nmovies/find_movie 1 100 # so many\n\n")
    monkeypatch.setattr(plans, "plans_dir", lambda: folder)
    return folder


def compared(run: Run, *words: str) -> Result:
    return run("sql", "plans", "--volume", THOUSAND.name, *words)


def changes(told: str, sign: str) -> list[str]:
    """The lines of a difference that are gone, or new, without the names of what is compared."""
    return [line for line in told.splitlines() if line.startswith(sign) and not line.startswith(sign * 3)]


def test_every_plan_is_as_stored_and_the_hot_path_within_its_bounds(volume_url: str) -> None:
    for _ in range(2):  # having looked at them changes nothing
        result = compared(runs_on(volume_url))
        print(result.stdout)
        assert result.exit_code == 0, result.stdout
        assert f"sql plans: {len(plans.planned())} plans are as stored, 0 changed" in result.stdout


@pytest.mark.parametrize("volume", [volume.name for volume in plan_volume.VOLUMES])
def test_every_statement_of_the_service_has_a_stored_plan(volume: str) -> None:
    folder = plans.plans_dir() / volume
    stored = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob("*/*.txt")}
    assert stored == set(plans.planned())
    assert {"reservations/confirm", "audit/unbacked_holds"} <= stored
    assert not stored & {"audit/wrong_totals", "schema/tables", "seed/analyze", "statistics/top"}


@pytest.mark.parametrize("volume", [volume.name for volume in plan_volume.VOLUMES])
def test_no_stored_plan_reads_a_table_in_sequence(volume: str) -> None:
    texts = {path.stem: path.read_text() for path in (plans.plans_dir() / volume).glob("*/*.txt")}
    assert [name for name, plan in texts.items() if "Seq Scan" in plan] == ["applied_migrations"]


def test_bounds_are_of_statements_with_a_plan() -> None:
    stated = bounds(plans.hot_path_file())
    assert {bound.name for bound in stated} <= set(plans.planned())
    assert len({(bound.name, bound.size) for bound in stated}) == len(stated) > 20


def test_a_dropped_index_is_told(changeable_url: str) -> None:
    with psycopg.connect(changeable_url, autocommit=True) as connection:
        connection.execute("drop index booked_seats_reservation_id_idx")

    result = compared(runs_on(changeable_url), FREE)

    print(result.stdout)
    assert result.exit_code == 1
    assert result.stdout.startswith(f"--- {FREE} as stored\n+++ {FREE} now\n")
    assert any("Scan using booked_seats_reservation_id_idx" in line for line in changes(result.stdout, "-"))
    assert any("Seq Scan on booked_seats" in line for line in changes(result.stdout, "+"))
    assert "sql plans: 0 plans are as stored, 1 changed" in result.stdout


def test_a_database_of_something_else_is_left_alone(seeded_database_url: str) -> None:
    result = compared(runs_on(seeded_database_url))

    assert result.exit_code == 1
    assert str(result.exception).startswith("this database was not filled by `reservation seed plans`")


def test_a_changed_statement_is_told(volume_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_serving", {})  # what SQL_DIR brings is for this test alone
    name = "reservations/find_reservation"
    path = tmp_path / f"{name}.sql"
    path.parent.mkdir()
    right = queries.sql(name)
    assert "r.id = $1" in right
    path.write_text(right.replace("r.id = $1", "r.id::text = $1::uuid::text"))

    result = compared(runs_on(volume_url, SQL_DIR=str(tmp_path)), name, "movies/find_movie")

    assert result.exit_code == 1
    [gone] = [line for line in changes(result.stdout, "-") if "reservations r" in line]
    [come] = [line for line in changes(result.stdout, "+") if "reservations r" in line]
    assert "(id = $1)" in gone
    assert "(id = $1)" not in come
    assert "sql plans: 1 plans are as stored, 1 changed" in result.stdout


def test_accepted_plans_are_stored(volume_url: str, own_plans: Path) -> None:
    run = runs_on(volume_url)
    left_over = own_plans / THOUSAND.name / "movies" / "find_film.txt"
    left_over.parent.mkdir(parents=True)
    left_over.write_text("buffers up to 4\n")

    first = compared(run)
    assert first.exit_code == 1
    assert f"{left_over}: there is no such statement any more" in first.stdout
    assert compared(run, "--accept").exit_code == 0

    assert not left_over.exists()
    assert (left_over.parent / "find_movie.txt").read_text() == (
        "buffers up to 4\n             1  Index Scan using movies_pkey on movies by (id = $1)\n"
    )
    told = json.loads(compared(run, "--json").stdout)
    assert (told["changed"], told["without_statement"], told["as_stored"]) == ({}, [], plans.planned())
    [hot] = told["hot_path"]
    assert (hot["name"], hot["size"], hot["at_most"]) == ("movies/find_movie", 1, 100)
    assert 1 <= hot["buffers"] <= 4


def test_more_buffers_than_stated_fail_even_where_plans_are_accepted(volume_url: str, own_plans: Path) -> None:
    (own_plans / "buffer_bounds.txt").write_text("reservations/confirm 64 100\n")

    result = compared(runs_on(volume_url), "--accept")

    assert result.exit_code == 1
    [line] = [line for line in result.stdout.splitlines() if line.startswith("reservations/confirm ")]
    assert line.split()[1] == "64"
    assert int(line.split()[2].replace(",", "")) > 64 * 10
    assert line.endswith(" 100  too many")


def test_without_the_extension_nothing_is_counted(changeable_url: str) -> None:
    with psycopg.connect(changeable_url, autocommit=True) as connection:
        connection.execute("drop extension pg_stat_statements")

    assert isinstance(compared(runs_on(changeable_url)).exception, NoStatistics)
    assert compared(runs_on(changeable_url), "movies/find_movie").exit_code == 0


def test_statements_without_a_stored_plan_are_refused(shared_database_url: str) -> None:
    result = compared(runs_on(shared_database_url), "audit/wrong_totals")

    assert result.exit_code == 2
    assert "audit/wrong_totals is none of the service's" in result.stderr


def test_only_an_empty_database_is_filled(seeded_database_url: str) -> None:
    result = runs_on(seeded_database_url)("seed", "plans", "--volume", "thousand")

    assert isinstance(result.exception, SeedError)
    assert isinstance(result.exception, cli.EXPECTED)
    assert "there are accounts in this database" in str(result.exception)


async def test_a_sample_that_is_not_of_many_things_stays_what_it_is(shared_db: Connection) -> None:
    with pytest.raises(CannotExplain, match=r"movies/find_movie is not of 16 things, and cannot be made one of 64"):
        await touched(shared_db, Bound("movies/find_movie", 64, 100))


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
def test_rows_are_told_by_powers_of_ten_that_stay_while_they_are_near(rows: int, stored: int | None, now: int) -> None:
    assert Line("Seq Scan", rows).round(stored) == now


@pytest.mark.parametrize(
    ("buffers", "stored", "now"),
    [(0, None, 1), (64, None, 64), (65, None, 128), (65, 64, 64), (82, 64, 128), (60, 128, 128), (50, 128, 64)],
)
def test_buffers_are_told_by_powers_of_two_that_stay_while_they_are_near(
    buffers: int, stored: int | None, now: int
) -> None:
    assert Line(plans.BUFFERS, buffers, is_buffers=True).round(stored) == now


def test_numbers_of_another_node_are_nothing_to_go_by() -> None:
    line = Line("Sort", 4)
    assert line.stored_number(line.written(1)) == 1
    assert line.stored_number(Line("Hash", 4).written(1)) is None
