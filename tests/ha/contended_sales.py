"""Customers of several workers who want the same seats, while the servers of Redis fail."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.api import Api, Cinema, Person

PATIENCE_S = 90.0


@dataclass(slots=True)
class Sales:
    """Customers of two workers, who want the same seats one after the other, hold them and confirm what they hold."""

    workers: list[Api]
    cinema: Cinema
    held: Counter[int] = field(default_factory=Counter)  # seat -> holds that were answered 201
    confirmed: list[str] = field(default_factory=list)  # reservations whose confirm was answered 200
    answered_at: dict[int, float] = field(default_factory=dict)  # when a worker answered its last hold 201
    is_over: bool = False

    async def customer(self, api: Api, who: Person, first: int) -> None:
        """Want each seat in turn, from the first on, until the sales are over."""
        seats = self.cinema.seat_ids
        place = first
        while not self.is_over:
            seat = seats[place % len(seats)]
            if self.held[seat]:
                place += 1
                await asyncio.sleep(0)
                if all(self.held[each] for each in seats):
                    return
                continue
            hold = await api.hold(who, self.cinema.showtime_id, [seat])
            assert hold.status in (201, 409, 503), hold.text
            if hold.status == 201:
                self.held[seat] += 1
                self.answered_at[self.workers.index(api)] = time.monotonic()
                await self.confirm(api, who, hold.json["id"])
            else:
                await asyncio.sleep(0.02)
            place += 1

    async def confirm(self, api: Api, who: Person, reservation_id: str) -> None:
        """Confirm a hold, which PostgreSQL does also without Redis."""
        while (answer := await api.confirm(who, reservation_id)).status == 503:
            await asyncio.sleep(0.05)
        assert answer.status == 200, answer.text
        self.confirmed.append(reservation_id)

    def are_answered_since(self, moment: float) -> bool:
        """Whether each worker has answered a hold since."""
        return all(self.answered_at.get(number, 0.0) > moment for number in range(len(self.workers)))

    async def until_held(self, seats: int) -> None:
        """Wait until so many seats are held."""
        await self.until(lambda: sum(self.held.values()) >= seats)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition while customers buy."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.01)
