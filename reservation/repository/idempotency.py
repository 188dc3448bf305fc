"""Requests under a key that clients may repeat."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..database import Connection
from ..errors import Json
from ..queries import sql
from .rows import every, maybe


@dataclass(frozen=True, slots=True)
class Claim:
    """A request under a key: whose, a digest of what is asked in 16 bytes, and the reservation that it is about."""

    user_id: int
    key: str
    fingerprint: bytes
    reservation_id: UUID


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands under a key that was claimed before; nulls while it is being written."""

    user_id: int
    key: str
    fingerprint: bytes | None
    reservation_id: UUID | None
    refusal: dict[str, Json] | None


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done to a reservation: whether it was ever confirmed, and the end of its hold as first promised."""

    confirmed: bool
    first_expires_at: datetime


async def claim(conn: Connection, *, claims: Sequence[Claim], lease_ms: int) -> list[Standing]:
    """Claim keys, each of a user once; answers those that somebody had claimed before, in any order."""
    return await every(
        conn,
        Standing,
        "idempotency/claim",
        [one.user_id for one in claims],
        [one.key for one in claims],
        [one.fingerprint for one in claims],
        [one.reservation_id for one in claims],
        lease_ms,
    )


async def take_over(conn: Connection, *, claim: Claim, lease_ms: int) -> UUID | None:
    """Carry on with a request whose lease has ended: its reservation's id, or None while somebody may be at it."""
    reservation_id: UUID | None = await conn.fetchval(
        sql("idempotency/take_over"), claim.user_id, claim.key, claim.fingerprint, lease_ms
    )
    return reservation_id


async def release(conn: Connection, *, claim: Claim) -> None:
    """Let whoever repeats the request carry it out at once."""
    await conn.execute(sql("idempotency/release"), claim.user_id, claim.key, claim.fingerprint)


async def refuse(conn: Connection, *, claim: Claim, refusal: dict[str, Json]) -> None:
    """Keep a lasting no."""
    await conn.execute(sql("idempotency/refuse"), claim.user_id, claim.key, claim.fingerprint, refusal)


async def delete_old(conn: Connection, *, row_limit: int) -> int:
    """Forget keys of the day before; answers how many."""
    return len(await conn.fetch(sql("idempotency/delete_old"), row_limit))


async def find_deed(conn: Connection, *, reservation_id: UUID, user_id: int) -> Deed | None:
    """What was done to a user's own reservation."""
    return await maybe(conn, Deed, "idempotency/find_deed", reservation_id, user_id)
