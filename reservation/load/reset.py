"""Removes what the load users booked, so that a run can be repeated on the same data."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from itertools import count
from typing import Any, TypeVar

import click

from ..db.psycopg_connections import database_name
from ..db.repository import load as repository
from ..errors import HoldsUnavailable
from ..holds.map_versions import MapVersions
from ..holds.prime import Prime
from ..holds.release_calls import HoldRelease
from ..holds.store import Holds
from ..runtime.redis_client import redis_client
from ..settings import Settings
from .access import TargetAccess, check_reachable, database_connection
from .client import Client
from .customers import check_tokens, list_all, local_email, log_in_admin, mint_tokens, remote_email
from .showtimes import expect

Item = TypeVar("Item")
Result = TypeVar("Result")

RESERVATIONS_PER_BATCH = 1000
CALLS_AT_ONCE = 16


async def reset(access: TargetAccess, *, admin: tuple[str, str] | None = None, dry_run: bool = False) -> None:
    """Delete the load users' reservations, or cancel them at a remote target, and say so before; raises LoadError.

    `admin`, of a remote target: the e-mail address and password of an administrator. No account is made there.
    """
    async with access.client() as client:
        await check_reachable(client)
        if access.settings is None:
            await _reset_remotely(client, admin or ("", ""), dry_run=dry_run)
            return
        # The stores must be those of the target.
        await check_tokens(client, await mint_tokens(access.settings, users=1, life_s=0))
    await _reset_stores(access.settings, dry_run=dry_run)


async def _reset_stores(settings: Settings, *, dry_run: bool) -> None:
    """Delete the load users' reservations and the drills' rooms from both stores; no load may run meanwhile."""
    async with (
        redis_client(settings) as redis,
        aclosing(Holds(redis, _never_primes, MapVersions())) as holds,
        database_connection(settings, "load reset") as conn,
    ):
        user_ids = await repository.list_user_ids(conn)
        reservations, drills = await repository.count_leftovers(conn, user_ids=user_ids)
        click.echo(
            f"to be deleted from {database_name(settings.database_url or '')}: {reservations:,} reservations of "
            f"{len(user_ids):,} load users, {drills:,} drill rooms; the accounts stay"
        )
        if dry_run:
            return
        deleted = 0
        while batch := await repository.delete_reservations(conn, user_ids=user_ids, row_limit=RESERVATIONS_PER_BATCH):
            # After the commit, as a cancel does it: drop the keys of their holds, announce that the maps have changed.
            if await holds.release([HoldRelease(*each) for each in batch]):
                raise HoldsUnavailable
            deleted += len(batch)
        rooms = await repository.delete_drills(conn)
    click.echo(f"{deleted:,} reservations and {rooms:,} drill rooms deleted")


async def _never_primes(_: int) -> Prime:
    """A release primes no showtime: it skips those that Redis does not know."""
    raise HoldsUnavailable


async def _reset_remotely(client: Client, admin: tuple[str, str], *, dry_run: bool) -> None:
    """Cancel the load users' held and confirmed reservations as an administrator; the cancelled reservations stay."""
    token = await log_in_admin(client, admin)
    user_ids = [user_id for email in (local_email, remote_email) for user_id in await _find_users(client, token, email)]

    async def list_reservations(user_id: int) -> list[dict[str, Any]]:
        path = f"/admin/reservations?user_id={user_id}&status="
        return [found for status in ("held", "confirmed") async for found in list_all(client, token, path + status)]

    found = [each for some in await _in_batches(list_reservations, user_ids) for each in some]
    held = sum(reservation["status"] == "held" for reservation in found)
    click.echo(
        f"to be cancelled at {client.target.url}: {held:,} holds and {len(found) - held:,} confirmed reservations of "
        f"{len(user_ids):,} load users; the accounts, the reservations' history and the rooms of drills stay"
    )
    if dry_run:
        return

    async def cancel(reservation: dict[str, Any]) -> bool:
        path = f"/admin/reservations/{reservation['id']}/cancel"
        answer = await client.call("POST", path, token=token, body={"reason": "load test"})
        if answer.status not in (409, 410):
            expect(answer, 200, f"the cancel of reservation {reservation['id']}")
        return answer.status == 200

    refused = (await _in_batches(cancel, found)).count(False)
    late = f", {refused:,} could not be" if refused else ""
    click.echo(f"{len(found) - refused:,} reservations cancelled{late}")


async def _in_batches(call: Callable[[Item], Awaitable[Result]], items: Sequence[Item]) -> list[Result]:
    """The results of all the calls, of which some are made at once, in the order of the items."""
    results: list[Result] = []
    for first in range(0, len(items), CALLS_AT_ONCE):
        results += await asyncio.gather(*map(call, items[first : first + CALLS_AT_ONCE]))
    return results


async def _find_users(client: Client, token: str, email: Callable[[int], str]) -> list[int]:
    """The ids of the load users whose addresses are made by `email`, from number 1 on until many are missing."""
    ids: list[int] = []
    for first in count(1, CALLS_AT_ONCE):
        paths = [f"/admin/users?email={email(number)}" for number in range(first, first + CALLS_AT_ONCE)]
        pages = await asyncio.gather(*(client.call("GET", path, token=token) for path in paths))
        some = [item["id"] for page in pages for item in expect(page, 200, "the users")["items"]]
        if not some:
            break
        ids += some
    return ids
