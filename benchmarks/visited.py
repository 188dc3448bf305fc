"""python -m benchmarks.visited [--showtimes N] [--lines N]: the bytes that a process keeps of each showtime it visited.

The map of each showtime is read and drawn once, as by a worker, but without HTTP. The process reads and draws other
ones before, since the first ones allocate what later ones use again. Printed are the growth of resident memory, and, by
a second process, where tracemalloc says that what is kept was allocated.
"""

import asyncio
import gc
import os
import tracemalloc
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

import asyncpg
import click

from reservation.db.pool import Database
from reservation.db.pool_options import pool_options
from reservation.holds.map_versions import MapVersions
from reservation.holds.store import Holds
from reservation.runtime.redis_client import redis_client
from reservation.seatmap.layouts import Layouts
from reservation.seatmap.priming import Primer
from reservation.seatmap.seat_maps import SeatMaps
from reservation.seatmap.ticket_types import TicketTypes
from reservation.settings import Settings

from .bench import say
from .proc import resident_kib
from .stand import running_stand
from .templates import many_template
from .versions import ROOT

FIRST_MAPS = 1_000
AT_ONCE = 64


async def visit(environment: dict[str, str], showtime_ids: Sequence[int], lines: int) -> None:
    """Visit showtimes, and print what one takes; with `lines`, where most of it was allocated."""
    settings = Settings.from_env(environment)
    async with asyncpg.create_pool(**pool_options(settings)) as pool:
        database, versions, client = Database(pool, wait_s=60), MapVersions(), redis_client(settings)
        holds = Holds(client, Primer(database, versions), versions)
        maps = SeatMaps(database, holds, Layouts(database, TicketTypes(database), versions))
        await _draw(maps, showtime_ids[:FIRST_MAPS])
        gc.collect()
        if lines:
            tracemalloc.start()
        before = resident_kib(os.getpid())
        await _draw(maps, showtime_ids[FIRST_MAPS:])
        gc.collect()
        count = len(showtime_ids) - FIRST_MAPS
        if lines:
            _print_lines(lines, count)
        else:
            say(f"{count:,} showtimes: resident {(resident_kib(os.getpid()) - before) * 1024 / count:,.0f} bytes each")
        await holds.aclose()
        await client.aclose()


async def _draw(maps: SeatMaps, showtime_ids: Sequence[int]) -> None:
    for start in range(0, len(showtime_ids), AT_ONCE):
        for seat_map in await asyncio.gather(*map(maps.current, showtime_ids[start : start + AT_ONCE])):
            maps.body(seat_map)


def _print_lines(lines: int, count: int) -> None:
    snapshot = tracemalloc.take_snapshot()
    found = snapshot.statistics("lineno")
    say(f"allocated and kept: {sum(each.size for each in found) / count:,.0f} bytes each, most of them at")
    for each in found[:lines]:
        [frame] = each.traceback
        say(f"{each.size / count:8.1f} in {each.count / count:5.2f} blocks  {frame.filename[-40:]}:{frame.lineno}")


def _run(environment: dict[str, str], showtime_ids: Sequence[int], lines: int) -> None:
    asyncio.run(visit(environment, showtime_ids, lines))


@click.command()
@click.option("--showtimes", type=click.IntRange(1), default=100_000)
@click.option("--lines", type=click.IntRange(0), default=20)
@click.option("--data-dir", type=click.Path(path_type=Path), default=ROOT / ".data" / "bench")
def main(showtimes: int, lines: int, data_dir: Path) -> None:
    """Visit them in two processes, one after the other."""
    with running_stand(data_dir.absolute()) as stand:
        database = stand.database("bench_visited", many_template(stand))
        with stand.connect(database) as connection:
            found = connection.execute(
                "select id from showtimes where starts_at > current_date + 2 order by id limit %s",
                [showtimes + FIRST_MAPS],
            ).fetchall()
        showtime_ids = [showtime_id for (showtime_id,) in found]
        for number, shown in enumerate([0, lines] if lines else [0]):
            redis_url = stand.redis_url(number)
            environment = stand.settings(database_url=stand.database_url(database), redis_url=redis_url)
            process = get_context("spawn").Process(target=_run, args=(environment, showtime_ids, shown))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
