"""Requests that may be repeated: a key is written down with the deed, and says later what became of it.

PostgreSQL keeps the keys, in the very statement or transaction that makes the hold, confirms or cancels: there is no
deed without its key and no key without its deed, whoever is killed in between. Only a lasting no is written down by
itself. What failed for now leaves nothing, and is free to be repeated.

A hold is in Redis before it is in PostgreSQL. Its id tells there which request it is of, so that whoever repeats one
that is on its way is not told that somebody else has the seats.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from time import time_ns
from uuid import UUID

from ..db.pool import Database
from ..db.repository import idempotency, reservations
from ..db.repository.idempotency import Claim, StoredKey
from ..db.repository.reservations import Reservation
from ..errors import DomainError, IdempotencyKeyReused, Json, Unavailable
from ..holds.store import Holds

DELETED_AT_ONCE = 5_000

_UUIDV7 = 7 << 76 | 0b10 << 62  # version and variant, where they are in the number
_REQUEST = (1 << 62) - 1  # the bits of a hold's id that tell its request


@dataclass(frozen=True, slots=True)
class Done:
    """A reservation as it is now, and the end of its hold as it was first promised."""

    reservation: Reservation
    first_expires_at: datetime


class IdempotencyKeys:
    """What became of the requests of all users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, claim: Claim) -> StoredKey | None:
        """What stands under the key; raises IdempotencyKeyReused where it is for another request."""
        async with self._database.connection() as conn:
            standing = await idempotency.find(conn, claim=claim)
        if standing is not None and standing.fingerprint != claim.fingerprint:
            raise IdempotencyKeyReused
        return standing

    async def find_done(self, claim: Claim, standing: StoredKey) -> Done | None:
        """What was done to the reservation that stands under a key; None when it is gone."""
        if standing.reservation_id is None or standing.first_expires_at is None:
            return None
        async with self._database.connection() as conn:
            found = await reservations.find_reservation(
                conn, reservation_id=standing.reservation_id, user_id=claim.user_id
            )
        return None if found is None else Done(found, standing.first_expires_at)

    async def refuse(self, claim: Claim, refusal: dict[str, Json]) -> None:
        """Keep a lasting no; where that fails, whoever repeats the request is told it anew."""
        with suppress(Unavailable):
            async with self._database.connection() as conn:
                await idempotency.refuse(conn, claim=claim, refusal=refusal)


def id_of_hold(claim: Claim) -> UUID:
    """A new UUIDv7 for the hold of a request: 62 of its random bits are the same for each time that it is sent."""
    return UUID(int=time_ns() // 1_000_000 << 80 | secrets.randbits(12) << 64 | _UUIDV7 | _mark(claim))


async def is_on_its_way(holds: Holds, claim: Claim, *, showtime_id: int, seat_ids: Sequence[int]) -> bool:
    """Whether some of the seats are held for the very same request; raises HoldsUnavailable."""
    mark = _mark(claim)
    holders = await holds.holders(showtime_id=showtime_id, seat_ids=seat_ids)
    return any(holder.int & _REQUEST == mark for holder in holders)


def _mark(claim: Claim) -> int:
    what = b"%d\0%s\0%s" % (claim.user_id, claim.key.encode(), claim.fingerprint)
    return int.from_bytes(blake2b(what, digest_size=8).digest()) & _REQUEST


async def delete_old_keys(database: Database) -> None:
    """Delete the idempotency keys that are more than a day old, some at a time; raises Unavailable."""
    deleted = DELETED_AT_ONCE
    while deleted == DELETED_AT_ONCE:
        async with database.connection() as conn:
            deleted = await idempotency.delete_old(conn, row_limit=DELETED_AT_ONCE)


def as_refusal(error: DomainError, code: str) -> dict[str, Json]:
    """A domain error as it is kept."""
    return {"code": code, "detail": str(error), "details": error.details}
