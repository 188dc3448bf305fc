"""Customers who want the same few seats, and viewers of their map. What each does follows from the seed."""

import asyncio
import time
from random import Random

from tests.histories.client import PAUSE_S, Client, is_undecided
from tests.histories.history import Request

KEY_TRIES = 40
KEPT_S = 0.5  # a sold seat is cancelled within this time, so that it can be sold again
AFTER_HOLD = {
    "confirm": 30,
    "extend and confirm": 10,
    "extend and let lapse": 10,
    "let lapse": 10,
    "confirm late": 10,
    "cancel": 10,
    "confirm and cancel at once": 12,
    "exchange and confirm": 8,
}


class Customer:
    """Holds seats and does with them what a customer may do, until `stop` is set."""

    def __init__(self, client: Client, showtime_id: int, seats: list[int], chance: Random, stop: asyncio.Event) -> None:
        self.client, self.showtime_id, self.seats = client, showtime_id, seats
        self.chance, self.stop = chance, stop

    async def run(self) -> None:
        """Shop, one reservation after another."""
        while not self.stop.is_set():
            await self._sleep(self.chance.uniform(0, 0.05))
            wanted = self.chance.sample(self.seats, self.chance.choice((1, 1, 2)))
            held = await self._hold(wanted)
            if held is not None:
                await self._use(held)

    async def _hold(self, wanted: list[int]) -> Request | None:
        """Hold seats; a hold with a key is repeated, one without is looked for among the own reservations."""
        key = f"{self.chance.getrandbits(64):x}" if self.chance.random() < 0.5 else ""
        held = await self.client.hold(self.showtime_id, wanted, key)
        for _ in range(KEY_TRIES if key else 0):
            if not is_undecided(held) or self.stop.is_set():
                break
            await self._sleep(PAUSE_S)
            held = await self.client.hold(self.showtime_id, wanted, key)
        if held.succeeded:
            return held
        if is_undecided(held):
            await self._confirm_found()
        return None

    async def _confirm_found(self) -> None:
        """Confirm holds whose answers were lost, after a while in which others may hold their seats."""
        while (ids := await self.client.own_ids("held")) is None and not self.stop.is_set():
            await self._sleep(PAUSE_S)
        await self._sleep(self.chance.uniform(0, 1))
        for reservation_id in ids or ():
            found = await self.client.read(reservation_id)
            if found.succeeded and self.chance.random() < 0.7:
                await self._confirm(found)

    async def _use(self, held: Request) -> None:
        act = self.chance.choices([*AFTER_HOLD], [*AFTER_HOLD.values()])[0]
        if act == "confirm and cancel at once":
            await asyncio.gather(
                self._confirm_after(self.chance.uniform(0, 0.3), held),  # a cancel has more steps
                self.client.act_until_answered("cancel", held, self.stop),
            )
            await self.client.read(held.reservation)
            return
        if act == "cancel":
            await self.client.act_until_answered("cancel", held, self.stop)
            await self.client.read(held.reservation)
            return
        if act == "exchange and confirm":
            exchanged = await self.client.exchange(held, self.chance.sample(self.seats, len(held.seats)))
            held = exchanged if exchanged.succeeded else held
        if act.startswith("extend"):
            await self._sleep(self.chance.uniform(0.1, 1.0))
            extended = await self.client.act("extend", held)
            held = extended if extended.succeeded else held
            await self.client.read(held.reservation)
        if act.endswith("lapse"):
            await self._sleep(held.expires - time.time() - self.chance.uniform(0, 0.2))
            await self.client.read(held.reservation)
            return
        if act == "confirm late":
            await self._sleep(held.expires - time.time() + self.chance.uniform(-0.1, 0.5))
        await self._confirm(held)

    async def _confirm(self, held: Request) -> None:
        """Confirm, look at it, and cancel it after a while."""
        confirmed = await self.client.act_until_answered("confirm", held, self.stop)
        await self.client.read(held.reservation)
        if confirmed.succeeded and not self.stop.is_set():
            await self._sleep(self.chance.uniform(0, KEPT_S))
            await self.client.read(held.reservation)
            await self.client.act_until_answered("cancel", held, self.stop)
            await self.client.read(held.reservation)

    async def _confirm_after(self, seconds: float, held: Request) -> None:
        await self._sleep(seconds)
        await self.client.act_until_answered("confirm", held, self.stop)

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not longer than until the stop."""
        if seconds > 0 and not self.stop.is_set():
            try:
                await asyncio.wait_for(self.stop.wait(), seconds)
            except TimeoutError:
                return


async def watch(client: Client, showtime_id: int, stop: asyncio.Event) -> None:
    """Look at a map again and again."""
    while not stop.is_set():
        seen = await client.seat_map(showtime_id)
        await asyncio.sleep(0.02 if seen.succeeded else PAUSE_S)
