"""A page of 50 of 20,000 showtimes, with what is left of each, reads a bounded number of blocks."""

import json
from dataclasses import astuple
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from reservation.db.repository.showtimes import FAR_AHEAD, Span
from reservation.db.statements import sql
from tests.api import Connection

SHOWTIMES = 20_000
PAGE = 51  # one more shows whether there is another page
BLOCKS = 2000  # 310 to 1500 with the filters here; a look at what is left of each showtime to come would be 40,000

PROGRAMME = """
insert into movies (title, duration_minutes, genre) select 'Film ' || n, 100, 'Drama' from generate_series(1, 50) as n;
insert into auditoriums (name, capacity) select 'Room ' || n, 100 from generate_series(1, 100) as n;
insert into seats (auditorium_id, row_label, seat_number)
select a.id, 'A', n from auditoriums as a, generate_series(1, 10) as n;
insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
select n % 50 + 1, n % 100 + 1, starts_at, starts_at + interval '2 hours', starts_at + interval '2 hours', 5 + n % 17
from (select n, now() - interval '20 days' + n / 100 * interval '4 hours' as starts_at
from generate_series(1, 20000) as n) as slot;
insert into showtime_availability (showtime_id, taken, counted_at) select id, id % 11, now() from showtimes;
vacuum analyze;
"""
FROM_NOW = (*astuple(Span(None, 0, FAR_AHEAD, 0)), ["scheduled"], None)


@pytest.fixture
async def programme(db: Connection) -> Connection:
    for statement in PROGRAMME.split(";\n"):
        if statement.strip():
            await db.execute(statement)
    return db


async def explain(conn: Connection, name: str, *args: Any) -> tuple[int, float]:
    """The blocks that a statement reads, and its milliseconds."""
    text = await conn.fetchval(f"explain (analyze, buffers, format json) {sql(name)}", *args)
    [found] = json.loads(text)
    plan = found["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], found["Execution Time"]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("showtimes/list_showtimes", (*FROM_NOW, PAGE, None)),
        ("showtimes/list_showtimes", (*FROM_NOW, PAGE, 5)),
        ("showtimes/list_showtimes_of_rooms", (*FROM_NOW, None, 7, None, PAGE, 5)),
        ("showtimes/list_showtimes_of_films", (*FROM_NOW, 7, None, None, None, PAGE, 5)),
        (
            "showtimes/list_showtimes_by_price",
            (None, FAR_AHEAD, Decimal("0.00"), 0, ["scheduled"], None, None, None, None, None, 5, PAGE),
        ),
    ],
)
async def test_a_page_of_a_long_programme_reads_few_blocks(programme: Connection, name: str, args: Any) -> None:
    assert await programme.fetchval("select count(*) from showtimes where starts_at > $1", datetime.now(UTC)) > 5000
    blocks, ms = await explain(programme, name, *args)
    ids = [row["id"] for row in await programme.fetch(sql(name), *args)]
    assert len(ids) > 40
    left, left_ms = await explain(programme, "availability/find_availability", ids)
    print(f"{name}: {blocks} + {left} blocks, {ms:.2f} + {left_ms:.2f} ms")  # with -s
    assert blocks + left < BLOCKS
