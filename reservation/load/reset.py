"""Removes what the load users booked, so that a run can be repeated on the same data."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from ..db.pool_options import tool_limits
from ..db.repository import load as repository
from ..errors import HoldsUnavailable
from ..holds.store import HoldRelease, Holds, Prime
from ..runtime.redis_client import redis_client
from ..settings import Settings
from .client import Client
from .showtimes import expect

RESERVATIONS_A_BATCH = 1000
CANCELLATIONS = ("held", "confirmed")


@dataclass(slots=True)
class Removed:
    """What was removed; `refused` counts the cancellations that the service refused as too late."""

    reservations: int = 0
    drills: int = 0
    refused: int = 0


async def reset_stores(settings: Settings) -> Removed:
    """Delete the load users' reservations and the drills' rooms from both stores; no load may run meanwhile."""
    removed = Removed()
    redis = redis_client(settings)
    holds = Holds(redis, _never_primes)
    conn: repository.Connection = await asyncpg.connect(
        settings.database_url, server_settings=tool_limits("load reset")
    )
    try:
        user_ids = await repository.list_user_ids(conn)
        while batch := await repository.delete_reservations(conn, user_ids=user_ids, row_limit=RESERVATIONS_A_BATCH):
            # After the commit, as a cancel does it: drop the keys of their holds, announce that the maps have changed.
            releases = [HoldRelease(one.showtime_id, one.reservation_id, one.seat_ids) for one in batch]
            if await holds.release(releases):
                raise HoldsUnavailable
            removed.reservations += len(batch)
        removed.drills = await repository.delete_drills(conn)
    finally:
        await conn.close()
        await redis.aclose()
    return removed


async def reset_remotely(client: Client, tokens: Sequence[str]) -> Removed:
    """Cancel whatever the load users hold or have confirmed; their history stays."""
    removed = Removed()
    for token in tokens:
        for status in CANCELLATIONS:
            await _cancel_all(client, token, status, removed)
    return removed


async def _never_primes(_: int) -> Prime:
    """A release primes no showtime: it skips those that Redis does not know."""
    raise HoldsUnavailable


async def _cancel_all(client: Client, token: str, status: str, removed: Removed) -> None:
    cursor = ""
    while True:
        path = f"/reservations?limit=200&status={status}{cursor}"
        page = expect(await client.fetch(client.target.request("GET", path, token=token)), 200, "the reservations")
        for reservation in page["items"]:
            request = client.target.request("POST", f"/reservations/{reservation['id']}/cancel", token=token)
            answer = await client.fetch(request)
            if answer.status in (409, 410):
                removed.refused += 1
            else:
                expect(answer, 200, f"the cancel of reservation {reservation['id']}")
                removed.reservations += 1
        if page["next_cursor"] is None:
            return
        cursor = f"&cursor={page['next_cursor']}"
