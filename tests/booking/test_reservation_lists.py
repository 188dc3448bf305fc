"""GET /reservations of an account with a long history: what a page reads is limited, whatever the filter."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reservation.db.pool_options import pool_options
from reservation.db.repository import reservation_lists
from reservation.db.repository.reservation_lists import MAX_ROWS_READ
from reservation.db.statements import sql
from tests.api import Api, Cinema, Connection, Person
from tests.conftest import make_settings

HISTORY = 30 * MAX_ROWS_READ
LONG_AGO = "now() - interval '20 days'"
STATUSES = ("held", "confirmed", "cancelled", "expired")


async def add_history(db: Connection, cinema: Cinema, who: Person, count: int) -> None:
    """Confirmed reservations of one seat each, one a second, the newest of them 20 days ago."""
    await db.execute(
        f"""
        insert into reservations
        (id, user_id, showtime_id, status, total_price, created_at, expires_at, confirmed_at,
        seat_ids, row_labels, seat_numbers, prices)
        select gen_random_uuid(), $1, $2, 'confirmed', 10, {LONG_AGO} - n * interval '1 second', {LONG_AGO}, now(),
        array[$3::bigint], '{{A}}', '{{1}}', '{{10}}'
        from generate_series(1, $4::integer) as n
        """,
        who.id,
        cinema.showtime_id,
        cinema.seat_ids[0],
        count,
    )


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan and all that is below it."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


@pytest.fixture
async def history(api: Api, db: Connection, database_url: str, tmp_path: Path) -> Person:
    """An account whose history the planner knows; `db` has the settings of the service's connections."""
    cinema, who = await api.cinema(), await api.sign_up()
    await add_history(db, cinema, who, HISTORY)
    await db.execute(
        "insert into archived_reservations (id, user_id, showtime_id, status, total_price, created_at, expires_at,"
        " seat_ids, row_labels, seat_numbers, prices)"
        " select gen_random_uuid(), $1, $2, 'confirmed', 10, now() - interval '900 days' - n * interval '1 second',"
        " now(), '{1}', '{A}', '{1}', '{10}' from generate_series(1, $3::integer) as n",
        who.id,
        cinema.showtime_id,
        HISTORY,
    )
    await db.execute("vacuum analyze reservations, archived_reservations")
    options = pool_options(make_settings(database_url, "redis://127.0.0.1", tmp_path))
    for name, value in options["server_settings"].items():
        await db.execute("select set_config($1, $2, false)", name, value)
    return who


async def test_a_page_of_a_long_history_reads_a_limited_number_of_blocks(history: Person, db: Connection) -> None:
    await db.execute(f"prepare list as {sql('reservations/list_reservations')}")
    for status in (None, *STATUSES):
        read_limit = 51 if status is None else MAX_ROWS_READ
        wanted = "null" if status is None else f"'{status}'"
        [explained] = json.loads(
            await db.fetchval(
                "explain (analyze, buffers, format json)"
                f" execute list({history.id}, now(), gen_random_uuid(), {wanted}, 51, {read_limit})"
            )
        )

        plan = explained["Plan"]
        limits = [node for node in nodes(plan) if node["Node Type"] == "Limit"]
        assert len(limits) == 5
        below = {node["Node Type"] for limit in limits for node in nodes(limit)}
        assert not below & {"Sort", "Incremental Sort", "Bitmap Heap Scan", "Seq Scan"}, below
        scans = {
            node["Index Name"]: node["Actual Rows"]
            for limit in limits
            for node in nodes(limit)
            if node["Node Type"] == "Index Scan"
        }
        assert set(scans) == {
            *("reservations_user_id_idx", "archived_reservations_user_id_idx"),
            *(
                "showtimes_pkey",
                "movies_pkey",
                "auditoriums_pkey",
                "cinemas_pkey",
            ),  # one row of each for each reservation of the page
        }
        assert max(scans.values()) <= read_limit
        # Each row read is at most a block of the table; beside these, the index and the seats of 51 rows.
        blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        assert blocks <= read_limit + 51 * 10 + 50, (status, blocks)


async def test_live_holds_are_listed_without_reading_what_is_older_than_any_hold(
    api: Api, history: Person, db: Connection
) -> None:
    cinema = await api.cinema()
    held = await api.hold(history, cinema.showtime_id, cinema.seat_ids[:2])

    page = await reservation_lists.list_reservations(
        db,
        user_id=history.id,
        before=await db.fetchval("select now() + interval '1 hour'"),
        before_id=await db.fetchval("select gen_random_uuid()"),
        status="held",
        page_size=50,
    )

    assert [str(reservation.id) for reservation in page.reservations] == [held.json["id"]]
    assert page.next_key is None


async def test_every_page_of_a_rare_status_is_reached_by_its_cursor(api: Api, db: Connection) -> None:
    """Pages before it may be empty; no reservation is missing, and none is listed twice."""
    cinema, who = await api.cinema(), await api.sign_up()
    await add_history(db, cinema, who, 2 * MAX_ROWS_READ + 500)
    # At the ends of the pages and in the middle: by age, from 1.
    ages = [1, MAX_ROWS_READ, MAX_ROWS_READ + 1, 2 * MAX_ROWS_READ + 200, 2 * MAX_ROWS_READ + 500]
    rows = await db.fetch("select id from reservations order by created_at desc, id desc")
    rare = [str(rows[age - 1]["id"]) for age in ages]
    await db.execute("update reservations set status = 'cancelled', cancelled_at = now() where id = any($1)", rare)

    found, pages, path = [], 0, "/reservations?status=cancelled&limit=2"
    while path:
        answer = await api.call("GET", path, who=who)
        assert answer.status == 200, answer.text
        found += [item["id"] for item in answer.json["items"]]
        pages += 1
        cursor = answer.json["next_cursor"]
        path = f"/reservations?status=cancelled&limit=2&cursor={cursor}" if cursor else ""

    assert found == rare
    assert pages <= 4
