"""A seat map as its followers know it: what has changed since which version, and the events that tell them.

A version counts the changes that whoever has the map at that version has seen; they may have seen a booking, too, that
is counted only later, and between two looks of ours a seat may have been held and released, and shown as held to them.
So looks at the stores alone do not tell who lacks what: every change is told by Redis with its version and its seats.
Those seats are told to the followers when their version is reached, whether or not they look any different then. A map
never claims a version that it has not been told of, so nothing that counts up to there can be missing.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence

from .layouts import Room
from .occupancy import AVAILABLE, COMMA, Occupancy

MAX_REMEMBERED = 1000  # changes; who is behind by more gets the whole map
MAX_LACKING_BYTES = 128 * 1024  # of what is kept for those who come from the same versions


class Frame:
    """An event on the wire: as it is, and as a chunk of a response in HTTP/1.1, which is made when somebody wants it.

    All viewers are written the same bytes, so that those who read slowly cost no copies.
    """

    __slots__ = ("_chunked", "plain")

    def __init__(self, plain: bytes) -> None:
        self.plain = plain
        self._chunked: bytes | None = None

    @property
    def chunked(self) -> bytes:
        """As a chunk."""
        if self._chunked is None:
            self._chunked = b"%x\r\n%b\r\n" % (len(self.plain), self.plain)
        return self._chunked


def event(name: bytes, data: bytes, version: int | None = None) -> Frame:
    """A Server-Sent Event with data of one line; with its version as its id."""
    numbered = b"" if version is None else b"id: %d\n" % version
    return Frame(b"event: %b\n%bdata: %b\n\n" % (name, numbered, data))


class FollowedMap:
    """What the followers of one showtime have been told; it is fed with looks at the stores, and with notices."""

    def __init__(self, showtime_id: int) -> None:
        self.showtime_id = showtime_id
        self.version = 0  # that followers may claim
        self._is_told = False
        self._is_anew = True  # nobody knows what the others lack
        self._begun = 0  # the version from which on every change is told
        self._heard = 0  # the last one that was
        self._seen = -1  # that of the last look
        self._told: deque[tuple[int, Sequence[int]]] = deque()  # beyond the last look
        self._floor = 0  # below it nothing is remembered
        self._remembered: deque[tuple[int, Iterable[int]]] = deque()  # what who is below the version may lack
        self._room: Room | None = None
        self._layout = 0
        self._endings: list[bytes] = []
        self._snapshot: Frame | None = None
        self._lacking: OrderedDict[int, bytes] = OrderedDict()
        self._lacking_bytes = 0

    @property
    def is_told(self) -> bool:
        """Whether all changes are told of; while they are not, nothing new is shown."""
        return self._is_told

    @property
    def heard(self) -> int:
        """The last version that was told of."""
        return self._heard

    @property
    def is_behind(self) -> bool:
        """Whether there is something to look at."""
        return self._is_told and self._heard > self._seen

    def begin(self, version: int) -> None:
        """Every change after this version will be told; of those before, nothing is known any more."""
        self._is_told = True
        self._begun = max(self._begun, version)
        self._heard = max(self._heard, version)
        self._seen, self._is_anew = -1, True

    def lose_track(self) -> None:
        """AuthInvalidation no longer arrive, so that nothing can be said until `begin`."""
        self._is_told = False
        self._heard = self._begun = 0
        self._told.clear()

    def hear(self, version: int, seat_ids: Sequence[int]) -> None:
        """The map has changed, and these seats may look different."""
        if version > self._heard:
            self._heard = version
            if seat_ids:
                self._told.append((version, seat_ids))
            if len(self._told) > MAX_REMEMBERED:  # nobody has looked for long: the next look begins anew, from here
                self._told.clear()
                self._begun, self._seen, self._is_anew = version, -1, True

    def show(self, look: Occupancy) -> Frame | None:
        """The event about what this look has brought, if anything."""
        version = look.state.version
        if not self._is_told or version < max(self._begun, self._seen):
            return None  # a look from before
        self._seen = version
        endings = [AVAILABLE] * len(look.room.fragments)
        for place, ending in look.taken().items():
            endings[place] = ending
        before, self._endings = self._endings, endings
        if self._is_anew or look.room is not self._room or look.state.layout != self._layout:
            return self._show_all(look)
        changed = {place for place, ending in enumerate(endings) if ending is not before[place]}
        if changed:
            seat_ids = [*look.room.places]
            self._remembered.append((version, [seat_ids[place] for place in changed]))
        return self._advance(changed)

    def catch_up(self) -> Frame | None:
        """The event about changes that the last look has seen and that were told of only afterwards, if any."""
        return self._advance(set()) if self._is_told and not self._is_anew else None

    def snapshot(self) -> Frame:
        """The event with the whole map."""
        if self._snapshot is None:
            self._snapshot = event(b"snapshot", self._body(range(len(self._endings))), self.version)
        return self._snapshot

    def spare(self) -> None:
        """Keep nothing that can be drawn again."""
        self._snapshot = None
        self._lacking.clear()
        self._lacking_bytes = 0

    def since(self, version: int) -> Frame | None:
        """The event for who has the map at this version; None where only the whole map will do."""
        lacking = self._lacks(version)
        return None if lacking is None else event(b"seats", self._with_head(b"", lacking), self.version)

    def body_since(self, version: int) -> bytes | None:
        """The same as an answer of its own, that says since when."""
        lacking = self._lacks(version)
        return None if lacking is None else self._with_head(b'"since":%d,' % version, lacking)

    def _show_all(self, look: Occupancy) -> Frame:
        """Other seats or prices, or the first look: the whole map for everybody."""
        self._is_anew, self._room, self._layout = False, look.room, look.state.layout
        self._floor = self._seen
        self._remembered.clear()
        self._told = deque(told for told in self._told if told[0] > self._seen)
        self.version = min(self._seen, self._heard)
        self.spare()
        return self.snapshot()

    def _advance(self, changed: set[int]) -> Frame | None:
        if self._room is None:
            return None
        places = self._room.places
        while self._told and self._told[0][0] <= self._seen:
            told = self._told.popleft()
            self._remembered.append(told)
            changed.update(places[seat_id] for seat_id in told[1] if seat_id in places)
        version = min(self._seen, self._heard)
        if not changed and version == self.version:
            return None
        self.version = version
        while len(self._remembered) > MAX_REMEMBERED:
            self._floor = max(self._floor, self._remembered.popleft()[0])
        self.spare()
        return event(b"seats", self._body(sorted(changed)), version)

    def _lacks(self, version: int) -> bytes | None:
        """The seats that may have changed since a version, kept for who else comes from there: most often many do."""
        if self._room is None or self._is_anew or not self._is_told or not self._floor <= version <= self.version:
            return None
        found = self._lacking.get(version)
        if found is not None:
            self._lacking.move_to_end(version)
            return found
        places = self._room.places
        seat_ids = {seat_id for until, seats in self._remembered if until > version for seat_id in seats}
        found = self._seats(sorted(places[seat_id] for seat_id in seat_ids if seat_id in places))
        self._lacking[version] = found
        self._lacking_bytes += len(found)
        while self._lacking_bytes > MAX_LACKING_BYTES:
            self._lacking_bytes -= len(self._lacking.popitem(last=False)[1])
        return found

    def _body(self, places: Iterable[int]) -> bytes:
        return self._with_head(b"", self._seats(places))

    def _with_head(self, since: bytes, seats: bytes) -> bytes:
        return b'{"showtime_id":%d,"version":%d,%b"seats":[%b]}' % (self.showtime_id, self.version, since, seats)

    def _seats(self, places: Iterable[int]) -> bytes:
        fragments = () if self._room is None else self._room.fragments
        return b"".join([fragments[place] + self._endings[place] for place in places]).removesuffix(COMMA)
