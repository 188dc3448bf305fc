"""A thousand connections want the seats of one showtime: a few holds, and for everybody else 409."""

import json
from pathlib import Path

from ..bench import Bench, say
from ..processes import Server, get
from ..records import BenchmarkFailed
from ..templates import empty_template

WORKERS = 2
CONNECTIONS = 1_000
SEATS_A_HOLD = 2
MAX_REPETITIONS = 3
ALL_WAIT = {"QUEUE_DELAY_MS": "0"}  # more connections than requests that a worker takes at once
CONTESTANT = "product on-sale, 1,000 connections on one showtime"


def run(bench: Bench) -> None:
    """Each repetition sells another showtime."""
    stand = bench.stand
    database = stand.database("bench_onsale", empty_template(stand))
    tokens, seats = stand.tokens(database), stand.seats(database)
    shows = showtimes_in(seats)
    with bench.product(
        "product-onsale", database=database, redis_url=stand.redis_url(0), workers=WORKERS, settings=ALL_WAIT
    ) as server:
        for number in bench.repetitions(at_most=MAX_REPETITIONS):
            show = shows[number]
            stand.checkpoint()
            load = bench.drive(
                CONTESTANT,
                server,
                "onsale",
                connections=CONNECTIONS,
                environment={"SHOW": str(show), "SEATS": str(seats), "TOKENS": str(tokens), "SEED": str(number)},
            )
            held, refused = load.counts["held"], load.counts["refused"]
            say(f"  {held} holds, {refused:,} refused ({refused / (held + refused):.1%})")
            _check(bench, server, database, show, held)


def showtimes_in(seats: Path) -> list[int]:
    """The showtimes of a file that stand.seats() wrote."""
    return [int(line.split()[1]) for line in seats.read_text().splitlines() if line.startswith("show ")]


def _check(bench: Bench, server: Server, database: str, show: int, answered: int) -> None:
    """Every answered hold is in the database, and the map has two held seats for each, so none is in two of them.

    The map may have more: of holds that were under way when the load ended.
    """
    with bench.stand.connect(database) as connection:
        row = connection.execute("select count(*) from reservations where showtime_id = %s", [show]).fetchone()
    holds = row[0] if row else 0
    statuses = [seat["status"] for seat in json.loads(get(f"{server.url}/showtimes/{show}/seats")[1])["seats"]]
    if holds < answered or statuses.count("held") < SEATS_A_HOLD * holds:
        raise BenchmarkFailed(f"{answered} holds answered, {holds} made, {statuses.count('held')} seats held")
