"""`python -m benchmarks.reports`: reports on ten million reservations, and what holds beside them take longer.

It fills a database of its own in some 20 minutes and keeps it. Rounds of holds alone and of holds beside reports that
follow each other without a pause are taken in turn, so that changes of the machine's speed affect both.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from reservation.embedded import Embedded, attach, embedded_servers

from .processes import running_server
from .report_data import fill

DATA_DIR = Path(__file__).parents[1] / ".data" / "bench-reports"
EMAIL, PASSWORD = "benchmark@example.com", "a password of the benchmark"
DAYS_AGO = 60  # the month ends so long ago: what was reserved for its showtimes is complete
GROUPINGS = ("day", "cinema", "movie", "ticket_type", "channel")
SEATS = 2


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


class Holds:
    """Holds of free seats of coming showtimes, each of its own."""

    def __init__(self, session: aiohttp.ClientSession, showtime_ids: Sequence[int], seat_ids: Sequence[int]) -> None:
        self._session = session
        self._wanted = (
            (showtime_id, [*seat_ids[place : place + SEATS]])
            for place in range(0, len(seat_ids) - SEATS + 1, SEATS)
            for showtime_id in showtime_ids
        )

    async def offer(self, rate: float, seconds: float) -> list[float]:
        """Send holds at a rate, whatever the answers take; gives the milliseconds from each intended arrival."""
        start, latencies, tasks = time.perf_counter(), [], []

        async def hold(due: float) -> None:
            showtime_id, seats = next(self._wanted)
            async with self._session.post(f"/showtimes/{showtime_id}/holds", json={"seat_ids": seats}) as answer:
                await answer.read()
                if answer.status not in (201, 409):
                    raise SystemExit(f"a hold: {answer.status}")
            latencies.append((time.perf_counter() - due) * 1000)

        for number in range(int(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(hold(due)))
        await asyncio.gather(*tasks)
        return latencies


async def read_report(session: aiohttp.ClientSession, by: str) -> float:
    """Read the month's sales; gives seconds."""
    last = datetime.now(UTC).date() - timedelta(days=DAYS_AGO)
    start = time.perf_counter()
    query = f"from={last - timedelta(days=30)}&to={last}&by={by}"
    async with session.get(f"/reports/sales?{query}") as answer:
        if answer.status != 200:
            raise SystemExit(f"a report: {answer.status} {await answer.text()}")
        await answer.read()
    return time.perf_counter() - start


async def measure(url: str, rate: float, seconds: float, rounds: int) -> dict[str, object]:
    """Reports alone, then rounds of holds without and with reports."""
    async with aiohttp.ClientSession(url) as session:
        async with session.post("/auth/login", json={"email": EMAIL, "password": PASSWORD}) as answer:
            session.headers["Authorization"] = f"Bearer {(await answer.json())['access_token']}"
        alone = {by: [await read_report(session, by) for _ in range(3)] for by in GROUPINGS}
        tomorrow = datetime.now(UTC).date() + timedelta(days=1)
        async with session.get(f"/showtimes?date={tomorrow}&tz=UTC&limit=1") as answer:
            room_id = (await answer.json())["items"][0]["auditorium_id"]
        async with session.get(f"/showtimes?auditorium_id={room_id}&from={tomorrow}T00:00:00Z&limit=200") as answer:
            room = [show["id"] for show in (await answer.json())["items"]]
        async with session.get(f"/auditoriums/{room_id}/layout") as answer:
            seats = [seat["id"] for seat in (await answer.json())["seats"]]
        holds = Holds(session, room, seats)
        without, beside = [], []
        durations: list[float] = []
        await holds.offer(rate, 2)
        for _ in range(rounds):
            without.append(await holds.offer(rate, seconds))
            reports = asyncio.create_task(_read_without_pause(session, durations))
            beside.append(await holds.offer(rate, seconds))
            reports.cancel()
            await asyncio.gather(reports, return_exceptions=True)
    return {
        "report alone, s, median of 3": {by: round(statistics.median(each), 2) for by, each in alone.items()},
        "report beside holds, s, median": round(statistics.median(durations), 2) if durations else None,
        **{
            f"hold {name}, ms, by round": {
                f"p{int(share * 100)}": [round(percentile(each, share), 1) for each in found] for share in (0.5, 0.99)
            }
            for name, found in (("alone", without), ("beside reports", beside))
        },
    }


async def _read_without_pause(session: aiohttp.ClientSession, durations: list[float]) -> None:
    while True:
        durations.append(await read_report(session, "day"))


def served(servers: Embedded, folder: Path, figures: argparse.Namespace) -> dict[str, object]:
    """Run the service, with one worker, on the filled database."""
    environment = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
    environment |= {"JWT_SECRET": servers.jwt_secret, "ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD}
    subprocess.run([sys.executable, "-m", "reservation", "migrate"], env=os.environ | environment, check=True)
    if not (folder / "filled").exists():
        fill(servers.database_url, figures.reservations)
        (folder / "filled").touch()
    command = [sys.executable, "-m", "reservation", "serve", "--port", "{port}", "--no-worker", "--no-migrate"]
    with running_server("product-reports", command, folder=folder, environment=environment) as server:
        return asyncio.run(measure(server.url, figures.rate, figures.seconds, figures.rounds))


def main() -> None:
    """Fill the database where needed, measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reservations", type=int, default=10_000_000)
    parser.add_argument("--data-dir", type=Path, default=DATA_DIR)
    parser.add_argument("--rate", type=float, default=50, help="holds a second")
    parser.add_argument("--seconds", type=float, default=10, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    figures = parser.parse_args()
    running = attach(figures.data_dir)
    with nullcontext(running) if running else embedded_servers(figures.data_dir) as servers:
        print(json.dumps(served(servers, figures.data_dir, figures), indent=2))


if __name__ == "__main__":
    main()
