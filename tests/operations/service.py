"""The service as its own process, with the rights of reservation_app, and what is proved at its end."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import aiohttp

from tests.api import Api, Cinema, Person
from tests.conftest import SECRET, UNLIMITED
from tests.operations.cluster import Cluster
from tests.operations.recipes import ROOT
from tests.ports import free_port

START_S = 120.0


@dataclass(frozen=True, slots=True)
class Sales:
    """What was sold before the fault, and who bought it."""

    cinema: Cinema
    customer: Person
    confirmed: Sequence[str]  # answered 200


def environment(database_url: str, redis_url: str) -> dict[str, str]:
    """The service's settings."""
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JWT_SECRET": SECRET, **UNLIMITED}


def _start(cluster: Cluster, redis_url: str, log: Path, port: int) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "reservation", "serve", "--port", str(port), "--no-worker", "--no-migrate",
             "--data-dir", str(log.parent)],
            cwd=ROOT,
            env={
                "PATH": os.defpath,
                "PYTHONPATH": str(ROOT),
                "STOP_DELAY_SECONDS": "0",
                "SHUTDOWN_SECONDS": "3",
                "STATEMENT_TIMEOUT_SECONDS": "30",
                **environment(cluster.url("reservation_web"), redis_url),
            },
            stdout=output,
            stderr=output,
        )  # fmt: skip


@asynccontextmanager
async def serving(cluster: Cluster, redis_url: str, log: Path) -> AsyncIterator[Api]:
    """Run the service for the duration of the block; its log is appended to a file."""
    port = free_port()
    process = _start(cluster, redis_url, log, port)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            await _ready(session, process, log)
            # The session has the methods of a TestClient that Api calls; accounts get their roles as the superuser.
            yield Api(cast("Any", session), cluster.url("postgres"))
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, START_S)


async def _ready(session: aiohttp.ClientSession, process: "subprocess.Popen[bytes]", log: Path) -> None:
    async with asyncio.timeout(START_S):
        while True:
            assert process.poll() is None, f"the service ended: see {log}"
            try:
                async with session.get("/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)


async def sell(api: Api, seats: int) -> Sales:
    """A cinema of 40 seats, of which the first are sold one by one."""
    cinema, customer = await api.cinema(rows=4, seats_per_row=10), await api.sign_up()
    confirmed = [await buy(api, customer, cinema.showtime_id, seat) for seat in cinema.seat_ids[:seats]]
    return Sales(cinema, customer, confirmed)


async def buy(api: Api, customer: Person, showtime_id: int, seat_id: int) -> str:
    """Hold and confirm a seat; the reservation's id."""
    held = await api.hold(customer, showtime_id, [seat_id])
    assert held.status == 201, held.text
    confirmed = await api.confirm(customer, held.json["id"])
    assert confirmed.status == 200, confirmed.text
    return str(held.json["id"])


async def sell_more(api: Api, sales: Sales, seats: int) -> Sales:
    """Sell the next free seats as well."""
    first = len(sales.confirmed)
    more = [
        await buy(api, sales.customer, sales.cinema.showtime_id, seat)
        for seat in sales.cinema.seat_ids[first : first + seats]
    ]
    return replace(sales, confirmed=[*sales.confirmed, *more])


def kept(cluster: Cluster, sales: Sales) -> list[str]:
    """Which of the answered confirms the database has, in their order."""
    return [
        one
        for one in sales.confirmed
        if cluster.run(f"select count(*) from reservations where id = '{one}' and status = 'confirmed'") == 1
    ]


async def check_sales_go_on(api: Api, sales: Sales, *, sold: int) -> None:
    """The map shows exactly the sold seats, a sold one is refused, and the next one can be bought."""
    showtime_id, seat_ids = sales.cinema.showtime_id, sales.cinema.seat_ids
    shown = await api.statuses(showtime_id)
    assert [seat for seat in seat_ids if shown[seat] != "available"] == seat_ids[:sold]
    customer = await api.sign_up()  # a new row: its id comes from a sequence
    assert (await api.hold(customer, showtime_id, seat_ids[:1])).code == "seats_unavailable"
    await buy(api, customer, showtime_id, seat_ids[sold])
    after = await api.statuses(showtime_id)
    assert [seat for seat in seat_ids if after[seat] == "booked"] == seat_ids[: sold + 1]


async def restored(log: Path, event: str = "database_restored") -> None:
    """Wait until the service has written that it found another database."""
    async with asyncio.timeout(START_S):
        while event not in await asyncio.to_thread(log.read_text):
            await asyncio.sleep(0.1)
