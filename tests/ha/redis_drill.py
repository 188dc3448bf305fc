"""A drill on servers of Redis with a master that fails: customers, and viewers who poll the map or follow it live."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

from reservation.holds.keys import map_keys
from tests.ha.live_viewers import LiveViewer
from tests.ha.redis_stand import RedisStand, Servers
from tests.histories.client import PAUSE_S, Client
from tests.histories.drill import SEATS, Drill, Outcome
from tests.histories.faults import Fault
from tests.histories.history import Broken, History
from tests.histories.schedule import Step
from tests.histories.stands import running

BEFORE_S, LASTS_S = 1.0, 0.0
FOLLOWERS = 4  # of two workers
SETTLE_S = 30.0
RECOVERED_WITHIN_S = 5.0  # of the election: docs/operator


class RedisDrill(Drill):
    """A drill whose faults are of the master that has the keys of both showtimes."""

    stand: RedisStand

    def __init__(self, stand: RedisStand, steps: list[Step], seed: int) -> None:
        super().__init__(stand, steps, seed)
        self.viewers: list[LiveViewer] = []
        self._following: list[asyncio.Task[None]] = []
        self._workers = stand.workers()
        self._found: list[Broken] = []

    async def run(self) -> Outcome:
        """Let the faults happen one after another, and check the history and the viewers."""
        try:
            return await super().run()
        finally:
            for task in self._following:
                task.cancel()
            await asyncio.gather(*self._following, return_exceptions=True)

    async def _make_showtime(self, admin: Client, seats: int = SEATS) -> tuple[int, list[int]]:
        """A showtime whose keys are where those of the first one are."""
        masters = self.stand.servers
        while True:
            showtime_id, seat_ids = await super()._make_showtime(admin, seats)
            key = map_keys(showtime_id)[0]
            if masters.master_of_key(key) is masters.master_of_key((*self.stand.keys, key)[0]):
                self.stand.keys.append(key)
                return showtime_id, seat_ids

    def _watch(self, showtime_id: int) -> list[asyncio.Task[None]]:
        self.viewers = [LiveViewer(self.stand.base, showtime_id) for _ in range(FOLLOWERS)]
        self._following = [asyncio.create_task(viewer.run()) for viewer in self.viewers]
        return super()._watch(showtime_id)

    async def _cause(self, step: Step, probe: Client, showtime_id: int, seat: int) -> list[Broken]:
        """Cause a fault, which viewers see changes before and after, and mend the servers."""
        await self._until_viewers_see_changes(time.time())
        broken = await super()._cause(step, probe, showtime_id, seat)
        await self._until_viewers_see_changes(time.time())
        await self.stand.mend_servers()
        return broken

    async def _until_viewers_see_changes(self, since: float) -> None:
        deadline = time.monotonic() + SETTLE_S
        while not all(viewer.has_changed_since(since) for viewer in self.viewers):
            if time.monotonic() > deadline:
                self._found.append(Broken("stale map", since, f"a live map had no change in {SETTLE_S} s of sales"))
                return
            await asyncio.sleep(PAUSE_S)

    async def _look_at_the_end(self, showtime_id: int) -> None:
        await super()._look_at_the_end(showtime_id)
        if self.stand.workers() != self._workers:
            self._found.append(Broken("other", self.history.looked_at, "a worker was started again"))
        await self._look_at_viewers(showtime_id)

    async def _look_at_viewers(self, showtime_id: int) -> None:
        """Each viewer comes to see the map that a GET answers."""
        reader, deadline = self._client(History()), time.monotonic() + SETTLE_S
        while (behind := await self._viewers_behind(reader, showtime_id)) and time.monotonic() < deadline:
            await asyncio.sleep(PAUSE_S)
        at = self.history.looked_at
        self._found += [Broken("stale map", at, f"a live map stays behind: {viewer.map}") for viewer in behind]
        for task in self._following:
            if task.done() and (error := task.exception()) is not None:
                self._found.append(Broken("stale map", at, f"a live map: {error!r}"))

    async def _viewers_behind(self, reader: Client, showtime_id: int) -> list[LiveViewer]:
        """Those who see another map than a GET now."""
        status, answer = await reader.call("GET", f"/showtimes/{showtime_id}/seats")
        if status != 200:
            return self.viewers
        statuses = {seat["id"]: seat["status"] for seat in answer["seats"]}
        return [viewer for viewer in self.viewers if viewer.map.statuses != statuses]

    async def _audit(self) -> list[Broken]:
        return [*self._found, *await super()._audit()]


async def drill(
    run: Callable[[Path], AbstractContextManager[Servers]], faults: Sequence[Fault], seed: int
) -> tuple[Outcome, str]:
    """Cause these faults one after another; what was found, and what the service has logged."""
    steps = [Step((fault,), BEFORE_S, 0.0, LASTS_S) for fault in faults]
    with TemporaryDirectory(prefix="reservation-ha.", ignore_cleanup_errors=True) as folder:
        stand = RedisStand(Path(folder), run)
        async with running(stand):
            outcome = await RedisDrill(stand, steps, seed).run()
            return outcome, stand.instance.printed() if stand.instance is not None else ""
