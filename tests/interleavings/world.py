"""A small world: two workers, a customer at each, and seats that both want; what each of them does is recorded."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from tests.api import Api, Connection, Person
from tests.histories.client import is_undecided
from tests.histories.history import History, Kind, Request, Stored, request_of
from tests.interleavings.exchanges import Exchanges, Stop

PATIENCE_S = 60  # for a request that is answered with 503, such as while a worker connects to Redis again
PAUSE_S = 0.02


@dataclass(slots=True)
class World:
    """Two workers with a customer each, a showtime, and the history of some seats of it.

    The history's clock is `passed` seconds ahead: so much time was made to pass in the stores.
    """

    here: Api
    there: Api
    first: Person
    second: Person
    showtime_id: int
    seats: tuple[int, ...]
    exchanges: Exchanges
    history: History = field(default_factory=History)
    owners: dict[str, Person] = field(default_factory=dict)
    passed: float = 0.0

    def now(self) -> float:
        """The time, in seconds since 1970."""
        return time.time() + self.passed

    async def send(
        self, api: Api, who: Person, kind: Kind, held: str = "", key: str = "", seats: tuple[int, ...] = ()
    ) -> Request:
        """One request, and its answer; without `seats` it is for all."""
        seats = seats or self.seats
        path = f"/showtimes/{self.showtime_id}/seats" if kind == "map" else f"/reservations/{held}"
        body, headers = None, {"Idempotency-Key": key} if key else {}
        if kind == "hold":
            path, body = f"/showtimes/{self.showtime_id}/holds", {"seat_ids": [*seats]}
        elif kind not in {"map", "read"}:
            path += f"/{kind}"
        start = self.now()
        answer = await api.call("GET" if kind in {"map", "read"} else "POST", path, body, who=who, headers=headers)
        is_lost = api is self.here and self.exchanges.is_dead
        status, shown = (0, {}) if is_lost else (answer.status, answer.json or {})
        if kind == "map" and status == 200:  # as far as it shows the seats
            shown = shown | {"seats": [seat for seat in shown["seats"] if seat["id"] in self.seats]}
        made = request_of(kind, start, self.now(), status, shown, reservation=held, asked=seats, key=key)
        if made.expires:
            made = replace(made, expires=made.expires + self.passed)
        if kind == "hold" and made.succeeded:
            self.owners[made.reservation] = who
        self.history.requests.append(made)
        return made

    async def insist(
        self, who: Person, kind: Kind, held: str = "", key: str = "", seats: tuple[int, ...] = ()
    ) -> Request:
        """Send a request to the second worker until it is answered for good."""
        async with asyncio.timeout(PATIENCE_S):
            while is_undecided(answer := await self.send(self.there, who, kind, held, key, seats)):
                # Until a job finds that no reservation has the seats, those of a killed worker's hold stay held.
                if answer.code == "idempotency_in_flight" and self.exchanges.is_dead:
                    break
                await asyncio.sleep(PAUSE_S)
        return answer

    async def finish(self, db: Connection) -> None:
        """Confirm what is held, and look at everything once more."""
        for held, who in [*self.owners.items()]:
            if not any(each.kind == "cancel" and each.reservation == held for each in self.history.requests):
                await self.insist(who, "confirm", held)
            await self.insist(who, "read", held)
        await self.insist(self.second, "map")
        self.history.looked_at = self.now()
        self.history.stored = await self._stored(db)

    async def last_map(self, db: Connection) -> str:
        """Look at the maps of both workers until they show what PostgreSQL has; what is wrong if they never do.

        If nothing has failed, the first maps have to.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            maps = [await self.send(api, self.second, "map") for api in (self.here, self.there)]
            wrong = ""
            for seat in self.seats:
                shown, right = (
                    {each.shown.get(seat, str(each.status)) for each in maps},
                    await self._right_now(db, seat),
                )
                if not shown <= right:
                    wrong = f"the last maps show {' and '.join(sorted(shown))}, and not {' or '.join(sorted(right))}"
            may_change = self.history.faults or any(is_undecided(each) for each in maps)
            if not wrong or time.monotonic() >= deadline or not may_change:
                return wrong
            await asyncio.sleep(PAUSE_S)

    async def _right_now(self, db: Connection, seat: int) -> set[str]:
        """What maps may show of a seat: that of a hold without an answer may be free, with the hold in PostgreSQL."""
        found = await db.fetchrow(
            "select exists (select from booked_seats as b where b.showtime_id = $1 and b.seat_id = $2) as is_booked,"
            " array(select r.id::text from reservations as r where r.showtime_id = $1 and $2 = any(r.seat_ids)"
            " and r.status = 'held' and r.expires_at > clock_timestamp()) as holds",
            self.showtime_id,
            seat,
        )
        assert found is not None
        if found["is_booked"]:
            return {"booked"}
        if any(held in self.owners for held in found["holds"]):
            return {"held"}
        return {"held", "available"} if found["holds"] else {"available"}

    async def _stored(self, db: Connection) -> dict[str, Stored]:
        rows = await db.fetch(
            "select r.id, r.status, r.seat_ids, array(select b.seat_id from booked_seats as b"
            " where b.reservation_id = r.id) as booked from reservations as r"
            " where r.showtime_id = $1 and r.seat_ids && $2::bigint[]",
            self.showtime_id,
            self.seats,
        )
        return {str(row["id"]): Stored(row["status"], tuple(row["seat_ids"]), tuple(row["booked"])) for row in rows}


@dataclass(frozen=True, slots=True)
class Act:
    """What the first customer asks for, and what was done before; a hold with a key is sent again until answered.

    `meanwhile` the second customer may buy the seat, before it is sent again.
    """

    kind: Kind
    before: tuple[Kind, ...] = ()
    key: str = ""
    meanwhile: bool = False

    async def prepare(self, world: World) -> str:
        """What was done before; the reservation."""
        held = ""
        for kind in self.before:
            done = await world.send(world.here, world.first, kind, held)
            assert done.succeeded, done
            held = done.reservation
        return held

    async def run(self, world: World, held: str, stops: Sequence[Stop]) -> None:
        """The request, with what happens at its exchanges, and its repetition."""
        key = self.key and str(uuid4())
        with world.exchanges.of_request(stops):
            answer = await world.send(world.here, world.first, self.kind, held, key)
        await world.exchanges.finished()
        if key and not answer.succeeded and not answer.refused:
            if self.meanwhile:
                await buy(world)
            await world.insist(world.first, self.kind, held, key)


ACTS = {
    "hold": Act("hold"),
    "hold with a key": Act("hold", key="new"),
    "hold with a key that is repeated after a sale": Act("hold", key="new", meanwhile=True),
    "extend": Act("extend", ("hold",)),
    "confirm": Act("confirm", ("hold",)),
    "cancel of a hold": Act("cancel", ("hold",)),
    "cancel of a sale": Act("cancel", ("hold", "confirm")),
}

Then = Callable[[World], Awaitable[None]]


async def nothing(_: World) -> None:
    """The second customer does nothing."""


async def hold(world: World) -> None:
    """The second customer holds the seat."""
    await world.send(world.there, world.second, "hold")


async def buy(world: World) -> None:
    """The second customer holds the seat, and confirms."""
    held = await world.send(world.there, world.second, "hold")
    if held.succeeded:
        await world.send(world.there, world.second, "confirm", held.reservation)


async def hold_and_cancel(world: World) -> None:
    """The second customer holds the seat, and cancels."""
    held = await world.send(world.there, world.second, "hold")
    if held.succeeded:
        await world.send(world.there, world.second, "cancel", held.reservation)


async def look(world: World) -> None:
    """The second customer looks at the map."""
    await world.send(world.there, world.second, "map")


THENS: dict[str, Then] = {
    "nothing": nothing,
    "hold": hold,
    "buy": buy,
    "hold and cancel": hold_and_cancel,
    "look": look,
}
