"""One drill: customers and viewers at a service whose parts fail by a schedule, and what the checker finds."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any

import asyncpg

from tests.api import slot
from tests.histories.checker import check
from tests.histories.client import PAUSE_S, Client, is_undecided
from tests.histories.customers import Customer, watch
from tests.histories.faults import SERVICE
from tests.histories.history import Broken, FaultWindow, History, Stored
from tests.histories.schedule import Step
from tests.histories.stands import ADMIN, HOLD_TTL_S, Stand

CUSTOMERS, VIEWERS, SEATS = 8, 2, 6
RECOVERY_S = 60.0
CLOSING_S = 0.1  # transports close in the next rounds of the event loop
END_S = 60.0
AUDIT_S = 90.0  # once a minute a worker removes what others have left in Redis
STATES = """
select
    r.id, case when r.status = 'held' and r.expires_at <= clock_timestamp() then 'expired' else r.status end as status,
    r.seat_ids, array(select b.seat_id from booked_seats as b where b.reservation_id = r.id) as booked
from reservations as r where r.showtime_id = $1
"""


@dataclass(slots=True)
class Outcome:
    """What a drill found, and the history it found it in."""

    history: History
    broken: list[Broken] = field(default_factory=list)

    @property
    def violations(self) -> list[Broken]:
        """The broken promises; a late map is none."""
        return [each for each in self.broken if each.kind != "late map"]


class Drill:
    """A drill on a stand that runs. The seed determines what the customers do."""

    def __init__(self, stand: Stand, steps: list[Step], seed: int, *, clocks_are_right: bool = True) -> None:
        self.stand, self.steps, self.seed, self.clocks_are_right = stand, steps, seed, clocks_are_right
        self.history, self.chance = History(), Random(f"drill {seed}")
        self.stop = asyncio.Event()
        self.clients: list[Client] = []

    async def run(self) -> Outcome:
        """Let the faults happen one after another, and check the history."""
        try:
            return await self._run()
        finally:
            self.stop.set()
            for client in self.clients:
                await client.aclose()
            await asyncio.sleep(CLOSING_S)

    async def _run(self) -> Outcome:
        admin = await self._sign_in(ADMIN)
        showtime_id, seats = await self._make_showtime(admin)
        probed_id, [probed] = await self._make_showtime(admin, seats=1)
        probe = await self._sign_up("probe", History(), keep_connections=False)
        customers = [
            Customer(await self._sign_up(f"customer-{number}", self.history), showtime_id, seats, chance, self.stop)
            for number, chance in enumerate(Random(f"customer {self.seed} {number}") for number in range(CUSTOMERS))
        ]
        at_work = [asyncio.create_task(customer.run()) for customer in customers]
        at_work += self._watch(showtime_id)
        broken: list[Broken] = []
        for step in self.steps:
            await asyncio.sleep(step.before_s)
            broken += await self._cause(step, probe, probed_id, probed)
        await asyncio.sleep(HOLD_TTL_S / 2)
        self.stop.set()
        async with asyncio.timeout(END_S):
            await asyncio.gather(*at_work)
        await self._look_at_the_end(showtime_id)
        broken += check(self.history, clocks_are_right=self.clocks_are_right)
        return Outcome(self.history, broken + await self._audit())

    def _watch(self, showtime_id: int) -> list[asyncio.Task[None]]:
        """Viewers, who look at the map until the stop."""
        viewers = [self._client(self.history, keep_connections=number > 0) for number in range(VIEWERS)]
        return [asyncio.create_task(watch(viewer, showtime_id, self.stop)) for viewer in viewers]

    async def _cause(self, step: Step, probe: Client, showtime_id: int, seat: int) -> list[Broken]:
        """Cause a fault, or two, mend them, and measure how long the service needs to recover."""
        window = FaultWindow(step.name, step.parts, time.time())
        self.history.faults.append(window)
        async with AsyncExitStack() as faults:
            # A killed service starts again when all else is mended: what was entered first is left last.
            for number, fault in enumerate(sorted(step.faults, key=lambda each: SERVICE not in each.parts)):
                await asyncio.sleep(step.between_s if number else 0)
                await faults.enter_async_context(fault.inject(self.stand, self.chance))
            await asyncio.sleep(step.lasts_s)
        window.healed = time.time()
        try:
            async with asyncio.timeout(RECOVERY_S):
                while not await self._is_recovered(probe, showtime_id, seat):
                    await asyncio.sleep(PAUSE_S)
                    await self.stand.mend()
        except TimeoutError:
            return [Broken("other", window.healed, f"no recovery within {RECOVERY_S} s after {step.name}")]
        window.recovered = time.time()
        return []

    async def _is_recovered(self, probe: Client, showtime_id: int, seat: int) -> bool:
        """Whether a hold, a confirm, a map and a cancel succeed one after another."""
        held = await probe.hold(showtime_id, [seat])
        if not held.succeeded:
            for state in ("held", "confirmed"):  # without an answer, also a confirm that came after its cancel
                for reservation_id in await probe.own_ids(state) or ():
                    await probe.call("POST", f"/reservations/{reservation_id}/cancel")
            return False
        confirmed = await probe.act("confirm", held)
        seen = await probe.seat_map(showtime_id)
        cancelled = await probe.act("cancel", held)
        while is_undecided(cancelled):
            await asyncio.sleep(PAUSE_S)
            cancelled = await probe.act("cancel", held)
        return confirmed.succeeded and seen.succeeded and cancelled.succeeded

    async def _look_at_the_end(self, showtime_id: int) -> None:
        connection = await asyncpg.connect(self.stand.database_url)
        rows = await connection.fetch(STATES, showtime_id)
        await connection.close()
        self.history.looked_at = time.time()
        self.history.stored = {
            str(row["id"]): Stored(row["status"], tuple(row["seat_ids"]), tuple(row["booked"])) for row in rows
        }

    async def _audit(self) -> list[Broken]:
        """What `reservation audit` finds; what workers mend later is waited for."""
        deadline = time.monotonic() + AUDIT_S
        while (found := await self.stand.audit()) and time.monotonic() < deadline:
            if {each.rule for each in found} == {"holds_without_reservation"}:
                return []
            await asyncio.sleep(1)
        return [Broken("other", self.history.looked_at, f"audit: {each}") for each in found]

    def _client(self, history: History, *, token: str = "", keep_connections: bool = True) -> Client:
        client = Client(self.stand.base, history, token=token, keep_connections=keep_connections)
        self.clients.append(client)
        return client

    async def _sign_up(self, name: str, history: History, *, keep_connections: bool = True) -> Client:
        email = f"{name}-{self.seed}-{self.chance.getrandbits(32):x}@example.com"
        person = {"email": email, "password": "a-drill-1947"}
        status, answer = await self._client(history).call("POST", "/auth/signup", {"name": name, **person})
        if status != 201:
            raise RuntimeError(f"{name} cannot sign up: {answer}")
        return self._client(history, token=await self._token(person), keep_connections=keep_connections)

    async def _sign_in(self, person: dict[str, str]) -> Client:
        return self._client(History(), token=await self._token(person))

    async def _token(self, person: dict[str, str]) -> str:
        status, answer = await self._client(History()).call("POST", "/auth/login", person)
        if status != 200:
            raise RuntimeError(f"{person['email']} cannot log in: {answer}")
        return str(answer["access_token"])

    async def _make_showtime(self, admin: Client, seats: int = SEATS) -> tuple[int, list[int]]:
        movie = await _make(admin, "/admin/movies", {"title": "A Drill", "duration_minutes": 90})
        room = await _make(admin, "/admin/auditoriums", {"name": "A Room", "capacity": seats})
        path, batch = f"/admin/auditoriums/{room['id']}/seats/batch", {"rows": 1, "seats_per_row": seats}
        made = await _make(admin, path, batch)
        showtime = {"movie_id": movie["id"], "auditorium_id": room["id"], "base_price": "10.00", **slot(24)}
        showtime_id = (await _make(admin, "/admin/showtimes", showtime))["id"]
        return showtime_id, [seat["id"] for seat in made["seats"]]


async def _make(admin: Client, path: str, body: Any) -> Any:
    status, answer = await admin.call("POST", path, body)
    if status != 201:
        raise RuntimeError(f"POST {path}: {status} {answer}")
    return answer
