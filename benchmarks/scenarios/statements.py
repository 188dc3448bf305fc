"""PostgreSQL's CPU time for a hold and a confirm: the two statements in batches of 16, without the service."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import asyncpg

from reservation.db.pool import Connection, Database
from reservation.db.pool_options import pool_options
from reservation.db.repository import confirms, reservations
from reservation.db.repository.confirm_outcomes import ConfirmRequest
from reservation.db.repository.confirms import PaymentRules
from reservation.db.repository.reservations import HoldToInsert
from reservation.db.reservation_ids import new_reservation_id
from reservation.holds.map_versions import MapVersions
from reservation.seatmap.layouts import Layouts
from reservation.seatmap.ticket_types import TicketTypes
from reservation.settings import Settings

from ..bench import Bench
from ..proc import own_cpu_s
from ..records import BenchmarkFailed, Sample
from ..templates import empty_template
from ..walks import Walk

BATCH = 16
ABREAST = 800
SEATS_A_HOLD = 2
BATCHES_A_SECOND = 200  # how much is measured follows from the plan's seconds
WARM_UP_BATCHES = 50
HOLD_S, DEADLINE_S = 600.0, 60.0
CONTESTANT = f"hold and confirm statements, batches of {BATCH}"


@dataclass(frozen=True, slots=True)
class Backend:
    """One connection with the service's settings, its process, and customers."""

    conn: Connection
    pid: int
    user_ids: Sequence[int]
    layouts: Layouts  # read on another connection, so that their cost is not counted

    async def hold(self, wanted: Sequence[tuple[int, Sequence[int]]]) -> list[ConfirmRequest]:
        """Insert a batch of holds; return what confirms them."""
        layouts = [self.layouts.known(show) or await self.layouts.load(show) for show, _ in wanted]
        now = time.monotonic()
        holds = [
            HoldToInsert(
                new_reservation_id(show),
                self._user(show),
                show,
                layout.layout_version,
                layout.showtime,
                layout.room.seats_at([layout.room.places[seat] for seat in seats]),
                None,
                now + HOLD_S,
                now + DEADLINE_S,
            )
            for layout, (show, seats) in zip(layouts, wanted, strict=True)
            if layout is not None
        ]
        _require_all(await reservations.insert_held(self.conn, holds=holds), len(wanted))
        return [ConfirmRequest(hold.reservation_id, hold.user_id, None) for hold in holds]

    async def confirm(self, requests: Sequence[ConfirmRequest]) -> None:
        """Confirm a batch of holds."""
        confirmed = await confirms.confirm(
            self.conn,
            requests=requests,
            showtime_of=self.layouts.showtime,
            payment_rules=PaymentRules(required=False, currency="USD"),
        )
        _require_all([confirmed.get(request[:2]) for request in requests], len(requests))

    def _user(self, showtime_id: int) -> int:
        return self.user_ids[showtime_id % len(self.user_ids)]


def run(bench: Bench) -> None:
    """Some hundred batches of holds, then their confirms."""
    stand = bench.stand
    walk = Walk(stand, stand.database("bench_statements", empty_template(stand)), SEATS_A_HOLD, ABREAST)
    redis_url = stand.redis_url(0)
    settings = Settings.from_env(stand.settings(database_url=stand.database_url(walk.database), redis_url=redis_url))
    asyncio.run(_run(bench, walk, settings))
    bench.records.ask_cpu(f"PostgreSQL CPU a cycle, batches of {BATCH}", CONTESTANT, "postgresql", asked=90, aim=70)


async def _run(bench: Bench, walk: Walk, settings: Settings) -> None:
    batches = int(BATCHES_A_SECOND * bench.plan.seconds)
    seats = free_seats(walk.seats, abreast=ABREAST, seats_a_hold=SEATS_A_HOLD)
    options = {**pool_options(settings), "min_size": 2, "max_size": 2}
    async with asyncpg.create_pool(**options) as pool, pool.acquire() as conn:
        database = Database(pool, wait_s=HOLD_S)
        layouts = Layouts(database, TicketTypes(database), MapVersions())
        backend = Backend(conn, await conn.fetchval("select pg_backend_pid()"), list(walk.tokens_by_user()), layouts)
        await _sell(backend, seats, WARM_UP_BATCHES)
        for _ in bench.repetitions():
            bench.stand.checkpoint()
            bench.keep(CONTESTANT, await _sell(backend, seats, batches))


async def _sell(backend: Backend, seats: Iterator[tuple[int, Sequence[int]]], batches: int) -> Sample:
    count, began = batches * BATCH, time.monotonic()
    start_s = own_cpu_s(backend.pid)
    held = [await hold(backend, list(islice(seats, BATCH))) for _ in range(batches)]
    held_s = own_cpu_s(backend.pid)
    for requests in held:
        await backend.confirm(requests)
    end_s = own_cpu_s(backend.pid)
    spent = {"postgresql": end_s - start_s, "hold": held_s - start_s, "confirm": end_s - held_s}
    cpu_us = {name: seconds / count * 1e6 for name, seconds in spent.items()}
    return Sample(count / (time.monotonic() - began), count, cpu_us)


async def hold(backend: Backend, wanted: Sequence[tuple[int, Sequence[int]]]) -> list[ConfirmRequest]:
    """Insert a batch of holds, again if two reservations got one code."""
    while True:
        try:
            return await backend.hold(wanted)
        except asyncpg.UniqueViolationError:  # two reservations got one code: the service also tries again
            continue


def free_seats(path: Path, *, abreast: int, seats_a_hold: int) -> Iterator[tuple[int, Sequence[int]]]:
    """Showtimes and neighbouring seats in the order of wrk/walk.lua, from a file as it reads them."""
    rooms: dict[int, list[int]] = {}
    shows: list[tuple[int, int]] = []
    for kind, number, *rest in (line.split() for line in path.read_text().splitlines()):
        if kind == "room":
            rooms[int(number)] = [int(seat) for seat in rest]
        else:
            shows.append((int(number), int(rest[0])))
    for first in range(0, len(shows), abreast):
        some = shows[first : first + abreast]
        for place in range(0, min(len(rooms[room]) for _, room in some) - seats_a_hold + 1, seats_a_hold):
            for show, room in some:
                yield show, rooms[room][place : place + seats_a_hold]


def _require_all(outcomes: Sequence[object], count: int) -> None:
    bad = [outcome for outcome in outcomes if outcome is None or isinstance(outcome, Exception)]
    if bad or len(outcomes) != count:
        raise BenchmarkFailed(f"{len(bad)} of {len(outcomes)} in a batch failed: {bad[:1]}")
