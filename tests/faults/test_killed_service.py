"""kill -9 in the middle of sales: every answered confirm is there afterwards, and no seat is sold twice."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psycopg
import pytest
from psycopg import sql as psql

from reservation.embedded import Embedded, attach, embedded_servers
from tests.conftest import SECRET
from tests.faults.test_serving import Instance, serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes through /proc")
CUSTOMER = {"email": "customer@example.com", "password": "demo-customer-password"}
SEATS = 120
INSTANCES = 6


async def sell(
    session: aiohttp.ClientSession, base: str, showtime_id: int, seat: int, answered: dict[str, int]
) -> None:
    """Hold and confirm one seat, and remember what was answered; a broken connection is no answer."""
    try:
        async with session.post(f"{base}/showtimes/{showtime_id}/holds", json={"seat_ids": [seat]}) as response:
            held: Any = await response.json()
            if response.status != 201:
                return
        async with session.post(f"{base}/reservations/{held['id']}/confirm") as response:
            if response.status == 200:
                answered[held["id"]] = seat
    except aiohttp.ClientError:
        return


async def sell_until(base: str, answered: dict[str, int], kill: "asyncio.Event", after: int) -> None:
    """Sell a showtime seat by seat, eight at a time, and ask for the kill when so many are sold."""
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{base}/auth/login", json=CUSTOMER) as response:
            session.headers["Authorization"] = f"Bearer {(await response.json())['access_token']}"
        async with session.get(f"{base}/showtimes?limit=1") as response:
            showtime_id = (await response.json())["items"][0]["id"]
        async with session.get(f"{base}/showtimes/{showtime_id}/seats") as response:
            seats = [seat["id"] for seat in (await response.json())["seats"] if seat["status"] == "available"]
        queue = iter(seats[:SEATS])

        async def customer() -> None:
            for seat in queue:
                await sell(session, base, showtime_id, seat, answered)
                if len(answered) >= after:
                    kill.set()

        await asyncio.gather(*(customer() for _ in range(8)))
        kill.set()


async def sell_and_kill(instance: Instance, victim: int | None, answered: dict[str, int]) -> None:
    kill = asyncio.Event()
    selling = asyncio.create_task(sell_until(f"http://127.0.0.1:{instance.port}", answered, kill, after=20))
    await kill.wait()
    if victim is None:
        instance.process.kill()
    else:
        os.kill(victim, signal.SIGKILL)
    await selling


async def booked(running: Embedded) -> dict[int, str]:
    connection = await asyncpg.connect(running.database_url)
    rows = await connection.fetch(
        "select b.seat_id, b.reservation_id from booked_seats b join reservations r on r.id = b.reservation_id"
        " where r.status = 'confirmed'"
    )
    await connection.close()
    return {row["seat_id"]: str(row["reservation_id"]) for row in rows}


def audit(data_dir: Path) -> str:
    command = [sys.executable, "-m", "reservation", "audit", "--data-dir", str(data_dir)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout.strip()


@pytest.mark.parametrize("whom", ["the supervisor", "a worker"])
def test_sigkill_during_sales_loses_no_answered_confirm(data_dir: Path, whom: str) -> None:
    answered: dict[str, int] = {}
    with serving(data_dir, "--demo", "--workers", "2") as instance:
        victim = min(instance.workers()) if whom == "a worker" else None
        asyncio.run(sell_and_kill(instance, victim, answered))
    assert len(answered) >= 20

    with serving(data_dir) as again:
        running = attach(data_dir)
        assert running is not None
        owners = asyncio.run(booked(running))
        assert {seat: owners.get(seat) for seat in answered.values()} == {seat: who for who, seat in answered.items()}
        assert audit(data_dir) == "audit: every invariant holds"
        assert again.stop(signal.SIGTERM) == 0


@pytest.mark.long
def test_six_instances_started_at_once_migrate_and_seed_once(tmp_path: Path) -> None:
    """As in a deployment: six of them on one empty database."""
    with embedded_servers(tmp_path / "stores", fast=True) as running:
        instances = [
            Instance(
                tmp_path / f"instance-{number}",
                "--demo",
                DATABASE_URL=running.database_url,
                REDIS_URL=running.redis_url,
                JWT_SECRET=SECRET,
            )
            for number in range(INSTANCES)
        ]
        try:
            assert all(instance.ready() for instance in instances), [each.printed() for each in instances]
            assert sum("applied migration 0001_booking" in each.printed() for each in instances) == 1
            assert {each.status("/ready") for each in instances} == {200}
            with psycopg.connect(running.database_url) as connection:
                counts = [
                    connection.execute(psql.SQL("select count(*) from {}").format(psql.Identifier(table))).fetchone()
                    for table in ("auditoriums", "movies", "users")
                ]
            assert counts == [(3,), (500,), (1,)]  # the demo's administrator is for embedded stores alone
            assert [each.stop() for each in instances] == [0] * INSTANCES
        finally:
            for instance in instances:
                instance.process.kill()
                instance.process.wait()
