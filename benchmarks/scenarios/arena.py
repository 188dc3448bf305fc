"""One showtime of 10,000 seats: its map, whole and as letters, its layout, and its viewers."""

import json
import urllib.error

from ..bench import Bench, say
from ..processes import Server, get
from ..records import BenchmarkFailed
from ..stand import Stand
from ..templates import empty_template, generate
from ..versions import THIS
from ..walks import Walk
from . import live
from .onsale import showtimes_in

WORKERS = 1
CONNECTIONS = 64
SEATS = 10_000
RUN_S = 1  # there are many forms
SHOWTIMES = 300  # fill one room for the days around today
VIEWERS = 5_000
MAX_REPETITIONS = 3
SKIPPED_STATUSES = (404, 422)
MAP, LETTERS, LAYOUT = "map", "?fields=status", "layout"


def run(bench: Bench) -> None:
    """Every form unchanged, with and without its ETag; then after each hold; then with thousands of viewers."""
    stand = bench.stand
    database = stand.database("bench_arena", empty_template(stand))
    generate(stand, THIS, database, showtimes=SHOWTIMES, users=1, seats=SEATS)
    walk = Walk(stand, database, abreast=1)
    show, room = arena_of(stand, database, walk)
    with bench.product("product-arena", database=database, redis_url=stand.redis_url(0), workers=WORKERS) as server:
        paths = {
            MAP: f"/showtimes/{show}/seats",
            LETTERS: f"/showtimes/{show}/seats?fields=status",
            LAYOUT: f"/auditoriums/{room}/layout",
        }
        found = {name: path for name, path in paths.items() if _is_answered(server, name, path)}
        for _ in bench.repetitions(at_most=MAX_REPETITIONS):
            for name, path in found.items():
                _unchanged(bench, server, name, path)
            for name in (MAP, LETTERS):
                if name in found:
                    _changed(bench, server, walk, show, name)
        live.follow(bench, server, walk.any_token(), f"live arena map, {VIEWERS:,} viewers", VIEWERS, str(show))


def arena_of(stand: Stand, database: str, walk: Walk) -> tuple[int, int]:
    """Leave only the last showtime in the walk's file, which is in the large room; return both their ids."""
    show = showtimes_in(walk.seats)[-1]
    with stand.connect(database) as connection:
        row = connection.execute(
            "select st.auditorium_id, a.capacity from showtimes as st inner join auditoriums as a "
            "on st.auditorium_id = a.id where st.id = %s",
            [show],
        ).fetchone()
    if row is None or row[1] != SEATS:
        raise BenchmarkFailed(f"showtime {show} is in a room of {row and row[1]} seats instead of {SEATS}")
    lines = walk.seats.read_text().splitlines(keepends=True)
    walk.seats.write_text("".join(line for line in lines if line.startswith((f"room {row[0]} ", f"show {show} "))))
    return show, row[0]


def _is_answered(server: Server, name: str, path: str) -> bool:
    """Whether this version of the service has the resource; a parameter that it does not know it may ignore."""
    try:
        _, body = get(server.url + path)
    except urllib.error.HTTPError as error:
        if error.code not in SKIPPED_STATUSES:
            raise BenchmarkFailed(f"{path}: {error}") from error
        say(f"  {name} skipped: {path} answers {error.code}")
        return False
    if name == LETTERS and "statuses" not in json.loads(body):
        say(f"  {name} skipped: {path} answers the whole map")
        return False
    say(f"  {name}: {len(body):,} bytes")
    return True


def _unchanged(bench: Bench, server: Server, name: str, path: str) -> None:
    headers, _ = get(server.url + path)
    for form, etag, encoding in (
        ("200", "-", {}),
        ("200, gzip", "-", {"ENCODING": "gzip"}),
        ("304", headers["ETag"], {}),
    ):
        requests = str(bench.write("arena.requests", f"{path} - {etag}\n"))
        environment = {"REQUESTS": requests, **encoding}
        bench.drive(
            f"arena {name} {form}",
            server,
            "get",
            connections=CONNECTIONS,
            seconds=RUN_S,
            environment=environment,
        )


def _changed(bench: Bench, server: Server, walk: Walk, show: int, name: str) -> None:
    query = "" if name == MAP else name
    walk.drive(
        bench,
        f"arena hold and changed {name}",
        server,
        "arena",
        connections=1,
        seconds=RUN_S,
        unit="maps",
        environment={"SHOW": str(show), "QUERY": query},
    )
