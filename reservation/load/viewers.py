"""Viewers of live seat maps: streams that are held open during a run, and how late they show what customers did."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import cycle, islice
from time import monotonic
from typing import Any

from .measurements import Histogram
from .showtimes import Showtime
from .target import Target

CONNECTING_AT_ONCE = 50
LONGEST_EVENT = 64 * 1024 * 1024
RETRY_S = 1.0  # before a stream that has ended is opened again


@dataclass(slots=True)
class SeatChange:
    """What a customer's request makes of a seat, when it was sent, and which viewers have been shown it."""

    status: str
    sent_at: float
    shown_to: set[int] = field(default_factory=set)


class SeatChanges:
    """The newest change of each seat by the customers' requests; nothing is kept without viewers."""

    def __init__(self) -> None:
        self.has_viewers = False
        self._changes: dict[tuple[int, int], SeatChange] = {}

    def sent(self, showtime_id: int, seats: Sequence[int], status: str, at: float) -> None:
        """A request was sent that gives these seats the status."""
        if self.has_viewers:
            for seat in seats:
                self._changes[showtime_id, seat] = SeatChange(status, at)

    def refused(self, showtime_id: int, seats: Sequence[int], at: float) -> None:
        """The request of that time did not change the seats."""
        for seat in seats:
            change = self._changes.get((showtime_id, seat))
            if change is not None and change.sent_at == at:
                del self._changes[showtime_id, seat]

    def shown(self, viewer: int, showtime_id: int, seats: Sequence[tuple[int, str]]) -> float | None:
        """When the oldest change was sent that an event shows to this viewer for the first time; None without any."""
        oldest: float | None = None
        for seat, status in seats:
            change = self._changes.get((showtime_id, seat))
            if change is not None and change.status == status and viewer not in change.shown_to:
                change.shown_to.add(viewer)
                oldest = change.sent_at if oldest is None else min(oldest, change.sent_at)
        return oldest


class Viewers:
    """So many streams, spread over the showtimes; each is opened again when it ends."""

    def __init__(self, target: Target, shows: Sequence[Showtime], count: int, changes: SeatChanges) -> None:
        self.count, self.connected = count, 0
        self.events: Counter[str] = Counter()  # by kind
        self.errors: Counter[str] = Counter()
        self.lag = Histogram()
        self._target, self._changes = target, changes
        self._showtime_ids = list(islice(cycle([show.id for show in shows]), count))
        self._gate = asyncio.Semaphore(CONNECTING_AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []
        changes.has_viewers = count > 0

    async def __aenter__(self) -> "Viewers":
        """Open all streams; each has its first event, or has failed once."""
        begun = [asyncio.Event() for _ in self._showtime_ids]
        self._tasks = [
            asyncio.create_task(self._follow(number, showtime_id, begun[number]))
            for number, showtime_id in enumerate(self._showtime_ids)
        ]
        await asyncio.gather(*(each.wait() for each in begun))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all streams."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def summary(self) -> dict[str, Any]:
        """The viewers' part of the JSON report."""
        return {
            "asked": self.count,
            "connected": self.connected,
            "events": dict(self.events),
            "errors": dict(self.errors),
            "event_lag": self.lag.summary(),
        }

    async def _follow(self, number: int, showtime_id: int, begun: asyncio.Event) -> None:
        while True:
            try:
                await self._read_stream(number, showtime_id, begun)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                self.errors["connection_lost" if isinstance(error, EOFError) else "connect_failed"] += 1
            begun.set()
            await asyncio.sleep(RETRY_S)

    async def _read_stream(self, number: int, showtime_id: int, begun: asyncio.Event) -> None:
        target = self._target
        async with AsyncExitStack() as stack:
            async with self._gate:  # until it has begun: a service refuses more at once than it can open
                reader, writer = await asyncio.open_connection(
                    target.host, target.port, ssl=target.tls, limit=LONGEST_EVENT
                )
                stack.callback(writer.close)
                writer.write(target.stream_request(f"/showtimes/{showtime_id}/events"))
                head = await reader.readuntil(b"\r\n\r\n")
                status = head.split(b" ", 2)[1].decode("latin-1")
                if status != "200":
                    self.errors[status] += 1
                    return
                event = await reader.readuntil(b"\n\n")
                self.connected += not begun.is_set()
                begun.set()
            while self._count(number, showtime_id, event):
                event = await reader.readuntil(b"\n\n")

    def _count(self, number: int, showtime_id: int, event: bytes) -> bool:
        """Count an event that has come; False if it ends its stream."""
        now = monotonic()
        kind = _field(event, b"event")
        self.events[kind.decode("latin-1")] += 1
        if kind == b"seats":
            sent_at = self._changes.shown(number, showtime_id, _seats(_field(event, b"data")))
            if sent_at is not None:
                self.lag.add(now - sent_at)
        return kind not in (b"reconnect", b"gone")


def _field(event: bytes, name: bytes) -> bytes:
    """The value of a field of an event; empty without it."""
    for line in event.split(b"\n"):
        if line.startswith(name + b":"):
            return line[len(name) + 1 :].strip()
    return b""


@lru_cache(maxsize=256)
def _seats(data: bytes) -> tuple[tuple[int, str], ...]:
    """The seats of an event with their status; all viewers of a map get the same bytes."""
    return tuple((seat["id"], seat["status"]) for seat in json.loads(data)["seats"])


def viewer_lines(viewers: dict[str, Any]) -> list[str]:
    """The viewers in words."""
    if not viewers["asked"]:
        return []
    lag = viewers["event_lag"]
    lags = (
        f"lag p50 {lag['p50_ms']:,.1f} ms, p99 {lag['p99_ms']:,.1f} ms, max {lag['max_ms']:,.1f} ms"
        if lag["count"]
        else "no change"
    )
    errors = "".join(f", {count:,} {code}" for code, count in viewers["errors"].items())
    events = sum(viewers["events"].values())
    return [f"viewers: {viewers['connected']:,} of {viewers['asked']:,} connected, {events:,} events, {lags}{errors}"]
