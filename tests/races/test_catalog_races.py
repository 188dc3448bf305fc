"""Concurrent writes of showtimes: no overlap, no deadlock, and each response is right."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from reservation.db.repository import audit
from tests.api import Answer, Api

START = datetime(2031, 1, 1, tzinfo=UTC)
ROOMS = 5
BATCHES = 8
ITEMS = 60


def showtime(movie_id: int, room: int, slot: int, minutes: int) -> dict[str, Any]:
    starts_at = START + timedelta(minutes=slot)
    ends_at = starts_at + timedelta(minutes=minutes)
    return {
        "movie_id": movie_id,
        "auditorium_id": room,
        "starts_at": starts_at.isoformat(),
        "ends_at": ends_at.isoformat(),
        "base_price": "9.00",
    }


@pytest.mark.parametrize("all_or_nothing", [False, True])
async def test_racing_batches_create_no_overlap(
    api: Api, db: "asyncpg.Connection[asyncpg.Record]", all_or_nothing: bool
) -> None:
    """Each batch has the auditoriums in another order; to lock them in that order would be a deadlock."""
    movie_id, admin = await api.movie(), await api.admin()
    rooms = [(await api.auditorium())[0] for _ in range(ROOMS)]
    chance = random.Random(3)
    batches = [
        [
            showtime(movie_id, chance.choice(rooms), chance.randrange(0, 6000, 5), chance.randrange(60, 180))
            for _ in range(2 if all_or_nothing else ITEMS)
        ]
        for _ in range(BATCHES)
    ]

    async def send(batch: list[dict[str, Any]]) -> Answer:
        body = {"showtimes": batch, "all_or_nothing": all_or_nothing}
        return await api.call("POST", "/admin/showtimes/batch", body, who=admin)

    # Single showtimes and moves between auditoriums run beside the batches.
    alone = [showtime(movie_id, room, chance.randrange(0, 6000), 90) for room in rooms * 4]
    answers = await asyncio.gather(
        *(send(batch) for batch in batches),
        *(api.call("POST", "/admin/showtimes", each, who=admin) for each in alone),
    )

    told: Counter[int] = Counter(answer.status for answer in answers)
    assert set(told) <= {200, 201, 409}, told
    created = [
        result["showtime"]["id"]
        for answer in answers
        if answer.status == 200
        for result in answer.json["results"]
        if result["status"] == "created"
    ]
    created += [answer.json["id"] for answer in answers if answer.status == 201]
    assert sorted(created) == [row["id"] for row in await db.fetch("select id from showtimes order by id")]
    assert created
    assert await audit.violations(db, rule="audit/overlapping_showtimes", row_limit=10) == []


async def test_moves_deletes_and_batches_do_not_deadlock(api: Api, db: "asyncpg.Connection[asyncpg.Record]") -> None:
    movie_id, admin = await api.movie(), await api.admin()
    rooms = [(await api.auditorium())[0] for _ in range(2)]
    there = [await api.make("/admin/showtimes", showtime(movie_id, rooms[0], 200 * n, 100)) for n in range(12)]

    def moved(number: int) -> dict[str, Any]:
        return showtime(movie_id, rooms[1], 200 * number, 100)

    batch = {"showtimes": [showtime(movie_id, room, 200 * n, 150) for n in range(12) for room in reversed(rooms)]}
    answers = await asyncio.gather(
        *(
            api.call("PUT", f"/admin/showtimes/{each['id']}", moved(number), who=admin)
            if number % 2
            else api.call("DELETE", f"/admin/showtimes/{each['id']}", who=admin)
            for number, each in enumerate(there)
        ),
        *(api.call("POST", "/admin/showtimes/batch", batch, who=admin) for _ in range(2)),
    )

    assert {answer.status for answer in answers} <= {200, 204, 409}, [answer.text for answer in answers]
    assert await audit.violations(db, rule="audit/overlapping_showtimes", row_limit=10) == []
