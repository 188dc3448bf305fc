"""python -m benchmarks.waiting_room simulate|connections [COUNT] [PER_SECOND]: how fair and how fast a waiting room is.

`simulate` lets COUNT customers (100,000) wait in a Valkey of its own, by the code of the service without HTTP.
`connections` starts the service, and COUNT customers (10,000) join over real connections, follow their places by
Server-Sent Events, and hold and confirm two seats each of a room that has fewer seats than they want.

Both print JSON: Kendall's tau-b between the order of joining and that of the admissions, for customers from before the
sale (0: the lot alone decides) and for those after it (1: first come, first served); and the admissions a second.
"""

import asyncio
import heapq
import json
import random
import resource
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, process_time, time
from typing import Any, cast

import psycopg
import uvloop
from redis.asyncio import BlockingConnectionPool, Redis

from reservation.db import migrations
from reservation.embedded import Embedded, embedded_servers
from reservation.errors import Unavailable
from reservation.identity.tokens import TokenMint
from reservation.runtime.redis_client import REDIS_TIMEOUT_S
from reservation.seatmap.layouts import Layout, Layouts, Sale, Venue
from reservation.waiting.passes import PassSigner
from reservation.waiting.room import Place, WaitingRooms
from tests.ports import free_port

SHOWTIME = 42
EARLY_SHARE = 0.6  # of the customers who join before the sale begins
LEAVING_SHARE = 0.02  # of the customers who join and never ask again
CALLERS = 200  # requests that are under way at once
SALE_AFTER_S, LATE_S = 30.0, 20.0
SEATS = 2_000
DAY_S = 86_400


@dataclass(slots=True)
class Course:
    """What happened: when each customer joined and, in microseconds, when each was admitted."""

    joined: dict[int, float] = field(default_factory=dict)
    admitted_us: dict[int, int] = field(default_factory=dict)
    told_after_s: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def admit(self, user_id: int, expires_at: datetime, admission_s: int) -> None:
        """Record an admission, which began so long before its end."""
        began_us = round((expires_at.timestamp() - admission_s) * 1_000_000)
        self.admitted_us[user_id] = began_us
        self.told_after_s.append(time() - began_us / 1_000_000)

    def summary(self, early: Sequence[int], late: Sequence[int], sale: float) -> dict[str, Any]:
        """The figures."""
        seconds = Counter(int(us / 1_000_000 - sale) for us in self.admitted_us.values())
        told = sorted(self.told_after_s)
        ends = [
            max((self.admitted_us[each] for each in group if each in self.admitted_us), default=0)
            for group in (early, late)
        ]
        begins = min((self.admitted_us[each] for each in late if each in self.admitted_us), default=0)
        return {
            "joined": len(self.joined),
            "admitted": len(self.admitted_us),
            "tau_before_sale": round(self._tau(early), 4),
            "tau_after_sale": round(self._tau(late), 4),
            "early_before_late": ends[0] <= begins,
            "admitted_in_a_second": {
                "most": max(seconds.values()),
                "median": sorted(seconds.values())[len(seconds) // 2],
            },
            "last_admission_s": round(max(ends) / 1_000_000 - sale, 1),
            "told_after_s": {"p50": round(told[len(told) // 2], 2), "max": round(told[-1], 2)},
            **({"outcomes": dict(self.outcomes)} if self.outcomes else {}),
        }

    def _tau(self, group: Sequence[int]) -> float:
        known = sorted((each for each in group if each in self.admitted_us), key=self.joined.__getitem__)
        return kendall_tau([self.admitted_us[each] for each in known])


def kendall_tau(values: Sequence[int]) -> float:
    """Kendall's tau-b between the order of the values and their positions, which have no ties."""
    pairs = len(values) * (len(values) - 1) / 2
    ties = sum(count * (count - 1) / 2 for count in Counter(values).values())
    _, inversions = _sorted_inversions(list(values))
    if pairs == ties:
        return 0.0
    return float((pairs - ties - 2 * inversions) / (pairs * (pairs - ties)) ** 0.5)


def _sorted_inversions(values: list[int]) -> tuple[list[int], int]:
    """The values in order, and how many pairs were in the wrong one; equal values are in no wrong order."""
    if len(values) < 2:
        return values, 0
    middle = len(values) // 2
    left, first = _sorted_inversions(values[:middle])
    right, second = _sorted_inversions(values[middle:])
    merged, inversions, at = list[int](), first + second, 0
    for value in right:
        while at < len(left) and left[at] <= value:
            merged.append(left[at])
            at += 1
        inversions += len(left) - at
        merged.append(value)
    return merged + left[at:], inversions


class OneSale:
    """In place of the layouts: one showtime whose sale begins at a time."""

    def __init__(self, on_sale_at: datetime) -> None:
        end = on_sale_at + timedelta(days=1)
        sale = Sale(on_sale_at, end, False, True, b"")
        self._layout = Layout(1, sale, cast("Any", None), SHOWTIME, b"", Venue(None, b""))

    async def load(self, _: int) -> Layout:
        """The showtime."""
        return self._layout


async def simulate(servers: Embedded, count: int, per_second: int) -> dict[str, Any]:
    """Let customers join and poll as they are told to, by one process; the last is admitted at the end."""
    pool = BlockingConnectionPool.from_url(servers.redis_url, decode_responses=True)
    redis = Redis.from_pool(pool)
    await redis.flushall()
    sale = time() + SALE_AFTER_S
    layouts = cast("Layouts", OneSale(datetime.fromtimestamp(sale, UTC)))
    admission_s = 600
    rooms = WaitingRooms(
        redis,
        layouts,
        PassSigner([servers.jwt_secret]),
        per_second=per_second,
        admission_s=admission_s,
        most_of_address=0,
        wait_s=REDIS_TIMEOUT_S,
    )
    course, early, cpu = Course(), range(1, int(count * EARLY_SHARE) + 1), process_time()
    now = monotonic()
    events: list[tuple[float, int, str]] = []  # when, who, and the ticket, empty to join
    for user_id in range(1, count + 1):
        is_early = user_id in early
        offset = random.uniform(0, SALE_AFTER_S - 3) if is_early else SALE_AFTER_S + random.uniform(0, LATE_S)
        events.append((now + offset, user_id, ""))
    heapq.heapify(events)
    leaving = set(random.sample(range(1, count + 1), int(count * LEAVING_SHARE)))
    calls, left = 0, count - len(leaving)

    async def caller() -> None:
        nonlocal calls, left
        while left > 0:
            if not events or events[0][0] > monotonic():
                await asyncio.sleep(0.01)
                continue
            _, user_id, ticket = heapq.heappop(events)
            if not ticket:
                course.joined[user_id] = monotonic()
            place: Place | None = None
            with suppress(Unavailable):
                place = await rooms.enter(SHOWTIME, user_id, ticket or None)
            calls += 1
            if place is None:
                heapq.heappush(events, (monotonic() + 1, user_id, ticket))
            elif place.admission_expires_at is not None:
                if user_id not in course.admitted_us:
                    course.admit(user_id, place.admission_expires_at, admission_s)
                    left -= user_id not in leaving
            elif user_id not in leaving:
                heapq.heappush(events, (monotonic() + place.poll_after_seconds, user_id, str(place.queue_ticket)))

    began = monotonic()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    took_s, memory = monotonic() - began, (await redis.info("memory"))["used_memory_peak"]
    await rooms.aclose()
    await redis.aclose()
    stayed = [each for each in range(1, count + 1) if each not in leaving]
    split = ([each for each in stayed if each in early], [each for each in stayed if each not in early])
    return {
        "customers": count,
        "per_second": per_second,
        **course.summary(*split, sale),
        "not_admitted": len([each for each in stayed if each not in course.admitted_us]),
        "requests_a_second": round(calls / took_s),
        "cpu_us_a_request": round((process_time() - cpu) / calls * 1_000_000),
        "redis_peak_mb": round(memory / 1_000_000, 1),
    }


def prepare(servers: Embedded, count: int, sale: datetime) -> tuple[int, list[tuple[int, str]]]:
    """Customers with access tokens, and a showtime with SEATS seats; its id."""
    migrations.apply(servers.database_url)
    mint = TokenMint((servers.jwt_secret,), DAY_S, DAY_S, DAY_S)
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(
            "insert into users (name, email, password_hash) select 'A Customer',"
            " 'waits-' || n || '@load.invalid', 'none' from generate_series(1, %s) as n",
            [count],
        )
        sessions = connection.execute(
            "insert into login_sessions (id, user_id, expires_at)"
            " select gen_random_uuid(), id, now() + interval '1 day' from users returning user_id, id"
        ).fetchall()
        connection.execute("insert into movies (title, duration_minutes) values ('A Film', 90)")
        connection.execute("insert into auditoriums (name, capacity) values ('A Hall', %s)", [SEATS])
        connection.execute(
            "insert into seats (auditorium_id, row_label, seat_number) select 1, chr(65 + r), n"
            " from generate_series(0, 24) as r cross join generate_series(1, %s) as n",
            [SEATS // 25],
        )
        row = connection.execute(
            "insert into showtimes (movie_id, auditorium_id, starts_at, ends_at, free_at, base_price, on_sale_at,"
            " waiting_room) select 1, 1, t, t + interval '2 hours', t + interval '2 hours', 10, %s, true"
            " from (select now() + interval '1 day') as v (t) returning id",
            [sale],
        ).fetchone()
    tokens = [(user_id, mint.mint("access", user_id, "user", session, 1)) for user_id, session in sessions]
    return cast("tuple[int]", row)[0], tokens


class Customer:
    """One customer: joins on a connection, follows the place on it, and books on another."""

    def __init__(self, port: int, showtime_id: int, user_id: int, token: str, course: Course) -> None:
        self._port, self._showtime_id, self._user_id, self._course = port, showtime_id, user_id, course
        self._head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"

    async def wait_and_book(self, start: float, admission_s: int) -> None:
        """Join at a time of the monotonic clock, and go on to the end."""
        await asyncio.sleep(max(0.0, start - monotonic()))
        admission = await self._again(lambda: self._wait(admission_s))
        await self._again(lambda: self._book(admission))

    async def _again(self, step: Callable[[], Awaitable[str]]) -> str:
        """Repeat a step whose connection was reset, as a browser does."""
        while True:
            try:
                return await step()
            except (ConnectionError, asyncio.IncompleteReadError):
                self._course.outcomes["connection reset"] += 1
                await asyncio.sleep(random.uniform(0.5, 2))

    async def _wait(self, admission_s: int) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            path = f"/showtimes/{self._showtime_id}/waiting-room"
            place = await self._call(reader, writer, "POST", path)
            self._course.joined.setdefault(self._user_id, monotonic())
            if place["status"] != "admitted":
                writer.write(f"GET {path}/events?ticket={place['queue_ticket']} HTTP/1.1\r\n{self._head}\r\n".encode())
                place = await self._admission(reader)
            expires_at = datetime.fromisoformat(place["admission_expires_at"])
            self._course.admit(self._user_id, expires_at, admission_s)
            return str(place["admission_token"])
        finally:
            writer.close()

    async def _admission(self, reader: asyncio.StreamReader) -> Any:
        is_admitted = False
        async for line in reader:
            if line.startswith(b"event: "):
                is_admitted = line.startswith(b"event: admitted")
            elif is_admitted and line.startswith(b"data: "):
                return json.loads(line[6:])
        raise ConnectionResetError("the stream has ended without an admission")

    async def _book(self, admission: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            held = await self._call(
                reader, writer, "POST", f"/showtimes/{self._showtime_id}/holds", {"quantity": 2}, admission
            )
            if "id" in held:
                held = await self._call(reader, writer, "POST", f"/reservations/{held['id']}/confirm")
            outcome = str(held["status"] if "id" in held else held["code"])
            self._course.outcomes[outcome] += 1
            return outcome
        finally:
            writer.close()

    async def _call(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        method: str,
        path: str,
        body: Any = None,
        admission: str = "",
    ) -> Any:
        sent = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(sent)}\r\n"
        head += "Content-Type: application/json\r\n" if sent else ""
        head += f"Admission-Token: {admission}\r\n" if admission else ""
        writer.write(f"{head}\r\n".encode() + sent)
        answered = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answered.partition("content-length: ")[2].partition("\r\n")[0])
        return json.loads(await reader.readexactly(length))


async def connect(servers: Embedded, folder: Path, count: int, per_second: int) -> dict[str, Any]:
    """Start the service, and let customers wait and book over real connections."""
    sale = time() + SALE_AFTER_S + 30
    showtime_id, tokens = prepare(servers, count, datetime.fromtimestamp(sale, UTC))
    port, admission_s = free_port(), 600
    unlimited = ("HOLDS_PER_MINUTE_PER_ADDRESS", "STREAMS_PER_ADDRESS", "REMINDER_HOURS")
    settings = {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "JWT_SECRET": servers.jwt_secret,
        "ACCESS_LOG": "off",
        "LIVE_VIEWERS_MAX": "100000",
        "ADMISSIONS_PER_SECOND": str(per_second),
        "DATA_DIR": str(folder),
        **dict.fromkeys(unlimited, "0"),
    }
    command = (sys.executable, "-m", "reservation", "serve", "--port", str(port), "--workers", "2")
    log = folder / "service.log"
    with log.open("wb") as output:
        service = await asyncio.create_subprocess_exec(*command, env=settings, stdout=output, stderr=output)
    try:
        await _until_ready(port)
        course, sale_at = Course(), monotonic() + sale - time()
        early = int(count * EARLY_SHARE)
        starts = [random.uniform(monotonic() + 1, sale_at - 3) for _ in range(early)]
        starts += [sale_at + random.uniform(1, LATE_S) for _ in range(count - early)]
        customers = [Customer(port, showtime_id, *each, course) for each in tokens]
        ends = await asyncio.gather(
            *(each.wait_and_book(start, admission_s) for each, start in zip(customers, starts, strict=True)),
            return_exceptions=True,
        )
        failures = Counter(f"{type(end).__name__}: {end}" for end in ends if end is not None)
    finally:
        service.terminate()
        await service.wait()
    with psycopg.connect(servers.database_url) as connection:
        sold = connection.execute("select count(*), count(distinct seat_id) from booked_seats").fetchone()
    ids = [user_id for user_id, _ in tokens]
    return {
        "customers": count,
        "per_second": per_second,
        **course.summary(ids[:early], ids[early:], sale),
        "failures": dict(failures),
        "service_log": _warnings(log),
        "seats": SEATS,
        "sold": sold,
    }


def _warnings(log: Path) -> dict[str, int]:
    """How often the service logged what it did not expect."""
    found = Counter[str]()
    for line in log.read_text(errors="replace").splitlines():
        with suppress(ValueError):
            entry = json.loads(line)
            if entry.get("level") in ("warning", "error", "critical"):
                found[f"{entry.get('event')} {entry.get('cause', '')}".strip()[:100]] += 1
    return dict(found)


async def _until_ready(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.1)


def main() -> None:
    """Run from the command line."""
    what, *numbers = sys.argv[1:]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with (
        TemporaryDirectory() as name,
        embedded_servers(Path(name) / "servers", fast=True) as servers,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        if what == "simulate":
            count, per_second = (*map(int, numbers), *(100_000, 1_000)[len(numbers) :])
            found = runner.run(simulate(servers, count, per_second))
        else:
            count, per_second = (*map(int, numbers), *(10_000, 200)[len(numbers) :])
            found = runner.run(connect(servers, Path(name), count, per_second))
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
