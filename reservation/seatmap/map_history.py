"""What changed in one seat map since which version, and the events that report it.

Differences between two readings of the stores do not tell what a viewer at some version lacks: a booking is committed
before the version counts it, so a map at that version may show it or not; and a seat that was held and released between
two readings looks alike in both. So Redis publishes every change with its version and seats. Once a reading has reached
a published version its seats are sent to the viewers, whether or not they look different. The history never claims a
version that was not published to it, so no change up to its version can be missing.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence

from .drawing import Drawing, changed_places, draw, seats_at
from .occupancy import Occupancy
from .rooms import Room

MAX_CHANGES = 1000  # a viewer that lacks more gets a snapshot
CUT = b"\0"  # the place of the seats in an event
MAX_CACHED_BYTES = 128 * 1024  # of changed seats, cached by the version from which on they changed


class Frame:
    """An event as bytes, and as a chunk of an HTTP/1.1 response.

    All viewers are written the same bytes object, so a backlog costs no copies.
    """

    __slots__ = ("_chunked", "plain")

    def __init__(self, plain: bytes) -> None:
        self.plain = plain
        self._chunked: bytes | None = None

    @property
    def chunked(self) -> bytes:
        """As a chunk; made at the first use."""
        if self._chunked is None:
            self._chunked = b"%x\r\n%b\r\n" % (len(self.plain), self.plain)
        return self._chunked


def event(name: bytes, data: bytes, version: int | None = None) -> Frame:
    """A Server-Sent Event with data of one line, and its version as id."""
    numbered = b"" if version is None else b"id: %d\n" % version
    return Frame(b"event: %b\n%bdata: %b\n\n" % (name, numbered, data))


class MapHistory:
    """The changes of one showtime's map, made of readings of the stores and of published changes."""

    def __init__(self, showtime_id: int) -> None:
        self.showtime_id = showtime_id
        self.version = 0  # of the map that the viewers have
        self._is_subscribed = False
        self._is_new = True  # nothing is known of earlier versions: the next reading is sent as a snapshot
        self._subscribed_at = 0  # every change after this version is published
        self._published_version = 0  # the last one
        self._read_version = -1  # that of the last reading
        self._published: deque[tuple[int, Sequence[int]]] = deque()  # changes after the last reading
        self._changes: deque[tuple[int, Iterable[int]]] = deque()  # sent to the viewers, with their versions
        self._oldest = 0  # the version from which on the changes are complete
        self._room: Room | None = None
        self._statuses = b""
        self._drawing: Drawing | None = None  # of a snapshot
        self._snapshot: Frame | None = None
        self._cached: OrderedDict[int, bytes] = OrderedDict()
        self._cached_bytes = 0

    @property
    def is_subscribed(self) -> bool:
        """Whether all changes are published to it; otherwise it makes no events."""
        return self._is_subscribed

    @property
    def published_version(self) -> int:
        """The version of the last published change."""
        return self._published_version

    @property
    def needs_reading(self) -> bool:
        """Whether a change was published after the last reading."""
        return self._is_subscribed and self._published_version > self._read_version

    def subscribe(self, version: int) -> None:
        """Every change after this version is published from now on; the changes before are not known."""
        self._is_subscribed = True
        self._subscribed_at = max(self._subscribed_at, version)
        self._published_version = max(self._published_version, version)
        self._read_version, self._is_new = -1, True

    def unsubscribe(self) -> None:
        """Changes are no longer published; `subscribe` comes next."""
        self._is_subscribed = False
        self._published_version = self._subscribed_at = 0
        self._published.clear()

    def add_published(self, version: int, seat_ids: Sequence[int]) -> None:
        """The map has changed, and these seats may look different."""
        if version > self._published_version:
            self._published_version = version
            if seat_ids:
                self._published.append((version, seat_ids))
            if len(self._published) > MAX_CHANGES:  # the stores could not be read for long: start again from here
                self._published.clear()
                self._subscribed_at, self._read_version, self._is_new = version, -1, True

    def add_reading(self, reading: Occupancy) -> Frame | None:
        """The event about what this reading shows, if anything is new."""
        version, room = reading.version, reading.room
        if not self._is_subscribed or version < max(self._subscribed_at, self._read_version):
            return None  # a stale reading
        self._read_version = version
        before, self._statuses = self._statuses, reading.statuses()
        if self._is_new or not _is_same(room, self._room):
            return self._start(room)
        changed = changed_places(before, self._statuses)
        if changed:
            self._changes.append((version, [room.plan.seat_ids[place] for place in changed]))
        return self._advance(set(changed))

    def advance(self) -> Frame | None:
        """The event about changes that the last reading includes and that were published only afterwards, if any."""
        return self._advance(set()) if self._is_subscribed and not self._is_new else None

    def snapshot(self) -> Frame:
        """The event with the whole map."""
        if self._snapshot is None:
            head, tail = event(b"snapshot", self._body(b"", CUT), self.version).plain.split(CUT)
            if self._room is None:
                return Frame(head + tail)
            self._drawing = draw(self._room, self._statuses, (head, tail), self._drawing)
            self._snapshot = Frame(self._drawing.body)
        return self._snapshot

    def clear_cache(self) -> None:
        """Free what can be made again."""
        self._drawing = None
        self._forget_events()

    def _forget_events(self) -> None:
        self._snapshot = None
        self._cached.clear()
        self._cached_bytes = 0

    def since(self, version: int) -> Frame | None:
        """The event with the seats that may have changed since a version; None if that is not known."""
        seats = self._seats_since(version)
        return None if seats is None else event(b"seats", self._body(b"", seats), self.version)

    def body_since(self, version: int) -> bytes | None:
        """The same as a response body."""
        seats = self._seats_since(version)
        return None if seats is None else self._body(b'"since":%d,' % version, seats)

    def _start(self, room: Room) -> Frame:
        """Other seats or prices, or the first reading: a snapshot for all viewers."""
        self._is_new, self._room = False, room
        self._oldest = self._read_version
        self._changes.clear()
        self._published = deque(change for change in self._published if change[0] > self._read_version)
        self.version = min(self._read_version, self._published_version)
        self._forget_events()
        return self.snapshot()

    def _advance(self, changed: set[int]) -> Frame | None:
        if self._room is None:
            return None
        places = self._room.places
        while self._published and self._published[0][0] <= self._read_version:
            change = self._published.popleft()
            self._changes.append(change)
            changed.update(places.known(change[1]))
        version = min(self._read_version, self._published_version)
        if not changed and version == self.version:
            return None
        self.version = version
        while len(self._changes) > MAX_CHANGES:
            self._oldest = max(self._oldest, self._changes.popleft()[0])
        self._forget_events()
        return event(b"seats", self._body(b"", self._seats(sorted(changed))), version)

    def _seats_since(self, version: int) -> bytes | None:
        """The seats that may have changed since a version; cached, as most viewers come from the same few versions."""
        if self._room is None or self._is_new or not self._is_subscribed or not self._oldest <= version <= self.version:
            return None
        found = self._cached.get(version)
        if found is not None:
            self._cached.move_to_end(version)
            return found
        places = self._room.places
        seat_ids = {seat_id for changed_at, seats in self._changes if changed_at > version for seat_id in seats}
        found = self._seats(sorted(places.known(seat_ids)))
        self._cached[version] = found
        self._cached_bytes += len(found)
        while self._cached_bytes > MAX_CACHED_BYTES:
            self._cached_bytes -= len(self._cached.popitem(last=False)[1])
        return found

    def _body(self, since: bytes, seats: bytes) -> bytes:
        return b'{"showtime_id":%d,"version":%d,%b"seats":[%b]}' % (self.showtime_id, self.version, since, seats)

    def _seats(self, places: Iterable[int]) -> bytes:
        return b"" if self._room is None else seats_at(self._room, self._statuses, places)


def _is_same(room: Room, before: Room | None) -> bool:
    """Whether two rooms have the same seats and prices; one that was no longer cached is another object."""
    return room is before or (
        before is not None and room.key == before.key and room.plan.seat_ids == before.plan.seat_ids
    )
