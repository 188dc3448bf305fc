"""Reads from PostgreSQL what showtimes are primed with in Redis."""

from collections.abc import Sequence
from uuid import UUID

from ..db.pool import Database
from ..db.repository import showtimes
from ..errors import NotFound
from ..holds.map_versions import MapVersions
from ..holds.prime import LiveHold, Prime
from ..runtime.batching import Batcher

READ_AT_ONCE = 64  # when a sale begins, or Redis has lost its data, many showtimes are touched for the first time


class Primer:
    """Reads a new version and the live holds of a showtime, together with those of concurrent callers."""

    def __init__(self, database: Database, versions: MapVersions) -> None:
        self._database, self._versions = database, versions
        self._readings: Batcher[int, Prime] = Batcher(self._read, max_batch=READ_AT_ONCE, name="priming", lanes=2)

    async def __call__(self, showtime_id: int) -> Prime:
        """Read one; raises NotFound, so that invented ids cannot fill Redis."""
        return await self._readings.submit(showtime_id)

    async def _read(self, showtime_ids: Sequence[int]) -> Sequence[Prime | Exception]:
        async with self._database.connection() as conn:
            rows = await showtimes.prime(conn, showtime_ids=showtime_ids)
        found = {
            row.showtime_id: prime_of(
                self._versions.of_priming(row.version), row.seat_ids, row.reservation_ids, row.ttls_ms
            )
            for row in rows
        }
        return [found.get(each) or NotFound("There is no such showtime.") for each in showtime_ids]


def prime_of(version: int, seat_ids: Sequence[int], holders: Sequence[UUID], ttls_ms: Sequence[int]) -> Prime:
    """A Prime of the columns that PostgreSQL returns."""
    return Prime(version, tuple(map(LiveHold, seat_ids, holders, ttls_ms)))
