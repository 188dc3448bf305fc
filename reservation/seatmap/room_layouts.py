"""The layouts of rooms as JSON: their seats without prices and statuses, which change with a showtime."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import orjson

from ..db.pool import Database
from ..db.repository import auditoriums
from ..db.repository.auditoriums import RoomPlan
from ..errors import NotFound
from ..runtime.batching import Batcher
from .bounded_cache import BoundedCache
from .drawing import compress

MAX_BYTES = 8 * 1024 * 1024  # some 400 rooms of 200 seats
READ_AT_ONCE = 16
TAG_BYTES = 16


@dataclass(frozen=True)
class RoomLayout:
    """A room's layout at a version of its plan."""

    version: int
    body: bytes

    @cached_property
    def etag(self) -> str:
        """A digest: after a restore of PostgreSQL, versions may come again with other seats."""
        return blake2b(self.body, digest_size=TAG_BYTES).hexdigest()

    @cached_property
    def compressed_body(self) -> bytes:
        """The body by gzip."""
        return compress(self.body)


class RoomLayouts:
    """The layouts that were used last. Each request reads the version of the plan, many of them together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: BoundedCache[int, RoomLayout] = BoundedCache(MAX_BYTES, lambda kept: len(kept.body))
        self._readings: Batcher[int, RoomLayout] = Batcher(self._read, max_batch=READ_AT_ONCE, name="room_layouts")

    async def current(self, auditorium_id: int) -> RoomLayout:
        """A room's layout as it is now; raises NotFound."""
        return await self._readings.submit(auditorium_id)

    def forget(self) -> None:
        """PostgreSQL was restored."""
        self._kept.clear()

    async def _read(self, asked: Sequence[int]) -> Sequence[RoomLayout | Exception]:
        known = {auditorium_id: self._kept.get(auditorium_id) for auditorium_id in asked}
        versions = {auditorium_id: 0 if kept is None else kept.version for auditorium_id, kept in known.items()}
        async with self._database.connection() as conn:
            plans = await auditoriums.plans(conn, known_versions=versions)
        found: dict[int, RoomLayout] = {}
        for plan in plans:
            kept = known[plan.auditorium_id]
            if kept is None or kept.version != plan.plan_version:
                kept = RoomLayout(plan.plan_version, _body(plan))
                self._kept.put(plan.auditorium_id, kept)
            found[plan.auditorium_id] = kept
        return [found.get(each) or NotFound("There is no such auditorium.") for each in asked]


def _body(plan: RoomPlan) -> bytes:
    names = ("id", "row_label", "seat_number", "seat_type", "price_modifier", "x", "y")
    columns = (
        *(plan.seat_ids, plan.row_labels, plan.seat_numbers, plan.seat_types),
        *(plan.price_modifiers, plan.xs, plan.ys),
    )
    seats = [dict(zip(names, seat, strict=True)) for seat in zip(*columns, strict=True)]
    return orjson.dumps({"auditorium_id": plan.auditorium_id, "version": plan.plan_version, "seats": seats})
