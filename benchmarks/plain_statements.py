"""python -m benchmarks.plain_statements [--cycles N]: batches of one beside plain statements in a transaction.

Both hold and confirm two seats of one showtime, in turn, on connections with the service's settings: the service's
statements in batches of one, and what one would write without batches: a statement for each lock, check and insert. The
plain ones leave out ticket types, limits, payments and keys. Prints the CPU time of the backend and of this process.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

import asyncpg
import click

from reservation.db.pool import Connection, Database
from reservation.db.pool_options import pool_options
from reservation.db.reservation_ids import new_reservation_id
from reservation.holds.map_versions import MapVersions
from reservation.seatmap.layouts import Layouts
from reservation.seatmap.ticket_types import TicketTypes
from reservation.settings import Settings

from .bench import say
from .proc import own_cpu_s
from .records import BenchmarkFailed
from .scenarios.statements import ABREAST, SEATS_A_HOLD, Backend, free_seats, hold
from .stand import running_stand
from .templates import empty_template
from .versions import ROOT
from .walks import Walk

TURNS = 7
LOCK_SHOWTIME = "select layout_version, starts_at > now() from showtimes where id = $1 for key share"
BOOKED = "select seat_id from booked_seats where showtime_id = $1 and seat_id = any($2)"
INSERT = """
    insert into reservations (
        id, user_id, showtime_id, total_price, expires_at, seat_ids, row_labels, seat_numbers, prices, code
    )
    values ($1, $2, $3, $4::text::numeric, now() + interval '10 minutes', $5, $6, $7, $8::text[]::numeric[], $9)
    returning created_at, expires_at
"""
TELL = "insert into outbox (type, reservation_id) values ($1, $2)"
LOCK = "select status, seat_ids, showtime_id from reservations where id = $1 and user_id = $2 for no key update"
CLAIM = """
    insert into booked_seats (showtime_id, seat_id, reservation_id) select $1, unnest($2::bigint[]), $3
    on conflict (showtime_id, seat_id) do nothing returning seat_id
"""
CONFIRM = """
    update reservations set status = 'confirmed', confirmed_at = now() where id = $1 and expires_at > clock_timestamp()
    returning total_price, code, row_labels, seat_numbers, prices
"""
Seats = Iterator[tuple[int, Sequence[int]]]


class Cost(NamedTuple):
    """Microseconds of CPU a hold and its confirm."""

    postgresql: float
    client: float


async def plain(backend: Backend, show: int, seats: Sequence[int]) -> None:
    """Hold and confirm by plain statements."""
    conn, layout = backend.conn, backend.layouts.known(show) or await backend.layouts.load(show)
    if layout is None:
        raise BenchmarkFailed(f"there is no showtime {show}")
    reservation_id, user_id = new_reservation_id(show), backend.user_ids[show % len(backend.user_ids)]
    found = layout.room.seats_at([layout.room.places[seat] for seat in seats])
    async with conn.transaction():
        await conn.fetchrow(LOCK_SHOWTIME, show)
        await conn.fetch(BOOKED, show, seats)
        labels, numbers, prices = zip(*[(each.row_label, each.seat_number, each.price) for each in found], strict=True)
        total, code = "20.00", reservation_id.hex[-8:].upper()
        await conn.fetchrow(INSERT, reservation_id, user_id, show, total, seats, labels, numbers, prices, code)
        await conn.execute(TELL, "reservation.held", reservation_id)
    async with conn.transaction():
        await conn.fetchrow(LOCK, reservation_id, user_id)
        await conn.fetchrow(LOCK_SHOWTIME, show)
        await conn.fetch(CLAIM, show, seats, reservation_id)
        await conn.fetchrow(CONFIRM, reservation_id)
        await conn.execute(TELL, "reservation.confirmed", reservation_id)


async def batch_of_one(backend: Backend, show: int, seats: Sequence[int]) -> None:
    """Hold and confirm by the service's statements."""
    await backend.confirm(await hold(backend, [(show, seats)]))


async def measure(settings: Settings, walk: Walk, cycles: int) -> None:
    """Take turns, and print the medians."""
    seats: Seats = free_seats(walk.seats, abreast=ABREAST, seats_a_hold=SEATS_A_HOLD)
    ways = {"plain statements": plain, "batches of one": batch_of_one}
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    async with asyncpg.create_pool(**pool_options(settings) | {"min_size": 2, "max_size": 2}) as pool:
        database = Database(pool, wait_s=60)
        layouts = Layouts(database, TicketTypes(database), MapVersions())
        async with pool.acquire() as conn:
            backend = await _backend(conn, walk, layouts)
            for _ in range(TURNS):
                for name, way in ways.items():
                    before = own_cpu_s(backend.pid), time.process_time()
                    for show, wanted in islice(seats, cycles):
                        await way(backend, show, wanted)
                    after = own_cpu_s(backend.pid), time.process_time()
                    costs[name].append(Cost(*[(b - a) / cycles * 1e6 for a, b in zip(before, after, strict=True)]))
    for name, found in costs.items():
        turns = found[1:]  # the first one prepares the statements and reads the layouts
        say(
            f"{name:18} PostgreSQL {median(each.postgresql for each in turns):6.0f} us a cycle, "
            f"this process {median(each.client for each in turns):6.0f} us"
        )


async def _backend(conn: Connection, walk: Walk, layouts: Layouts) -> Backend:
    return Backend(conn, await conn.fetchval("select pg_backend_pid()"), list(walk.tokens_by_user()), layouts)


@click.command()
@click.option("--cycles", type=click.IntRange(1), default=800, show_default=True, help="Of each turn.")
@click.option("--data-dir", type=click.Path(path_type=Path), default=ROOT / ".data" / "bench")
def main(cycles: int, data_dir: Path) -> None:
    """Measure and print."""
    with running_stand(data_dir) as stand:
        walk = Walk(stand, stand.database("bench_plain", empty_template(stand)), SEATS_A_HOLD, ABREAST)
        url, redis_url = stand.database_url(walk.database), stand.redis_url(0)
        settings = Settings.from_env(stand.settings(database_url=url, redis_url=redis_url))
        asyncio.run(measure(settings, walk, cycles))


if __name__ == "__main__":
    main()
