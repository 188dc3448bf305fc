"""Ten million reservations in plain tables and in monthly partitions: the cost of each, for benchmarks/NOTES.md.

    .venv/bin/python -m benchmarks.storage_layouts --data-dir FOLDER [--rows N]

It makes a throw-away cluster in the folder, of about 15 GB at ten million rows, and leaves it there for another run;
nothing in it is durable. `reservations` and `reservation_seats` are partitioned by id. `booked_seats` cannot be: a
unique constraint of a partitioned table must contain the column that it is partitioned by, and the one on (showtime,
seat) prevents selling a seat twice.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import click
import psycopg
from psycopg import sql as psql
from uuid_utils.compat import uuid7

from reservation.booking.archive import archive
from reservation.db import migrations as schema
from reservation.db.pool import Database
from reservation.db.pool_options import pool_options
from reservation.db.statements import sql
from reservation.embedded import embedded_servers
from reservation.settings import Settings

TABLES = ("reservations", "reservation_seats", "booked_seats")
LAYOUTS = ("plain", "partitioned")
DAYS = 395
ROOMS, SEATS_A_ROOM, USERS = 200, 200, 100_000
AHEAD = 5  # empty showtimes of each room, to sell
RUNS = 30
BATCH = 64

# Reservation number i: two seats, of one of a thousand showtimes that sell at the same time.
STAGE = f"""
insert into users (name, email, password_hash)
select 'U', 'u' || n || '@x.invalid', '!' from generate_series(1, {USERS}) as n;
insert into movies (title, duration_minutes) values ('Film', 100);
insert into auditoriums (name, capacity) select 'Room', {SEATS_A_ROOM} from generate_series(1, {ROOMS});
insert into seats (auditorium_id, row_label, seat_number)
select room, chr(65 + n / 20), n %% 20 + 1 from generate_series(1, {ROOMS}) as room, generate_series(0, 199) as n
order by 1, n;
insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
select 1, s %% {ROOMS} + 1, at, at + interval '1 hour', at + interval '1 hour', 10
from (select s, now() + interval '5 days' - interval '{DAYS} days' * ((%(shows)s - s)::float8 / %(shows)s) as at
from generate_series(0, %(shows)s - 1) as s) as shows;
insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price)
select 1, room, at, at + interval '1 hour', at + interval '1 hour', 10
from (select room, now() + n * interval '1 day' + interval '10 days' as at
from generate_series(1, {ROOMS}) as room, generate_series(1, {AHEAD}) as n) as shows;
"""  # noqa: S608 - our own numbers
MADE = f"""
create temporary table made on commit drop as
select
    (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(i::text), 1, 3)
    || '8' || substr(md5(i::text), 4, 15))::uuid as id,
    1 + abs(hashint8(i)) %% {USERS} as user_id,
    i / 100000 * 1000 + i %% 1000 + 1 as showtime_id,
    (i / 100000 * 1000 + i %% 1000) %% {ROOMS} * {SEATS_A_ROOM} + i / 1000 %% 100 * 2 + 1 as seat_id,
    case when i %% 20 < 15 then 'confirmed' when i %% 20 < 17 then 'cancelled' else 'held' end as status,
    at
from (
    select i, now() - interval '11 minutes' - interval '{DAYS} days' * ((%(rows)s - i)::float8 / %(rows)s) as at
    from generate_series(0, %(rows)s::bigint - 1) as i
) as numbered
"""  # noqa: S608 - likewise
FILL = (
    "insert into reservations (id, user_id, showtime_id, status, total_price, created_at, expires_at, confirmed_at, "
    "cancelled_at) select id, user_id, showtime_id, status, 20, at, at + interval '10 minutes', "
    "case status when 'confirmed' then at + interval '1 minute' end, "
    "case status when 'cancelled' then at + interval '1 minute' end from made order by id",
    "insert into reservation_seats (reservation_id, seat_id, price_at_booking) "
    "select id, seat_id + n, 10 from made, generate_series(0, 1) as n order by id",
    "insert into booked_seats (showtime_id, seat_id, reservation_id) "
    "select showtime_id, seat_id + n, id from made, generate_series(0, 1) as n where status = 'confirmed' order by id",
)


def say(line: str) -> None:
    """Print a line now, also into a pipe."""
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long something took."""
    began = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - began:.1f} s")


def boundary(moment: datetime) -> UUID:
    """The lowest UUIDv7 of an instant."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def months() -> list[tuple[str, UUID, UUID]]:
    """The partitions: a name and the bounds, from before the first reservation to two months ahead."""
    month = (datetime.now(UTC) - timedelta(days=DAYS + 31)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    made = []
    while month < datetime.now(UTC) + timedelta(days=62):
        after = (month + timedelta(days=32)).replace(day=1)
        made.append((f"{month:%Y_%m}", boundary(month), boundary(after)))
        month = after
    return made


def fill(url: str, layout: str, rows: int) -> None:
    """Make the layout and its data; rows are whole hundred thousands."""
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        run: Callable[..., Any] = connection.execute
        run("set work_mem = '256MB'; set maintenance_work_mem = '1GB'; set max_parallel_maintenance_workers = 2")
        with timed(f"{layout}: stage"):
            run(STAGE, {"shows": rows // 100})
        connection.commit()
        constraints = run(
            "select conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype from pg_constraint "
            "where conrelid = any(%s::regclass[]) and contype in ('p', 'u', 'f') "
            "order by contype <> 'p', contype = 'f'",
            [list(TABLES)],
        ).fetchall()
        indexes = run(
            "select pg_get_indexdef(indexrelid), indexrelid::regclass::text from pg_index as i "
            "where indrelid = any(%s::regclass[]) "
            "and not exists (select from pg_constraint where conindid = indexrelid and contype <> 'f')",
            [list(TABLES)],
        ).fetchall()
        # All in one transaction in which the tables are new: at wal_level minimal it writes no WAL.
        for table, name, _, _ in reversed(constraints):
            run(psql.SQL("alter table {} drop constraint {}").format(psql.Identifier(table), psql.Identifier(name)))
        for _, name in indexes:
            run(psql.SQL("drop index {}").format(psql.Identifier(name)))
        run("truncate reservations, reservation_seats, booked_seats")
        if layout == "partitioned":
            _partition(run)
        with timed(f"{layout}: numbers"):
            run(MADE, {"rows": rows})
        for table, statement in zip(TABLES, FILL, strict=True):
            with timed(f"{layout}: {table}"):
                run(statement)
        with timed(f"{layout}: indexes"):
            for definition, _ in indexes:
                run(definition)
            for table, name, definition, kind in constraints:
                late = " not valid" if kind == "f" else ""
                run(f'alter table {table} add constraint "{name}" {definition}{late}')
    with psycopg.connect(url, autocommit=True) as connection, timed(f"{layout}: vacuum"):
        connection.execute("vacuum (analyze, freeze)")


def _partition(run: Callable[..., Any]) -> None:
    for table, key in (("reservations", "id"), ("reservation_seats", "reservation_id")):
        run(f"alter table {table} rename to old_{table}")
        run(f"create table {table} (like old_{table} including all) partition by range ({key})")
        run(f"drop table old_{table}")
        for name, low, high in months():
            options = "with (fillfactor = 90)" if table == "reservations" else ""
            run(f"create table {table}_{name} partition of {table} for values from ('{low}') to ('{high}') {options}")


def sizes(url: str) -> None:
    """Print how large each table and its indexes are."""
    with psycopg.connect(url, autocommit=True) as connection:
        for table in TABLES:
            row = connection.execute(
                "select sum(pg_table_size(relid)), sum(pg_indexes_size(relid)) "
                "from (select %(table)s::regclass as relid "
                "union select inhrelid from pg_inherits where inhparent = %(table)s::regclass) as parts",
                {"table": table},
            ).fetchone()
            if row is not None:
                say(f"    {table}: heap {row[0] / 1_000_000:,.0f} MB, indexes {row[1] / 1_000_000:,.0f} MB")


def _buffers(plan: dict[str, Any]) -> int:
    top = plan["Plan"]
    return int(top["Shared Hit Blocks"]) + int(top["Shared Read Blocks"])


class Statement:
    """A statement of sql/, run with EXPLAIN under the plan that it has in the service."""

    def __init__(self, conn: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
        self._conn, self._name, self._text = conn, name.replace("/", "_"), sql(name)
        self.planning_ms: list[float] = []
        self.ms: list[float] = []
        self.buffers: list[int] = []

    async def run(self, *args: str) -> None:
        """Run it with literals, under a custom plan, and record its cost."""
        await self._conn.execute(f"prepare {self._name} as {self._text}")
        explain = f"explain (analyze, buffers, format json) execute {self._name}({', '.join(args)})"
        for again in (False, True):
            if again and self._name != "reservations_list_reservations":
                break
            [plan] = json.loads(await self._conn.fetchval(explain))
            if not again:
                self.planning_ms.append(plan["Planning Time"])
        self.ms.append(plan["Execution Time"])
        self.buffers.append(_buffers(plan))
        await self._conn.execute(f"deallocate {self._name}")

    def __str__(self) -> str:
        median = statistics.median
        planned = f"planned in {median(self.planning_ms):.1f} ms"
        return f"{median(self.ms):.2f} ms, {median(self.buffers):.0f} buffers, {planned}"


def _array(values: Any, kind: str) -> str:
    return f"'{{{','.join(str(value) for value in values)}}}'::{kind}[]"


async def measure(url: str, layout: str) -> None:
    """Hold, confirm and list, alone and in a batch."""
    settings = Settings.from_env({"DATABASE_URL": url, "REDIS_URL": "redis://127.0.0.1", "JWT_SECRET": "x" * 40})
    conn = await asyncpg.connect(url, server_settings=pool_options(settings)["server_settings"])
    await conn.execute("set statement_timeout = 0")
    shows = await conn.fetch(
        "select id, auditorium_id from showtimes where starts_at > now() + interval '10 days' order by id"
    )
    for batch in (1, BATCH):
        hold, confirm = Statement(conn, "reservations/insert_held"), Statement(conn, "reservations/confirm")
        for number in range(RUNS):
            transaction = conn.transaction()
            await transaction.start()
            ids = [uuid7() for _ in range(batch)]
            users = [1 + (number * batch + k) * 7 % USERS for k in range(batch)]
            rooms = [shows[(number * batch + k) % len(shows)] for k in range(batch)]
            seats = [room["auditorium_id"] * SEATS_A_ROOM - s for room in rooms for s in range(2)]
            await hold.run(
                _array(ids, "uuid"), _array(users, "bigint"), _array([room["id"] for room in rooms], "bigint"),
                _array([600_000] * batch, "bigint"), _array([2] * batch, "bigint"),
                _array([one for one in ids for _ in range(2)], "uuid"), _array(seats, "bigint"),
                "'{}'", "'{}'", "'{}'",
            )  # fmt: skip
            await confirm.run(_array(ids, "uuid"), _array(users, "bigint"), "'{}'", "'{}'", "'{}'")
            await transaction.rollback()
        say(f"  {layout}, hold x{batch}: {hold}")
        say(f"  {layout}, confirm x{batch}: {confirm}")
    listed = Statement(conn, "reservations/list_reservations")
    for number in range(RUNS):
        await listed.run(
            str(number * 3001 % USERS + 1),
            "'9999-01-01Z'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            "null",
            "51",
            "51",
        )
    say(f"  {layout}, a user's list: {listed}")
    await conn.close()


async def archive_a_month(url: str) -> int:
    """Archive what ended in the first month; return the number of reservations."""
    settings = Settings.from_env({"DATABASE_URL": url, "REDIS_URL": "redis://127.0.0.1", "JWT_SECRET": "x" * 40})
    async with asyncpg.create_pool(**pool_options(settings) | {"min_size": 1, "max_size": 1}) as pool:
        before = datetime.now(UTC) - timedelta(days=DAYS - 35)
        done = await archive(Database(pool, wait_s=5), before=before, advance=lambda _: None)
    return done.reservations


def detach_a_month(url: str) -> int:
    """Detach the first whole month's partitions; first, what was sold in it is deleted from booked_seats."""
    name, low, high = months()[2]
    with psycopg.connect(url, autocommit=True) as connection:
        run: Callable[..., Any] = connection.execute
        with timed("  delete from booked_seats"):
            run("delete from booked_seats where reservation_id >= %s and reservation_id < %s", [low, high])
        with timed("  detach reservation_seats"):
            run(f"alter table reservation_seats detach partition reservation_seats_{name}")
        # A detached partition keeps its foreign key, which then blocks the other one.
        run(f"alter table reservation_seats_{name} drop constraint reservation_seats_reservation_id_fkey")
        with timed("  detach reservations"):
            run(f"alter table reservations detach partition reservations_{name}")
        found = run(psql.SQL("select count(*) from {}").format(psql.Identifier(f"reservations_{name}"))).fetchone()
    return int(found[0])


def archive_month(url: str, layout: str) -> None:
    """Archive a month, and print the cost."""
    with psycopg.connect(url, autocommit=True) as connection:
        run: Callable[..., Any] = connection.execute
        before = run("select pg_current_wal_lsn()").fetchone()[0]
        with timed(f"  {layout}: archive a month"):
            count = asyncio.run(archive_a_month(url)) if layout == "plain" else detach_a_month(url)
        wal = run("select pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", [before]).fetchone()[0]
        with timed(f"  {layout}: vacuum afterwards"):
            run("vacuum (analyze) booked_seats, reservations, reservation_seats")
        say(f"  {layout}: {count:,} reservations, {wal / 1_000_000:,.0f} MB of WAL")
        if layout == "plain":
            run("vacuum (analyze) archived_reservations")
            row = run(
                "select pg_table_size('archived_reservations'), pg_indexes_size('archived_reservations')"
            ).fetchone()
            say(f"    archived, bytes a reservation: heap {row[0] / count:.0f}, indexes {row[1] / count:.0f}")


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), required=True, help="The folder of the cluster.")
@click.option("--rows", default=10_000_000, type=click.IntRange(100_000), help="Reservations; whole hundred thousands.")
@click.option("--archive", "then_archive", is_flag=True, help="Then archive a month of each layout.")
def main(data_dir: Path, rows: int, then_archive: bool) -> None:
    """Fill each layout if it does not exist yet, and measure it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    for start in ("configure", "run"):
        with embedded_servers(data_dir, fast=True) as servers:
            with psycopg.connect(servers.database_url, autocommit=True) as connection:
                for setting in ("wal_level = minimal", "max_wal_senders = 0", "max_wal_size = '4GB'"):
                    connection.execute(f"alter system set {setting}".encode())
            if start == "run":
                for layout in LAYOUTS:
                    url = prepare(servers.database_url, layout, rows - rows % 100_000)
                    if then_archive:
                        archive_month(url, layout)
                    say(f"{layout}:")
                    sizes(url)
                    asyncio.run(measure(url, layout))


def prepare(base: str, layout: str, rows: int) -> str:
    """Fill a layout if it does not exist yet; return its URL."""
    url = urlsplit(base)._replace(path=f"/{layout}").geturl()
    with psycopg.connect(base, autocommit=True) as connection:
        there = connection.execute("select from pg_database where datname = %s", [layout]).fetchone()
        if there is None:
            connection.execute("drop database if exists unfinished")
            connection.execute("create database unfinished")
            filled = urlsplit(base)._replace(path="/unfinished").geturl()
            schema.apply(filled)
            fill(filled, layout, rows)
            connection.execute(psql.SQL("alter database unfinished rename to {}").format(psql.Identifier(layout)))
    return url


if __name__ == "__main__":
    main()
