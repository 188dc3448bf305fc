"""The seat maps of all showtimes: read once for each version, and drawn once for each that is asked for.

Every request reads the version first, or the map itself, so a map is never older than the request for it. Statuses are
kept as a letter a seat, for many showtimes; their drawings, which are a hundred times larger, for few, only from the
second drawing of a showtime on. So a visit of very many showtimes leaves no drawings behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..db.pool import Database
from ..errors import DomainError
from ..holds.store import Holds
from ..runtime.batching import Batcher
from .bounded_cache import BoundedCache
from .drawing import Drawing, Frame, compress, draw, draw_compressed
from .layouts import Layouts
from .occupancy import read_occupancies
from .rooms import Room

MAX_STATUS_BYTES = 8 * 1024 * 1024  # some 14,000 maps of 200 seats
MAX_DRAWN_BYTES = 32 * 1024 * 1024  # some 1,500 maps of 200 seats
MAX_PACKED_BYTES = 1024 * 1024  # of compressed statuses, of rooms of more than 1,000 seats
MAP_BYTES = 400  # of a map, besides its statuses
MAX_IN_A_BATCH = 256  # requests, most often for a few showtimes


@dataclass(slots=True, eq=False)
class SeatMap:
    """The statuses of a showtime's seats at a version, one letter each, in the order of the layout.

    `was_drawn`: so was the map before; the next drawing is kept.
    """

    showtime_id: int
    version: int
    room: Room
    statuses: bytes
    was_drawn: bool = False

    def frame(self, since: bytes = b"") -> Frame:
        """What is before and after the seats in JSON; `since` is a member before them, with its comma."""
        return b'{"showtime_id":%d,"version":%d,%b"seats":[' % (self.showtime_id, self.version, since), b"]}"


class SeatMaps:
    """The maps that were used last."""

    def __init__(self, database: Database, holds: Holds, layouts: Layouts) -> None:
        self._database = database
        self._holds = holds
        self._layouts = layouts
        self.maps: BoundedCache[int, SeatMap] = BoundedCache(
            MAX_STATUS_BYTES, lambda kept: MAP_BYTES + len(kept.statuses)
        )
        self.drawings: BoundedCache[tuple[int, bool], tuple[SeatMap, Drawing]] = BoundedCache(
            MAX_DRAWN_BYTES, lambda kept: len(kept[1].body)
        )
        self.packed_statuses: BoundedCache[int, tuple[SeatMap, bytes]] = BoundedCache(
            MAX_PACKED_BYTES, lambda kept: len(kept[1])
        )
        # Two lanes, so that a slow PostgreSQL query of one batch does not delay the next one's reading of Redis.
        self._readings: Batcher[int, SeatMap] = Batcher(self._read, max_batch=MAX_IN_A_BATCH, name="seat_maps", lanes=2)

    async def current(self, showtime_id: int) -> SeatMap:
        """The map as it is now; raises NotFound and HoldsUnavailable."""
        if self.maps.get(showtime_id) is None:
            return await self._readings.submit(showtime_id)
        return await self.at(showtime_id, (await self._holds.state(showtime_id)).version)

    async def at(self, showtime_id: int, version: int) -> SeatMap:
        """The map at this version, which was just read, or a later one; raises NotFound and HoldsUnavailable."""
        kept = self.maps.get(showtime_id)
        if kept is not None and kept.version == version:
            return kept
        return await self._readings.submit(showtime_id)

    def body(self, seat_map: SeatMap, *, compressed: bool = False) -> bytes:
        """The map as JSON, or that compressed by gzip."""
        return self._drawing(seat_map, compressed=compressed).body

    def body_without_since(self, seat_map: SeatMap, *, compressed: bool) -> bytes:
        """The same with `"since":null`; not kept, since few ask for it."""
        frame = seat_map.frame(b'"since":null,')
        plain = draw(seat_map.room, seat_map.statuses, frame, self._drawing(seat_map, compressed=False))
        if not compressed:
            return plain.body
        return draw_compressed(plain, frame, self._drawing(seat_map, compressed=True)).body

    def statuses(self, seat_map: SeatMap, *, compressed: bool) -> bytes:
        """The statuses alone as JSON, or that compressed by gzip."""
        body = b'{"showtime_id":%d,"version":%d,"auditorium_id":%d,"layout_version":%d,"statuses":"%b"}' % (
            seat_map.showtime_id,
            seat_map.version,
            seat_map.room.plan.auditorium_id,
            seat_map.room.plan.version,
            seat_map.statuses,
        )
        if not compressed:
            return body
        kept = self.packed_statuses.get(seat_map.showtime_id)
        if kept is None or kept[0] is not seat_map:
            kept = seat_map, compress(body)
            self.packed_statuses.put(seat_map.showtime_id, kept)
        return kept[1]

    def _drawing(self, seat_map: SeatMap, *, compressed: bool) -> Drawing:
        key = seat_map.showtime_id, compressed
        kept = self.drawings.get(key)
        if kept is not None and kept[0] is seat_map:
            return kept[1]
        before = None if kept is None else kept[1]
        seat_map.was_drawn = is_kept = seat_map.was_drawn or before is not None
        if compressed:
            drawing = draw_compressed(self._drawing(seat_map, compressed=False), seat_map.frame(), before)
        else:
            drawing = draw(seat_map.room, seat_map.statuses, seat_map.frame(), before)
        if is_kept:
            self.drawings.put(key, (seat_map, drawing))
        seat_map.was_drawn = True
        return drawing

    async def _read(self, asked: Sequence[int]) -> Sequence[SeatMap | Exception]:
        showtime_ids = list(dict.fromkeys(asked))
        found: dict[int, SeatMap | Exception] = {}
        seen_all = await read_occupancies(self._database, self._holds, self._layouts, showtime_ids)
        for showtime_id, seen in zip(showtime_ids, seen_all, strict=True):
            if isinstance(seen, DomainError):
                found[showtime_id] = seen
            else:
                before = self.maps.get(showtime_id)
                was_drawn = before is not None and before.was_drawn
                seat_map = SeatMap(showtime_id, seen.version, seen.room, seen.statuses(), was_drawn)
                self.maps.put(showtime_id, seat_map)
                found[showtime_id] = seat_map
        return [found[showtime_id] for showtime_id in asked]
