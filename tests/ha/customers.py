"""Customers who hold, read maps, confirm and cancel without pause, and count every answer that is no success."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

CUSTOMERS = 4
PASSWORD = "correct horse battery"


@dataclass(slots=True)
class Sales:
    """What the customers did so far: answers by kind, failed requests, and reservations confirmed and kept."""

    done: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    kept: dict[str, list[int]] = field(default_factory=dict)

    async def more(self, cycles: int = 8) -> None:
        """Wait until so many more cycles are done, or a request has failed; they go on without this, too."""
        wanted = self.done["confirm"] + cycles
        async with asyncio.timeout(120):
            while self.done["confirm"] < wanted and not self.failures:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def buying(url: str) -> AsyncIterator[Sales]:
    """Let customers buy seats, each of another showtime, during the block; at its end all requests are answered."""
    sales, stopping = Sales(), asyncio.Event()
    async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(60)) as session:
        shows = (await _call(session, "GET", "/showtimes?limit=200"))["items"]
        tasks = [
            asyncio.create_task(_customer(session, number, shows[number::CUSTOMERS], sales, stopping))
            for number in range(CUSTOMERS)
        ]
        try:
            yield sales
        finally:
            stopping.set()
            await asyncio.gather(*tasks)


async def _customer(
    session: aiohttp.ClientSession,
    number: int,
    shows: list[dict[str, Any]],
    sales: Sales,
    stopping: asyncio.Event,
) -> None:
    try:
        email = f"customer{number}@example.com"
        await _call(session, "POST", "/auth/signup", {"name": "A Person", "email": email, "password": PASSWORD})
        login = await _call(session, "POST", "/auth/login", {"email": email, "password": PASSWORD})
        headers = {"Authorization": f"Bearer {login['access_token']}"}
        for show in shows:
            room = await _call(session, "GET", f"/showtimes/{show['id']}/seats", headers=headers)
            free = [seat["id"] for seat in room["seats"] if seat["status"] == "available"]
            for count, pair in enumerate(itertools.pairwise(free)):
                if stopping.is_set():
                    return
                if count % 2 == 0:  # the pairs do not overlap
                    await _buy(session, headers, show["id"], list(pair), sales, keep=count % 4 == 0)
    except Exception as error:  # each kind of failure is a failed request
        sales.failures.append(repr(error))


async def _buy(
    session: aiohttp.ClientSession,
    headers: Mapping[str, str],
    showtime_id: int,
    seats: list[int],
    sales: Sales,
    *,
    keep: bool,
) -> None:
    hold = await _call(session, "POST", f"/showtimes/{showtime_id}/holds", {"seat_ids": seats}, headers=headers)
    await _call(session, "GET", f"/showtimes/{showtime_id}/seats", headers=headers)
    await _call(session, "POST", f"/reservations/{hold['id']}/extend", headers=headers)
    await _call(session, "POST", f"/reservations/{hold['id']}/confirm", headers=headers)
    sales.done["confirm"] += 1
    if keep:
        sales.kept[hold["id"]] = seats
    else:
        await _call(session, "POST", f"/reservations/{hold['id']}/cancel", headers=headers)
        sales.done["cancel"] += 1


async def _call(
    session: aiohttp.ClientSession,
    method: str,
    path: str,
    json: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> Any:
    async with session.request(method, path, json=json, headers=headers) as answer:
        if answer.status >= 300:
            raise AssertionError(f"{method} {path}: {answer.status} {await answer.text()}")
        return await answer.json()
