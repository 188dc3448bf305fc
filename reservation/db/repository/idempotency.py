"""Idempotency keys: which request each one belongs to, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ...errors import Json
from ..pool import Connection
from ..statements import sql
from .rows import maybe


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The key of a request, the user who sent it, and a digest of the request in 16 bytes."""

    user_id: int
    key: str
    fingerprint: bytes

    @property
    def primary_key(self) -> tuple[int, str]:
        """What is unique for a day."""
        return self.user_id, self.key

    def is_of_another(self, owner_id: int) -> bool:
        """Whether it belongs to somebody else than the reservation: staff who act for a customer."""
        return self.user_id != owner_id


@dataclass(frozen=True, slots=True)
class StoredKey:
    """The row of a key: a refusal, or a reservation, its owner, and the end of its hold as the first answer gave it.

    What changed the reservation after the request is later than `created_at`. `changed_expires_at` is the end of the
    hold at the last change of its seats up to the request, if there was one.
    """

    fingerprint: bytes
    refusal: dict[str, Json] | None
    reservation_id: UUID | None
    created_at: datetime
    owner_id: int | None
    original_expires_at: datetime | None
    changed_expires_at: datetime | None


async def claim(conn: Connection, *, idempotency_key: IdempotencyKey, reservation_id: UUID) -> bool:
    """Insert a key in the transaction that carries its request out; False if it was used within a day."""
    claimed = await conn.fetchval(
        sql("idempotency/claim"),
        idempotency_key.user_id,
        idempotency_key.key,
        idempotency_key.fingerprint,
        reservation_id,
    )
    return claimed is not None


async def find(conn: Connection, *, idempotency_key: IdempotencyKey) -> StoredKey | None:
    """The row of a key that was used within a day."""
    return await maybe(conn, StoredKey, "idempotency/find", idempotency_key.user_id, idempotency_key.key)


async def refuse(conn: Connection, *, idempotency_key: IdempotencyKey, refusal: dict[str, Json]) -> None:
    """Store a final refusal, unless the key was used within a day."""
    await conn.execute(
        sql("idempotency/refuse"),
        idempotency_key.user_id,
        idempotency_key.key,
        idempotency_key.fingerprint,
        refusal,
    )


async def delete_old(conn: Connection, *, row_limit: int) -> int:
    """Delete some of the keys that are more than a day old; returns how many."""
    return len(await conn.fetch(sql("idempotency/delete_old"), row_limit))


def key_columns(keys: Sequence[IdempotencyKey | None]) -> tuple[list[str | None], list[bytes | None]]:
    """The keys and the fingerprints; None for a request without, and empty if no request has one."""
    if not any(keys):
        return [], []
    texts = [None if each is None else each.key for each in keys]
    return texts, [None if each is None else each.fingerprint for each in keys]
