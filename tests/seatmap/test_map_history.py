"""MapHistory against a model of the two stores: whatever the order of events, every viewer ends with the same map."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from reservation.db.repository.auditoriums import RoomPlan
from reservation.seatmap.layouts import Layout, Sale, Venue
from reservation.seatmap.map_history import MAX_CHANGES, Frame, MapHistory
from reservation.seatmap.occupancy import Occupancy
from reservation.seatmap.rooms import plan_of, room_of

SEATS = (11, 12, 13, 14)
COLUMNS = (["A"] * 4, [1, 2, 3, 4], ["regular"] * 4, ["1.00"] * 4, [None] * 4, [None] * 4)
ROOM = room_of(plan_of(RoomPlan(1, 1, SEATS, *COLUMNS)), Decimal("10.00"))
LAYOUT = Layout(1, Sale(None, datetime.now(UTC), False, False, b""), ROOM, 42, b"", Venue(None, b""))
SHOWTIME = 42
NO_SEATS: frozenset[int] = frozenset()


@dataclass(slots=True)
class Client:
    """A client's map, and its version."""

    version: int
    statuses: dict[int, str]

    def take(self, frame: Frame) -> None:
        kind, number, data = frame.plain.decode().rstrip("\n").split("\n")
        shown = orjson.loads(data.removeprefix("data: "))
        assert int(number.removeprefix("id: ")) == shown["version"] >= self.version
        self.version = shown["version"]
        if kind == "event: snapshot":
            assert len(shown["seats"]) == len(SEATS)
        self.statuses |= {seat["id"]: seat["status"] for seat in shown["seats"]}


@dataclass(slots=True)
class Stores:
    """Redis counts and publishes every change; a booking is committed first and counted later."""

    version: int = 1000
    held: set[int] = field(default_factory=set)
    booked: set[int] = field(default_factory=set)
    uncounted: list[int] = field(default_factory=list)
    messages: list[tuple[int, list[int]]] = field(default_factory=list)

    def count(self, *seats: int) -> None:
        self.version += 1
        self.messages.append((self.version, [*seats]))

    def hold_or_release(self, seat: int) -> None:
        self.held ^= {seat}
        self.count(seat)

    def commit(self, seat: int) -> None:
        self.booked ^= {seat}
        self.uncounted.append(seat)

    def announce(self) -> None:
        if self.uncounted:
            seat = self.uncounted.pop(0)
            self.count(seat)
            self.held.discard(seat)

    def read_redis(self) -> tuple[int, frozenset[int]]:
        return self.version, frozenset(self.held)

    def reading(self, redis: tuple[int, frozenset[int]]) -> Occupancy:
        """PostgreSQL is read some time after Redis."""
        return Occupancy(SHOWTIME, redis[0], LAYOUT, redis[1], sorted(self.booked))


def client_of(reading: Occupancy) -> Client:
    """A client that got the map from another worker."""
    names = {"a": "available", "h": "held", "b": "booked"}
    statuses = (names[letter] for letter in reading.statuses().decode())
    return Client(reading.version, dict(zip(SEATS, statuses, strict=True)))


@dataclass(slots=True)
class Simulation:
    """Events in a random order."""

    chance: random.Random
    stores: Stores = field(default_factory=Stores)
    history: MapHistory = field(default_factory=lambda: MapHistory(SHOWTIME))
    live: list[Client] = field(default_factory=list)
    elsewhere: list[Client] = field(default_factory=list)
    ours: tuple[int, frozenset[int]] = (0, NO_SEATS)
    theirs: tuple[int, frozenset[int]] = (0, NO_SEATS)

    def run(self, steps: int) -> None:
        self.history.subscribe(self.stores.version)
        self.ours = self.theirs = self.stores.read_redis()
        self.read()
        moves = (self.hold, self.hold, self.commit, self.stores.announce, self.read_redis, self.read, self.receive)
        for _ in range(steps):
            self.chance.choice((*moves, self.leave, self.see_elsewhere, self.resume))()
        while self.stores.uncounted:
            self.stores.announce()
        while self.stores.messages:
            self.receive()
        self.read_redis()
        self.read()
        while self.elsewhere:
            self.resume()
        final = client_of(self.stores.reading(self.ours))
        assert self.history.version == final.version
        assert all(client == final for client in self.live)

    def send(self, frame: Frame | None) -> None:
        if frame is not None:
            for client in self.live:
                client.take(frame)

    def hold(self) -> None:
        self.stores.hold_or_release(self.chance.choice(SEATS))

    def commit(self) -> None:
        self.stores.commit(self.chance.choice(SEATS))

    def read_redis(self) -> None:
        self.ours = self.stores.read_redis()

    def read(self) -> None:
        self.send(self.history.add_reading(self.stores.reading(self.ours)))

    def receive(self) -> None:
        if self.stores.messages:
            self.history.add_published(*self.stores.messages.pop(0))
            self.send(self.history.advance())

    def leave(self) -> None:
        if self.live:
            self.elsewhere.append(self.live.pop(self.chance.randrange(len(self.live))))

    def see_elsewhere(self) -> None:
        """Another worker renders the map: Redis as it was a while ago, PostgreSQL as it is now."""
        self.elsewhere.append(client_of(self.stores.reading(self.theirs)))
        self.theirs = self.stores.read_redis()

    def resume(self) -> None:
        if not self.elsewhere:
            return
        client = self.elsewhere.pop(self.chance.randrange(len(self.elsewhere)))
        if client.version > self.history.version:
            self.elsewhere.append(client)  # the service waits for that version
            return
        client.take(self.history.since(client.version) or self.history.snapshot())
        self.live.append(client)


def simulate(chance: random.Random, steps: int) -> None:
    Simulation(chance).run(steps)


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(5, 80))
def test_every_client_ends_with_the_map_of_the_stores(chance: random.Random, steps: int) -> None:
    simulate(chance, steps)


def test_the_simulation_fails_without_the_seats_of_published_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Differences between readings alone are not enough."""
    add_published = MapHistory.add_published
    monkeypatch.setattr(MapHistory, "add_published", lambda self, version, _: add_published(self, version, ()))
    with pytest.raises(AssertionError):
        simulate_all(range(500))


def test_every_client_ends_with_the_map_when_two_changes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reservation.seatmap.map_history.MAX_CHANGES", 2)
    simulate_all(range(500))


def simulate_all(seeds: range) -> None:
    for seed in seeds:
        simulate(random.Random(seed), 60)


def test_a_stale_reading_makes_no_event() -> None:
    stores, history = Stores(), MapHistory(SHOWTIME)
    before = stores.read_redis()
    stores.hold_or_release(11)
    history.subscribe(stores.version)
    assert history.add_reading(stores.reading(before)) is None
    assert history.needs_reading
    assert history.add_reading(stores.reading(stores.read_redis())) is not None
    assert not history.needs_reading


def test_without_a_subscription_there_are_no_events() -> None:
    stores, history = Stores(), MapHistory(SHOWTIME)
    history.subscribe(stores.version)
    history.add_reading(stores.reading(stores.read_redis()))
    known = history.version
    history.unsubscribe()
    stores.hold_or_release(11)
    assert history.add_reading(stores.reading(stores.read_redis())) is None
    assert history.since(known) is None
    assert history.advance() is None
    history.subscribe(stores.version)
    frame = history.add_reading(stores.reading(stores.read_redis()))
    assert frame is not None
    assert frame.plain.startswith(b"event: snapshot\nid: 1001\n")


def test_published_changes_are_bounded_while_the_stores_cannot_be_read() -> None:
    stores, history = Stores(), MapHistory(SHOWTIME)
    history.subscribe(stores.version)
    history.add_reading(stores.reading(stores.read_redis()))
    client, stale = client_of(stores.reading(stores.read_redis())), stores.read_redis()
    for _ in range(2 * MAX_CHANGES + 1):
        stores.hold_or_release(11)
        history.add_published(*stores.messages.pop())
        assert len(history._published) <= MAX_CHANGES
    assert history.add_reading(stores.reading(stale)) is None
    frame = history.add_reading(stores.reading(stores.read_redis()))
    assert frame is not None
    assert frame.plain.startswith(b"event: snapshot\n")
    client.take(frame)
    assert client == client_of(stores.reading(stores.read_redis()))


def test_the_cache_of_changed_seats_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reservation.seatmap.map_history.MAX_CACHED_BYTES", 500)
    stores, history = Stores(), MapHistory(SHOWTIME)
    history.subscribe(stores.version)
    history.add_reading(stores.reading(stores.read_redis()))
    first = stores.version
    for seat in SEATS * 10:
        stores.hold_or_release(seat)
        history.add_published(*stores.messages.pop())
        history.add_reading(stores.reading(stores.read_redis()))
    bodies = {version: history.body_since(version) for version in range(first, stores.version)}
    assert 0 < sum(map(len, history._cached.values())) <= 500
    history.clear_cache()
    assert not history._cached
    assert bodies == {version: history.body_since(version) for version in bodies}
    monkeypatch.setattr("reservation.seatmap.map_history.MAX_CACHED_BYTES", 0)
    assert history.body_since(first) == bodies[first]
    assert not history._cached


def test_a_snapshot_is_made_again_after_the_cache_was_cleared() -> None:
    stores, history = Stores(), MapHistory(SHOWTIME)
    history.subscribe(stores.version)
    frame = history.add_reading(stores.reading(stores.read_redis()))
    assert frame is history.snapshot()
    history.clear_cache()
    assert frame is not history.snapshot()
    assert frame.plain == history.snapshot().plain
