"""The steps of the reference model on real stores: each is taken in both, and their answers are compared.

All arguments are texts, so that a script of steps can be printed, and its steps taken again.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import get_args
from uuid import uuid4

import pytest

from tests.api import Api, Connection
from tests.histories.checker import check
from tests.histories.client import is_undecided
from tests.histories.history import FaultWindow, Request
from tests.interleavings.exchanges import Ending, Stop, When, watched
from tests.interleavings.losses import FAULTS
from tests.interleavings.reference_model import TERM, Kind, Operation, ReferenceModel
from tests.interleavings.stores import STEP_S, Stores
from tests.interleavings.world import World

CUSTOMERS = ("A", "B")
SEATS = {"1": (1,), "2": (2,), "both": (1, 2)}
# What happens at an exchange, and what the other customer does then.
PASSING = {"waits for half a hold's time": 1, "waits for a hold's time": TERM}
HAPPENINGS = (*FAULTS, *PASSING)
THENS: dict[str, tuple[Kind, ...]] = {
    "nothing": (),
    "hold": ("hold",),
    "buy": ("hold", "confirm"),
    "hold and cancel": ("hold", "cancel"),
    "look": ("map",),
}
WHENS: dict[str, When] = {when: when for when in get_args(When)}


class Steps:
    """Takes steps in one world, from its beginning to its end."""

    def __init__(self, stores: Stores, world: World, patch: pytest.MonkeyPatch) -> None:
        self._stores, self._world, self._patch = stores, world, patch
        self.model = ReferenceModel()
        self._holds: list[Operation] = []
        self._ids: dict[int, str] = {}
        self._number = 0
        self._armed: tuple[int, When, str, str] | None = None
        self._failed_meanwhile: Exception | None = None
        self._began = world.now()
        self._is_disturbed = False

    async def hold(self, customer: str, seats: str, repeated: str) -> None:
        """Hold seats: once, or with a key until it is answered."""
        operation = self._operation("hold", customer, SEATS[seats])
        self._holds.append(operation)
        await self._request(operation, key=str(uuid4()) if repeated == "until answered" else "")

    async def extend(self, by: str, which: str) -> None:
        """Its customer or the other one extends a hold, counted from the last one that was answered."""
        await self._change("extend", by, which)

    async def confirm(self, by: str, which: str) -> None:
        """Confirm a hold."""
        await self._change("confirm", by, which)

    async def cancel(self, by: str, which: str) -> None:
        """Cancel a reservation."""
        await self._change("cancel", by, which)

    async def read(self, by: str, which: str) -> None:
        """Read a reservation."""
        await self._change("read", by, which)

    async def look(self, customer: str) -> None:
        """Look at the map."""
        await self._request(self._operation("map", customer, SEATS["both"]))

    async def fault(self, exchange: str, when: str, what: str, then: str) -> None:
        """Have something happen at an exchange of the next request, and the other customer do something then."""
        self._armed = (int(exchange), WHENS[when], what, then)

    async def pass_time(self, steps: str) -> None:
        """Let time pass, in halves of a hold's time."""
        self.model.pass_time(int(steps))
        await self._stores.age(int(steps))

    async def redis(self, how: str) -> None:
        """Redis saves its data, loses them, or gets those back that it saved last."""
        if how == "saved":
            await self._stores.save()
            return
        self._is_disturbed = True
        await self._stores.lose(how)
        await self._stores.until_ready()
        self.model.perhaps_late = frozenset()

    async def finish(self, db: Connection) -> list[str]:
        """The promises that are broken in the history, and what the model does not allow of the last look."""
        await self._stores.settle()
        await self.look("A")
        world, now = self._world, self._world.now()
        if self._is_disturbed:
            parts = frozenset({"redis", "worker"})
            world.history.faults.append(FaultWindow("fault", parts, self._began, now, now))
        await world.finish(db)
        return [f"{each.kind}: {each.what}" for each in check(world.history) if each.kind != "late map"]

    def _operation(self, kind: Kind, customer: str, seats: Iterable[int], target: int = 0) -> Operation:
        self._number += 1
        return Operation(self._number, kind, customer, frozenset(seats), target)

    async def _change(self, kind: Kind, by: str, which: str) -> None:
        answered = [hold for hold in self._holds if hold.number in self._ids]
        if answered:
            hold = answered[-1 - int(which) % len(answered)]
            customer = hold.customer if by == "its customer" else _other(hold.customer)
            await self._request(self._operation(kind, customer, hold.seats, hold.number))

    async def _request(self, operation: Operation, key: str = "") -> None:
        """A request at the customer's worker; one in which something happens is at the worker that can be killed."""
        armed = self._armed
        self._armed = None
        await self._stores.replace_killed()
        world = self._world
        stops, is_fault = [], armed is not None and armed[2] not in {"waits", *PASSING}
        if armed is not None:
            if FAULTS.get(armed[2], ("", ""))[1] == "restored":
                await self._stores.save()
            number, when, what, then = armed
            stops = [Stop(number, when, partial(self._happen, operation, what, then), _ending(what))]
        if is_fault:
            self._is_disturbed = True
            self.model.disturb(operation.seats)
        api = world.here if armed is not None or operation.customer == "A" else world.there
        with watched([world.exchanges], self._patch), self._stores.aging(self._patch):
            self.model.begin(operation)
            with world.exchanges.of_request(stops):
                made = await self._send(api, operation, key)
            await world.exchanges.finished()
            if key and is_undecided(made):
                made = await self._insist(operation, key)
        if self._failed_meanwhile is not None:
            raise self._failed_meanwhile
        if world.exchanges.is_dead:
            self.model.perhaps_late |= operation.seats
        self._answered(operation, made)
        if is_fault:
            await self._stores.settle()
            await self._stores.until_ready()

    async def _happen(self, operation: Operation, what: str, then: str) -> None:
        """An error here would be the request's; so it is kept, and raised after it."""
        try:
            if what in PASSING and not _is_in_transaction(self._world.exchanges.names):
                await self.pass_time(str(PASSING[what]))
            of_redis = FAULTS[what][1] if what in FAULTS else None
            if of_redis is not None:
                await self._stores.lose(of_redis)
            await self._meanwhile(operation, then)
        except Exception as error:
            self._failed_meanwhile = error

    async def _meanwhile(self, operation: Operation, then: str) -> None:
        other, target = _other(operation.customer), 0
        for kind in THENS[then]:
            if kind in {"confirm", "cancel"} and target not in self._ids:
                break
            seats = SEATS["both"] if kind == "map" else operation.seats
            own = self._operation(kind, other, seats, target)
            if kind == "hold":
                self._holds.append(own)
                target = own.number
            self.model.begin(own)
            self._answered(own, await self._send(self._world.there, own))

    async def _send(self, api: Api, operation: Operation, key: str = "") -> Request:
        world, who = self._world, self._stores.people[operation.customer]
        kind, seats = operation.kind, self._seat_ids(operation)
        made = await world.send(api, who, kind, self._ids.get(operation.target, ""), key, seats)
        if any(hold.number == operation.target and hold.customer != operation.customer for hold in self._holds):
            world.history.requests.remove(made)  # there, all requests of a reservation are its customer's
        return made

    async def _insist(self, operation: Operation, key: str) -> Request:
        who = self._stores.people[operation.customer]
        return await self._world.insist(who, "hold", "", key, self._seat_ids(operation))

    def _seat_ids(self, operation: Operation) -> tuple[int, ...]:
        return tuple(self._world.seats[seat - 1] for seat in sorted(operation.seats))

    def _answered(self, operation: Operation, made: Request) -> None:
        if operation.kind == "hold" and made.succeeded:
            self._ids[operation.number] = made.reservation
        self.model.end(operation, None if is_undecided(made) else self._answer(made))

    def _answer(self, made: Request) -> str:
        """The answer in the model's words."""
        if made.kind == "map":
            return " ".join(made.shown[seat] for seat in sorted(made.shown))
        if not made.succeeded:
            return f"{made.status} {made.code}"
        if made.state == "held":
            return f"{made.status} held until {self.model.now + round((made.expires - made.end) / STEP_S)}"
        return f"{made.status} {made.state}"


def _other(customer: str) -> str:
    return "B" if customer == "A" else "A"


def _ending(what: str) -> Ending:
    return FAULTS[what][0] if what in FAULTS else "goes on"


def _is_in_transaction(names: Sequence[str]) -> bool:
    """Whether one is open after these exchanges, of which the last may be the one that is about to begin or end it."""
    begun = sum(name.startswith("PostgreSQL BEGIN") for name in names)
    return begun > sum(name.startswith("PostgreSQL COMMIT") for name in names[:-1])
