"""What the comment with the trace costs a statement: python -m benchmarks.sql_comments DATABASE_URL [RUNS].

Three ways in turn, on one connection: prepared and without a comment; with a comment, prepared for its one use; and
prepared, with application_name set before and set back after it. Prints the median of each in microseconds.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter

import asyncpg

from reservation.db.traced_connection import TracedConnection
from reservation.runtime.trace_context import TRACE, Trace

TRACE_OF_ALL = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True)
SHORT = "select $1::int + 1"
PAGE = "select * from movies where id > $1 order by id limit 20"
RUNS = 500


async def measure(url: str, runs: int) -> dict[tuple[str, str], float]:
    """Median microseconds by statement and way."""
    connection = await asyncpg.connect(url, connection_class=TracedConnection)
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(runs):
        for name, query in (("short", SHORT), ("a page of movies", PAGE)):

            async def plain(query: str = query) -> None:
                await connection.fetch(query, 1)

            async def commented(query: str = query) -> None:
                token = TRACE.set(TRACE_OF_ALL)
                await connection.fetch(query, 1)
                TRACE.reset(token)

            async def named(query: str = query) -> None:
                await connection.execute(f"set application_name = '{TRACE_OF_ALL.traceparent}'")
                await connection.fetch(query, 1)
                await connection.execute("reset application_name")

            ways: dict[str, Callable[[], Awaitable[None]]] = {
                "prepared": plain, "comment": commented, "application_name": named
            }  # fmt: skip
            for way, run in ways.items():
                started = perf_counter()
                await run()
                times.setdefault((name, way), []).append(perf_counter() - started)
    await connection.close()
    return {key: median(values) * 1e6 for key, values in times.items()}


def main() -> None:
    """Measure and print."""
    url, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else RUNS
    for (name, way), microseconds in asyncio.run(measure(url, runs)).items():
        print(f"{name:18} {way:18} {microseconds:8.0f} us")


if __name__ == "__main__":
    main()
