"""An HTTP client that records each request in a history."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import aiohttp

from tests.histories.history import History, Kind, Request, request_of

TIMEOUT_S = 3.0  # then there is no answer; the service may still carry the request out
PAUSE_S = 0.1
UNDECIDED = {"idempotency_in_flight", "row_locked"}


class Client:
    """One customer at the service; not signed in, it can only look at maps."""

    def __init__(self, base: str, history: History, *, token: str = "", keep_connections: bool = True) -> None:
        self.base, self.history = base, history
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=not keep_connections),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )

    async def call(self, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        """Status and JSON of the answer; 0 and None if there is none."""
        headers = {"Idempotency-Key": key} if key else {}
        try:
            async with self.session.request(method, self.base + path, json=body, headers=headers) as response:
                return response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return 0, None

    async def _record(
        self,
        kind: Kind,
        method: str,
        path: str,
        body: Any = None,
        *,
        reservation: str = "",
        asked: Sequence[int] = (),
        key: str = "",
    ) -> Request:
        start = time.time()
        status, answer = await self.call(method, path, body, key)
        made = request_of(kind, start, time.time(), status, answer, reservation=reservation, asked=asked, key=key)
        self.history.requests.append(made)
        return made

    async def hold(self, showtime_id: int, seats: Sequence[int], key: str = "") -> Request:
        """Hold seats."""
        body = {"seat_ids": [*seats]}
        return await self._record("hold", "POST", f"/showtimes/{showtime_id}/holds", body, asked=seats, key=key)

    async def act(self, kind: Kind, held: Request) -> Request:
        """Extend, confirm or cancel a reservation."""
        path = f"/reservations/{held.reservation}/{kind}"
        return await self._record(kind, "POST", path, reservation=held.reservation, asked=held.seats)

    async def act_until_answered(self, kind: Kind, held: Request, give_up: asyncio.Event) -> Request:
        """The same, sent again until it is done or refused."""
        while is_undecided(answer := await self.act(kind, held)) and not give_up.is_set():
            await asyncio.sleep(PAUSE_S)
        return answer

    async def exchange(self, held: Request, seats: Sequence[int]) -> Request:
        """Exchange all seats of a reservation."""
        path, body = f"/reservations/{held.reservation}/exchange", {"seat_ids": [*seats]}
        return await self._record("exchange", "POST", path, body, reservation=held.reservation, asked=seats)

    async def read(self, reservation_id: str) -> Request:
        """Read a reservation."""
        return await self._record("read", "GET", f"/reservations/{reservation_id}", reservation=reservation_id)

    async def own_ids(self, state: str) -> list[str] | None:
        """The own reservations of this status, also those whose answer was lost; None without an answer."""
        status, answer = await self.call("GET", f"/reservations?status={state}")
        return [item["id"] for item in answer["items"]] if status == 200 else None

    async def seat_map(self, showtime_id: int) -> Request:
        """Look at the map."""
        return await self._record("map", "GET", f"/showtimes/{showtime_id}/seats")

    async def aclose(self) -> None:
        """Close its connections."""
        await self.session.close()


def is_undecided(request: Request) -> bool:
    """Whether it may be sent again to learn its outcome."""
    return request.status == 0 or request.status >= 500 or request.code in UNDECIDED
