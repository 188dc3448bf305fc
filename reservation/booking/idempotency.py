"""Idempotency keys: a request that is sent again is carried out once and gets the first answer.

PostgreSQL stores a key in the statement or transaction that inserts the hold, confirms or cancels: both are committed
or neither, also when the worker is killed. Only a final refusal is stored by itself. A request that failed for now
stores nothing, so it can be sent again.

A hold is in Redis before it is in PostgreSQL. The reservation's id contains a digest of its idempotency key, so that a
repeated request recognises the seats that its first one holds.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from ..db import reservation_ids
from ..db.pool import Database
from ..db.repository import idempotency, reservation_changes, reservations
from ..db.repository.idempotency import IdempotencyKey, StoredKey
from ..db.repository.reservation_rows import Reservation
from ..errors import DomainError, IdempotencyKeyReused, Json, Unavailable
from ..holds.store import Holds

DELETED_AT_ONCE = 5_000

# Of an id's bits of chance the first are the digest of its idempotency key. The rest differs between two requests with
# the same key in the same millisecond.
_RANDOM_BITS = 12
_DIGEST_BITS = reservation_ids.CHANCE_BITS - _RANDOM_BITS


@dataclass(frozen=True, slots=True)
class FirstOutcome:
    """What the first answer is built from again: the reservation with its seats of then, else as it is now.

    `expires_at` is that of the hold before any extension, `changed_expires_at` that at the last change of its seats, if
    there was one, and the answer was built at `answered_at`.
    """

    owner_id: int
    reservation: Reservation
    expires_at: datetime
    changed_expires_at: datetime | None
    answered_at: datetime


async def find_stored_key(database: Database, idempotency_key: IdempotencyKey) -> StoredKey | None:
    """What is stored of a key; raises IdempotencyKeyReused if it belongs to another request."""
    async with database.connection() as conn:
        stored = await idempotency.find(conn, idempotency_key=idempotency_key)
    if stored is not None and stored.fingerprint != idempotency_key.fingerprint:
        raise IdempotencyKeyReused
    return stored


async def find_first_outcome(database: Database, stored: StoredKey) -> FirstOutcome | None:
    """The outcome of the request whose key is stored; None if its reservation is gone."""
    reservation_id, owner_id = stored.reservation_id, stored.owner_id
    if reservation_id is None or owner_id is None or stored.original_expires_at is None:
        return None
    async with database.connection() as conn:
        found = await reservations.find_reservation(conn, reservation_id=reservation_id, user_id=owner_id)
        before = await reservation_changes.find_before_change(conn, reservation_id=reservation_id, at=stored.created_at)
    if found is None:
        return None
    ends = (stored.original_expires_at, stored.changed_expires_at)
    return FirstOutcome(owner_id, before or found, *ends, stored.created_at)


async def store_refusal(database: Database, idempotency_key: IdempotencyKey, refusal: dict[str, Json]) -> None:
    """Store a final refusal; if that fails, a repeated request is decided anew."""
    with suppress(Unavailable):
        async with database.connection() as conn:
            await idempotency.refuse(conn, idempotency_key=idempotency_key, refusal=refusal)


def as_refusal(error: DomainError, code: str) -> dict[str, Json]:
    """A domain error as it is stored."""
    return {"code": code, "detail": str(error), "details": error.details}


def new_reservation_id(showtime_id: int, idempotency_key: IdempotencyKey | None) -> UUID:
    """A new id, of whose bits of chance 22 are the digest of the idempotency key, if there is one."""
    if idempotency_key is None:
        return reservation_ids.new_reservation_id(showtime_id)
    chance = _digest(idempotency_key) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return reservation_ids.new_reservation_id(showtime_id, chance)


async def is_held_by_same_request(
    holds: Holds, idempotency_key: IdempotencyKey, *, showtime_id: int, seat_ids: Sequence[int]
) -> bool:
    """Whether Redis holds some of the seats for a request with this idempotency key; raises HoldsUnavailable."""
    digest = _digest(idempotency_key)
    holders = await holds.holders(showtime_id=showtime_id, seat_ids=seat_ids)
    return any(reservation_ids.chance_of(holder) >> _RANDOM_BITS == digest for holder in holders)


async def delete_old_keys(database: Database) -> None:
    """Delete the idempotency keys that are more than a day old, some at a time; raises Unavailable."""
    deleted = DELETED_AT_ONCE
    while deleted == DELETED_AT_ONCE:
        async with database.connection() as conn:
            deleted = await idempotency.delete_old(conn, row_limit=DELETED_AT_ONCE)


def _digest(idempotency_key: IdempotencyKey) -> int:
    what = b"%d\0%s\0%s" % (idempotency_key.user_id, idempotency_key.key.encode(), idempotency_key.fingerprint)
    return int.from_bytes(blake2b(what, digest_size=4).digest()) >> 32 - _DIGEST_BITS
