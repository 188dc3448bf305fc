"""A followed map against a model of the two stores: in whatever order things come, nobody is left behind."""

import random
from dataclasses import dataclass, field

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from reservation.holds.store import MapState
from reservation.seatmap.layouts import Room
from reservation.seatmap.map_history import MAX_REMEMBERED, FollowedMap, Frame
from reservation.seatmap.occupancy import Occupancy

SEATS = (11, 12, 13, 14)
ROOM = Room(
    tuple(b'{"id":%d,"status":"' % seat for seat in SEATS), {seat: place for place, seat in enumerate(SEATS)}, ()
)
SHOWTIME = 42
NO_SEATS: frozenset[int] = frozenset()


@dataclass(slots=True)
class Client:
    """Somebody's map, and the version that it claims."""

    version: int
    statuses: dict[int, str]

    def take(self, frame: Frame) -> None:
        kind, number, data = frame.plain.decode().rstrip("\n").split("\n")
        told = orjson.loads(data.removeprefix("data: "))
        assert int(number.removeprefix("id: ")) == told["version"] >= self.version
        self.version = told["version"]
        if kind == "event: snapshot":
            assert len(told["seats"]) == len(SEATS)
        self.statuses |= {seat["id"]: seat["status"] for seat in told["seats"]}


@dataclass(slots=True)
class Stores:
    """Redis counts, and tells; PostgreSQL commits first, and is counted later."""

    version: int = 1000
    held: set[int] = field(default_factory=set)
    booked: set[int] = field(default_factory=set)
    uncounted: list[int] = field(default_factory=list)
    notices: list[tuple[int, list[int]]] = field(default_factory=list)

    def count(self, *decided: int) -> None:
        self.version += 1
        self.notices.append((self.version, [*decided]))

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

    def look(self, redis: tuple[int, frozenset[int]]) -> Occupancy:
        """PostgreSQL is read some time after Redis."""
        return Occupancy(SHOWTIME, MapState(redis[0], 5), ROOM, redis[1], sorted(self.booked))


def client_of(look: Occupancy) -> Client:
    """Somebody who has read the map elsewhere."""
    taken = look.taken()
    words = {place: ending[: ending.index(b'"')].decode() for place, ending in taken.items()}
    return Client(look.state.version, {seat: words.get(place, "available") for seat, place in ROOM.places.items()})


@dataclass(slots=True)
class Play:
    """What may happen, in any order."""

    chance: random.Random
    stores: Stores = field(default_factory=Stores)
    followed: FollowedMap = field(default_factory=lambda: FollowedMap(SHOWTIME))
    live: list[Client] = field(default_factory=list)
    elsewhere: list[Client] = field(default_factory=list)
    ours: tuple[int, frozenset[int]] = (0, NO_SEATS)
    theirs: tuple[int, frozenset[int]] = (0, NO_SEATS)

    def run(self, steps: int) -> None:
        self.followed.begin(self.stores.version)
        self.ours = self.theirs = self.stores.read_redis()
        self.look()
        moves = (self.hold, self.hold, self.commit, self.stores.announce, self.read, self.look, self.hear)
        for _ in range(steps):
            self.chance.choice((*moves, self.leave, self.see_elsewhere, self.resume))()
        while self.stores.uncounted:
            self.stores.announce()
        while self.stores.notices:
            self.hear()
        self.read()
        self.look()
        while self.elsewhere:
            self.resume()
        final = client_of(self.stores.look(self.ours))
        assert self.followed.version == final.version
        assert all(client == final for client in self.live)

    def tell(self, told: Frame | None) -> None:
        if told is not None:
            for client in self.live:
                client.take(told)

    def hold(self) -> None:
        self.stores.hold_or_release(self.chance.choice(SEATS))

    def commit(self) -> None:
        self.stores.commit(self.chance.choice(SEATS))

    def read(self) -> None:
        self.ours = self.stores.read_redis()

    def look(self) -> None:
        self.tell(self.followed.show(self.stores.look(self.ours)))

    def hear(self) -> None:
        if self.stores.notices:
            self.followed.hear(*self.stores.notices.pop(0))
            self.tell(self.followed.catch_up())

    def leave(self) -> None:
        if self.live:
            self.elsewhere.append(self.live.pop(self.chance.randrange(len(self.live))))

    def see_elsewhere(self) -> None:
        """Another worker draws the map; what it read from Redis may be older than what it then reads."""
        self.elsewhere.append(client_of(self.stores.look(self.theirs)))
        self.theirs = self.stores.read_redis()

    def resume(self) -> None:
        if not self.elsewhere:
            return
        client = self.elsewhere.pop(self.chance.randrange(len(self.elsewhere)))
        if client.version > self.followed.version:
            self.elsewhere.append(client)  # the service waits until it has come as far
            return
        client.take(self.followed.since(client.version) or self.followed.snapshot())
        self.live.append(client)


def play(chance: random.Random, steps: int) -> None:
    Play(chance).run(steps)


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(5, 80))
def test_everybody_ends_with_the_map_as_it_is(chance: random.Random, steps: int) -> None:
    play(chance, steps)


def test_the_model_notices_what_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the seats of notices, looks alone would do in this test as well as in life: not."""
    hear = FollowedMap.hear
    monkeypatch.setattr(FollowedMap, "hear", lambda self, version, _: hear(self, version, ()))
    with pytest.raises(AssertionError):
        play_all(range(500))


def test_nor_is_anybody_left_behind_where_little_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reservation.seatmap.map_history.MAX_REMEMBERED", 2)
    play_all(range(500))


def play_all(seeds: range) -> None:
    for seed in seeds:
        play(random.Random(seed), 60)


def test_a_stale_look_shows_nothing() -> None:
    stores, followed = Stores(), FollowedMap(SHOWTIME)
    before = stores.read_redis()
    stores.hold_or_release(11)
    followed.begin(stores.version)
    assert followed.show(stores.look(before)) is None
    assert followed.is_behind
    assert followed.show(stores.look(stores.read_redis())) is not None
    assert not followed.is_behind


def test_nothing_is_said_while_nothing_is_heard() -> None:
    stores, followed = Stores(), FollowedMap(SHOWTIME)
    followed.begin(stores.version)
    followed.show(stores.look(stores.read_redis()))
    known = followed.version
    followed.lose_track()
    stores.hold_or_release(11)
    assert followed.show(stores.look(stores.read_redis())) is None
    assert followed.since(known) is None
    assert followed.catch_up() is None
    followed.begin(stores.version)
    told = followed.show(stores.look(stores.read_redis()))
    assert told is not None
    assert told.plain.startswith(b"event: snapshot\nid: 1001\n")


def test_what_is_told_while_nobody_can_look_is_bounded() -> None:
    stores, followed = Stores(), FollowedMap(SHOWTIME)
    followed.begin(stores.version)
    followed.show(stores.look(stores.read_redis()))
    client, stale = client_of(stores.look(stores.read_redis())), stores.read_redis()
    for _ in range(2 * MAX_REMEMBERED + 1):
        stores.hold_or_release(11)
        followed.hear(*stores.notices.pop())
        assert len(followed._told) <= MAX_REMEMBERED
    assert followed.show(stores.look(stale)) is None
    told = followed.show(stores.look(stores.read_redis()))
    assert told is not None
    assert told.plain.startswith(b"event: snapshot\n")
    client.take(told)
    assert client == client_of(stores.look(stores.read_redis()))


def test_what_is_kept_for_who_comes_late_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reservation.seatmap.map_history.MAX_LACKING_BYTES", 500)
    stores, followed = Stores(), FollowedMap(SHOWTIME)
    followed.begin(stores.version)
    followed.show(stores.look(stores.read_redis()))
    first = stores.version
    for seat in SEATS * 10:
        stores.hold_or_release(seat)
        followed.hear(*stores.notices.pop())
        followed.show(stores.look(stores.read_redis()))
    bodies = {version: followed.body_since(version) for version in range(first, stores.version)}
    assert 0 < sum(map(len, followed._lacking.values())) <= 500
    followed.spare()
    assert not followed._lacking
    assert bodies == {version: followed.body_since(version) for version in bodies}
    monkeypatch.setattr("reservation.seatmap.map_history.MAX_LACKING_BYTES", 0)
    assert followed.body_since(first) == bodies[first]
    assert not followed._lacking


def test_a_map_is_drawn_again_when_it_is_wanted() -> None:
    stores, followed = Stores(), FollowedMap(SHOWTIME)
    followed.begin(stores.version)
    told = followed.show(stores.look(stores.read_redis()))
    assert told is followed.snapshot()
    followed.spare()
    assert told is not followed.snapshot()
    assert told.plain == followed.snapshot().plain
