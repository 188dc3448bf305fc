"""Removes what the load users booked, so that a run can be repeated on the same data."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ..db.repository import load as repository
from ..errors import HoldsUnavailable
from ..holds.prime import Prime
from ..holds.store import HoldRelease, Holds
from ..runtime.redis_client import redis_client
from ..settings import Settings
from .access import TargetAccess, check_reachable, database_connection
from .client import Client
from .customers import SPARE_S, check_tokens, mint_tokens, tokens_for
from .showtimes import expect

RESERVATIONS_PER_BATCH = 1000


@dataclass(slots=True)
class Removed:
    """What was removed; `refused` counts the cancels that the service refused as too late."""

    reservations: int = 0
    drills: int = 0
    refused: int = 0


async def reset(access: TargetAccess, *, users: int) -> Removed:
    """Delete the load users' reservations, or cancel them through the API of a remote target; raises LoadError."""
    async with access.client() as client:
        await check_reachable(client)
        if access.settings is None:
            return await _reset_remotely(client, await tokens_for(client, access, users=users, life_s=SPARE_S))
        # The stores must be those of the target.
        await check_tokens(client, await mint_tokens(access.settings, users=1, life_s=0))
    return await _reset_stores(access.settings)


async def _reset_stores(settings: Settings) -> Removed:
    """Delete the load users' reservations and the drills' rooms from both stores; no load may run meanwhile."""
    removed = Removed()
    async with (
        redis_client(settings) as redis,
        aclosing(Holds(redis, _never_primes)) as holds,
        database_connection(settings, "load reset") as conn,
    ):
        user_ids = await repository.list_user_ids(conn)
        while batch := await repository.delete_reservations(conn, user_ids=user_ids, row_limit=RESERVATIONS_PER_BATCH):
            # After the commit, as a cancel does it: drop the keys of their holds, announce that the maps have changed.
            if await holds.release([HoldRelease(*deleted) for deleted in batch]):
                raise HoldsUnavailable
            removed.reservations += len(batch)
        removed.drills = await repository.delete_drills(conn)
    return removed


async def _never_primes(_: int) -> Prime:
    """A release primes no showtime: it skips those that Redis does not know."""
    raise HoldsUnavailable


async def _reset_remotely(client: Client, tokens: Sequence[str]) -> Removed:
    """Cancel the load users' held and confirmed reservations; the cancelled reservations stay."""
    removed = Removed()
    for token in tokens:
        for status in ("held", "confirmed"):
            await _cancel_all(client, token, status, removed)
    return removed


async def _cancel_all(client: Client, token: str, status: str, removed: Removed) -> None:
    cursor: str | None = ""
    while cursor is not None:
        path = f"/reservations?limit=200&status={status}{cursor}"
        page = expect(await client.call("GET", path, token=token), 200, "the reservations")
        for reservation in page["items"]:
            answer = await client.call("POST", f"/reservations/{reservation['id']}/cancel", token=token)
            if answer.status in (409, 410):
                removed.refused += 1
            else:
                expect(answer, 200, f"the cancel of reservation {reservation['id']}")
                removed.reservations += 1
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
