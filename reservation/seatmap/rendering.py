"""Seat maps as JSON, cached by the version they show.

Every request reads the version first, so a map is never older than the request for it. A map that is not cached is
rendered once for all concurrent requests.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from ..db.pool import Database
from ..errors import DomainError
from ..holds.store import Holds, MapState
from ..runtime.batching import Batcher
from .layouts import Layouts, Room
from .occupancy import AVAILABLE, COMMA, Occupancy, read_occupancies

MAX_BYTES = 4 * 1024 * 1024  # of cached maps: some 200 of 200 seats
MAX_IN_A_BATCH = 256  # requests, most often for a few showtimes


@dataclass(frozen=True, slots=True)
class SeatMap:
    """A seat map in JSON, and the state it shows."""

    state: MapState
    body: bytes


class SeatMaps:
    """The seat maps of all showtimes, each rendered once per version."""

    def __init__(self, database: Database, holds: Holds, layouts: Layouts) -> None:
        self._database = database
        self._holds = holds
        self._layouts = layouts
        self._kept: OrderedDict[int, SeatMap] = OrderedDict()
        self._kept_bytes = 0
        self._templates: WeakKeyDictionary[Room, list[bytes]] = WeakKeyDictionary()
        # Two lanes, so that a slow PostgreSQL query of one batch does not delay the next one's reading of Redis.
        self._renders: Batcher[int, SeatMap] = Batcher(self._render, max_batch=MAX_IN_A_BATCH, lanes=2)

    async def at(self, showtime_id: int, state: MapState) -> SeatMap:
        """The map at this state or a later one; raises NotFound and HoldsUnavailable."""
        kept = self._kept.get(showtime_id)
        if kept is not None and kept.state == state:
            self._kept.move_to_end(showtime_id)
            return kept
        return await self._renders.submit(showtime_id)

    async def _render(self, asked: Sequence[int]) -> Sequence[SeatMap | Exception]:
        showtime_ids = list(dict.fromkeys(asked))
        found = await read_occupancies(self._database, self._holds, self._layouts, showtime_ids)
        rendered = {
            showtime_id: one if isinstance(one, DomainError) else self._keep(showtime_id, self._compose(one))
            for showtime_id, one in zip(showtime_ids, found, strict=True)
        }
        return [rendered[showtime_id] for showtime_id in asked]

    def _compose(self, seen: Occupancy) -> SeatMap:
        seats = self._template(seen.room).copy()
        for place, ending in seen.taken().items():
            seats[2 * place + 1] = ending
        head = b'{"showtime_id":%d,"version":%d,"seats":[' % (seen.showtime_id, seen.state.version)
        return SeatMap(seen.state, b"%b%b]}" % (head, b"".join(seats)[: -len(COMMA)]))

    def _template(self, room: Room) -> list[bytes]:
        """Every seat's fragment, each followed by the ending of an available seat."""
        template = self._templates.get(room)
        if template is None:
            template = [piece for fragment in room.fragments for piece in (fragment, AVAILABLE)]
            self._templates[room] = template
        return template

    def _keep(self, showtime_id: int, seat_map: SeatMap) -> SeatMap:
        replaced = self._kept.pop(showtime_id, None)
        self._kept_bytes += len(seat_map.body) - (0 if replaced is None else len(replaced.body))
        self._kept[showtime_id] = seat_map
        while self._kept_bytes > MAX_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.body)
        return seat_map
