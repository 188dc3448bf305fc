"""Requests that may be repeated: a key is claimed before the request is carried out, and says later what became of it.

PostgreSQL keeps the keys, so that they survive Redis and the worker. A yes needs no second write: the claim names the
reservation (that of a hold is given its id there), whose row says whether it was done. A lasting no is written down.
What failed for now is free to be repeated, and so is what a killed worker left behind, when its lease is over.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from .batching import Batcher
from .database import Database
from .errors import DomainError, IdempotencyInFlight, IdempotencyKeyReused, Json, Unavailable
from .repository import idempotency, reservations
from .repository.idempotency import Claim, Deed, Standing
from .repository.reservations import Reservation

MOST_IN_A_BATCH = 64
DELETED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Done:
    """A reservation as it is now, and what was done to it."""

    reservation: Reservation
    deed: Deed


class IdempotencyKeys:
    """The keys of all users; `lease_s` must be longer than a request can take from its claim to its last statement."""

    def __init__(self, database: Database, *, lease_s: float) -> None:
        self._database = database
        self._lease_ms = round(lease_s * 1000)
        self._claims: Batcher[Claim, Standing | None] = Batcher(self._claim, most=MOST_IN_A_BATCH)

    async def claim(self, claim: Claim) -> Standing | None:
        """Claim a key; answers what stands there if it was claimed before.

        Raises IdempotencyKeyReused where it stands for something else.
        """
        standing = await self._claims.submit(claim)
        if standing is not None and standing.fingerprint not in (None, claim.fingerprint):
            raise IdempotencyKeyReused
        return standing

    async def carry_on(self, claim: Claim) -> UUID:
        """Carry out what somebody else had begun, under the reservation's id that is answered.

        Raises IdempotencyInFlight while they may be at it.
        """
        async with self._database.connection() as conn:
            reservation_id = await idempotency.take_over(conn, claim=claim, lease_ms=self._lease_ms)
        if reservation_id is None:
            raise IdempotencyInFlight
        return reservation_id

    async def find_done(self, *, user_id: int, reservation_id: UUID) -> Done | None:
        """What has become of a claim's reservation; None when there is none (yet)."""
        async with self._database.connection() as conn:
            deed = await idempotency.find_deed(conn, reservation_id=reservation_id, user_id=user_id)
            if deed is None:
                return None
            found = await reservations.find_reservation(conn, reservation_id=reservation_id, user_id=user_id)
        return None if found is None else Done(found, deed)

    async def refuse(self, claim: Claim, refusal: dict[str, Json]) -> None:
        """Keep a lasting no; where that fails, whoever repeats the request is told it anew."""
        with suppress(Unavailable):
            async with self._database.connection() as conn:
                await idempotency.refuse(conn, claim=claim, refusal=refusal)

    async def release(self, claim: Claim) -> None:
        """Let the request be repeated at once; where that fails, when its lease is over."""
        with suppress(Unavailable):
            async with self._database.connection() as conn:
                await idempotency.release(conn, claim=claim)

    async def _claim(self, claims: Sequence[Claim]) -> Sequence[Standing | None]:
        """Twins in one batch: the first has the claim, and the others find it there."""
        firsts = {(one.user_id, one.key): one for one in reversed(claims)}
        async with self._database.connection() as conn:
            rows = await idempotency.claim(conn, claims=list(firsts.values()), lease_ms=self._lease_ms)
        if not rows and len(firsts) == len(claims):
            return [None] * len(claims)
        standings = {(row.user_id, row.key): row for row in rows}
        return [
            standings.get(place) or (None if firsts[place] is one else _standing(firsts[place]))
            for one in claims
            for place in [(one.user_id, one.key)]
        ]


async def forget_old(database: Database) -> None:
    """Delete the keys of the day before, some at a time."""
    deleted = DELETED_AT_ONCE
    while deleted == DELETED_AT_ONCE:
        async with database.connection() as conn:
            deleted = await idempotency.delete_old(conn, row_limit=DELETED_AT_ONCE)


def _standing(first: Claim) -> Standing:
    return Standing(first.user_id, first.key, first.fingerprint, first.reservation_id, None)


def as_refusal(error: DomainError, code: str) -> dict[str, Json]:
    """A domain error as it is kept."""
    return {"code": code, "detail": str(error), "details": error.details}
