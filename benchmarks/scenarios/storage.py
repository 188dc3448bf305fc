"""Tables and indexes after a day's traffic: share of HOT updates, dead rows, unused indexes.

Counts and no times, so it may run beside other things. The queries are those of docs/dba/queries, which a DBA runs.
"""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psycopg
from redis.asyncio import Redis

from reservation.booking.jobs.expire import expire_past_holds
from reservation.db.pool import Database
from reservation.identity.tokens import TokenMint

from ..bench import Bench, say
from ..day import Day, build, live
from ..records import BenchmarkFailed, Figure
from ..stand import TOKEN_TTL_S, Stand
from ..templates import empty_template

WORKERS = 2
AT_ONCE = 16
HOLDS, HOLDS_SHORT = 5_000, 500  # with them come a login for every ten, which take the most time
# So short that abandoned holds expire during the run, but long enough for a confirm.
SETTINGS = {"HOLD_TTL_SECONDS": "20", "HOLD_MAX_SECONDS": "40"}
EXPIRE_WAIT_S = 60.0
QUERIES = Path(__file__).parents[2] / "docs" / "dba" / "queries"
UPDATED = ("reservations", "login_sessions")


def run(bench: Bench) -> None:
    """Run the day once on one instance of the service: results are counted, not timed."""
    stand = bench.stand
    database = stand.database("bench_storage", empty_template(stand))
    redis_url = stand.redis_url(0)
    holds = HOLDS_SHORT if bench.plan.short else HOLDS
    plan = bench.plan
    bench.plan = replace(plan, product_settings={**SETTINGS, **plan.product_settings})
    with bench.product("product-storage", database=database, redis_url=redis_url, workers=WORKERS) as server:
        asyncio.run(_drive(server.url, _admin(stand, database), holds))
        asyncio.run(_expire_holds(stand.database_url(database), redis_url))
    bench.plan = plan
    with stand.connect(database) as connection:
        for name in ("hot_updates", "unused_indexes", "duplicate_indexes"):
            _show(connection, name)
        connection.execute("vacuum (analyze)")
        _show(connection, "bytes")
        shares = connection.execute(
            "select relname, n_tup_hot_upd::float8 / n_tup_upd from pg_stat_user_tables where relname = any(%s)",
            [list(UPDATED)],
        ).fetchall()
    for table, share in sorted(shares):
        bench.records.figures.append(Figure(f"share of HOT updates of {table}", "ratio", 0.9, 0.95, [share]))


async def _drive(url: str, admin: str, holds: int) -> None:
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as session:
        day = Day(session, url.rstrip("/"), admin)
        await live(day, await build(day, holds=holds), holds=holds, at_once=AT_ONCE)


async def _expire_holds(database_url: str, redis_url: str) -> None:
    """Wait until the abandoned holds expire, and run the expire job."""
    async with (
        Redis.from_url(redis_url, decode_responses=True) as redis,
        asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool,
        asyncio.timeout(EXPIRE_WAIT_S),
    ):
        while await pool.fetchval("select exists (select from reservations where status = 'held')"):
            await expire_past_holds(redis, Database(pool, wait_s=1), age_s=0, margin_s=0)
            await asyncio.sleep(1)


def _admin(stand: Stand, database: str) -> str:
    """An administrator's access token."""
    with stand.connect(database) as connection:
        row = connection.execute(
            "with boss as (insert into users (name, email, password_hash, role) "
            "values ('Boss', 'boss@day.invalid', '!', 'admin') returning id) "
            "insert into login_sessions (id, user_id, expires_at) "
            "select gen_random_uuid(), id, now() + interval '1 day' from boss returning user_id, id"
        ).fetchone()
    if row is None:
        raise BenchmarkFailed("no administrator could be made")
    return TokenMint((stand.servers.jwt_secret,), TOKEN_TTL_S, TOKEN_TTL_S, TOKEN_TTL_S).mint(
        "access", row[0], "admin", row[1], 1
    )


def _show(connection: "psycopg.Connection[tuple[Any, ...]]", name: str) -> None:
    """Print the result of a query."""
    cursor = connection.execute((QUERIES / f"{name}.sql").read_bytes())
    say(f"\n{name}.sql: {', '.join(column.name for column in cursor.description or ())}")
    for row in cursor.fetchall():
        say("  " + "  ".join("-" if value is None else str(value) for value in row))
