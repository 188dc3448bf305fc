"""The showtimes under load as the customers see them: the seats that the newest map showed free, and their ranking."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any

import orjson

from . import LoadError
from .client import Client
from .connection import Answer

PAGE = 200
MAX_PAGES = 50
MAPS_AT_ONCE = 8
MARGIN_S = 600.0  # a showtime must not start before the last cancel


@dataclass(slots=True)
class Showtime:
    """One showtime. `taken` are the seats that this generator has requested or holds."""

    id: int
    best_first: list[int]
    free: list[int] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    etag: str = ""
    unread: bytes = b""
    version: int = -1
    seats: int = 0

    def keep_map(self, answer: Answer) -> None:
        """Keep a seat map; it is parsed only when a customer wants a seat."""
        self.etag = answer.header("ETag") or ""
        self.unread = answer.body

    def free_seats(self) -> Sequence[int]:
        """The seats that the newest map showed free, in the order of the map."""
        if self.unread:
            seat_map, self.unread = orjson.loads(self.unread), b""
            if seat_map["version"] >= self.version:  # answers overtake each other
                self.version = seat_map["version"]
                self.free = [seat["id"] for seat in seat_map["seats"] if seat["status"] == "available"]
        return self.free

    def best(self, count: int, *, without: frozenset[int] = frozenset()) -> list[int]:
        """The best seats that the newest map showed free: what most customers want."""
        free = set(self.free_seats()) - without
        return list(islice((seat for seat in self.best_first if seat in free), count))

    def adjacent(self, count: int, draw: float, *, without: frozenset[int] = frozenset()) -> list[int]:
        """Seats next to each other in the list of the free ones, from a place in it on, except those in `taken`."""
        free = self.free_seats()
        start = int(draw * len(free))
        seats = chain(islice(free, start, None), islice(free, start))
        return list(islice((seat for seat in seats if seat not in self.taken and seat not in without), count))


async def find_showtimes(client: Client, *, count: int, duration_s: float) -> list[Showtime]:
    """The first showtimes, by start and id, that have free seats and do not start before the end; raises LoadError."""
    earliest = datetime.now(UTC) + timedelta(seconds=duration_s + MARGIN_S)
    found: list[Showtime] = []
    ids = await _open_showtimes(client, earliest, count)
    for start in range(0, len(ids), MAPS_AT_ONCE):
        made = await asyncio.gather(*(load_showtime(client, one) for one in ids[start : start + MAPS_AT_ONCE]))
        found += [show for show in made if show.free]
        if len(found) >= count:
            break
    if not found:
        raise LoadError(
            f"{client.target.url} has no showtime with free seats that starts after the run: "
            "`reservation seed demo` or `reservation seed scale` makes some, `reservation load reset` frees seats"
        )
    return found[:count]


async def load_showtime(client: Client, showtime_id: int) -> Showtime:
    """A showtime with its seats; raises LoadError."""
    answer = await client.call("GET", f"/showtimes/{showtime_id}/seats")
    seat_map = expect(answer, 200, f"the seat map of showtime {showtime_id}")
    show = Showtime(showtime_id, best_first(seat_map["seats"]), seats=len(seat_map["seats"]))
    show.keep_map(answer)
    show.free_seats()
    return show


async def read_again(client: Client, shows: Sequence[Showtime]) -> None:
    """Read the maps of all showtimes; what this generator has requested or held before is forgotten."""
    for start in range(0, len(shows), MAPS_AT_ONCE):
        some = shows[start : start + MAPS_AT_ONCE]
        answers = await asyncio.gather(*(client.call("GET", f"/showtimes/{show.id}/seats") for show in some))
        for show, answer in zip(some, answers, strict=True):
            show.taken.clear()
            if answer.status == 200:
                show.keep_map(answer)


def expect(answer: Answer, status: int, what: str) -> Any:
    """The JSON of an answer that must have this status; raises LoadError."""
    if answer.status != status:
        found = f"{answer.status} {answer.code}".strip() if answer.status else answer.fault
        raise LoadError(f"{what}: {found} instead of {status}")
    body = answer.json()
    if body is None:
        raise LoadError(f"{what}: the answer is no JSON")
    return body


async def _open_showtimes(client: Client, earliest: datetime, count: int) -> list[int]:
    """Ids of the showtimes to come, three times as many as wanted, since some are sold out."""
    ids: list[int] = []
    cursor = ""
    for _ in range(MAX_PAGES):
        page = expect(await client.call("GET", f"/showtimes?limit={PAGE}{cursor}"), 200, "the showtimes")
        ids += [show["id"] for show in page["items"] if datetime.fromisoformat(show["starts_at"]) > earliest]
        if page["next_cursor"] is None or len(ids) >= 3 * count:
            break
        cursor = f"&cursor={page['next_cursor']}"
    return ids


def best_first(seats: Sequence[dict[str, Any]]) -> list[int]:
    """All seats, those nearest to the middle of the room first: by row, then by place in the row."""
    rows: dict[str, list[int]] = {}
    for seat in seats:
        rows.setdefault(seat["row_label"], []).append(seat["id"])
    ranked = [
        (abs(2 * row - len(rows) + 1), abs(2 * place - len(ids) + 1), seat_id)
        for row, ids in enumerate(rows.values())
        for place, seat_id in enumerate(ids)
    ]
    return [seat_id for _, _, seat_id in sorted(ranked)]
