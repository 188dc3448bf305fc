"""Requests under a key that clients may repeat."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ...errors import Json
from ..pool import Connection
from ..statements import sql
from .rows import maybe


@dataclass(frozen=True, slots=True)
class Claim:
    """A request under a key: whose, and a digest of what is asked in 16 bytes."""

    user_id: int
    key: str
    fingerprint: bytes

    @property
    def place(self) -> tuple[int, str]:
        """What there is one of within a day."""
        return self.user_id, self.key


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What stands under a key: a refusal, or a reservation and the end of its hold as it was first promised."""

    fingerprint: bytes
    refusal: dict[str, Json] | None
    reservation_id: UUID | None
    first_expires_at: datetime | None


async def claim(conn: Connection, *, claim: Claim, reservation_id: UUID) -> bool:
    """Write a key down in the transaction that carries its request out; False if it was used within a day."""
    claimed = await conn.fetchval(sql("idempotency/claim"), claim.user_id, claim.key, claim.fingerprint, reservation_id)
    return claimed is not None


async def find(conn: Connection, *, claim: Claim) -> StoredKey | None:
    """What stands under a key."""
    return await maybe(conn, StoredKey, "idempotency/find", claim.user_id, claim.key)


async def refuse(conn: Connection, *, claim: Claim, refusal: dict[str, Json]) -> None:
    """Keep a lasting no, unless something else stands under the key."""
    await conn.execute(sql("idempotency/refuse"), claim.user_id, claim.key, claim.fingerprint, refusal)


async def delete_old(conn: Connection, *, row_limit: int) -> int:
    """Forget keys of the day before; answers how many."""
    return len(await conn.fetch(sql("idempotency/delete_old"), row_limit))
