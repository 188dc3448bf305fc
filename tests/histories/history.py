"""A history: each request of each client with its start, its end and its answer, and the faults meanwhile.

Times are seconds since 1970 of this machine's clock, which is PostgreSQL's as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal["hold", "extend", "confirm", "cancel", "exchange", "read", "map"]
FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Request:
    """One request and its answer; status 0 if there was none.

    `reservation` and `seats` are those of the answer or, without one, those that were asked for. `shown` is the map: a
    status for each seat.
    """

    kind: Kind
    start: float
    end: float
    status: int
    reservation: str = ""
    asked: tuple[int, ...] = ()
    seats: tuple[int, ...] = ()
    code: str = ""
    key: str = ""
    state: str = ""
    expires: float = 0.0
    late: bool = False
    version: int = 0
    shown: Mapping[int, str] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether it was answered with success."""
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether it was answered that nothing was done."""
        return 400 <= self.status < 500 and self.code not in {"idempotency_in_flight", "idempotency_key_used"}

    def __str__(self) -> str:
        what = " ".join(filter(None, (self.kind, self.reservation[-6:], str(list(self.seats or self.asked)))))
        answer = f"{self.status or 'no answer'} {self.code or self.state}".strip()
        if self.expires:
            answer += f" until {clock(self.expires)}"
        if self.kind == "map":
            answer += f" version {self.version} {[*self.shown.values()]}"
        return f"{what} {clock(self.start)}-{clock(self.end)} {answer}"


def request_of(
    kind: Kind,
    start: float,
    end: float,
    status: int,
    body: Any,
    *,
    reservation: str = "",
    asked: Sequence[int] = (),
    key: str = "",
) -> Request:
    """The request and its answer, whose JSON is `body`."""
    if not isinstance(body, dict):
        body = {}
    if kind == "map" and status == 200:
        shown = {seat["id"]: seat["status"] for seat in body["seats"]}
        return Request(kind, start, end, status, version=body["version"], shown=shown)
    if status >= 300 or "id" not in body:
        return Request(kind, start, end, status, reservation, tuple(asked), code=body.get("code", ""), key=key)
    return Request(
        kind,
        start,
        end,
        status,
        body["id"],
        tuple(asked),
        tuple(seat["seat_id"] for seat in body["seats"]),
        key=key,
        state=body["status"],
        expires=datetime.fromisoformat(body["expires_at"]).timestamp() if body.get("expires_at") else 0.0,
        late=bool(body.get("late")),
    )


@dataclass(slots=True)
class FaultWindow:
    """A fault, or two at once: from when to when, and when the service had recovered."""

    name: str
    parts: frozenset[str]
    start: float
    healed: float = FOREVER
    recovered: float = FOREVER


@dataclass(slots=True)
class Stored:
    """What PostgreSQL has of a reservation at the end: its status, its seats, and those of them that are booked."""

    status: str
    seats: tuple[int, ...]
    booked: tuple[int, ...]


@dataclass(slots=True)
class History:
    """All requests, all faults, and what was stored at the end, at the time `looked_at`."""

    requests: list[Request] = field(default_factory=list)
    faults: list[FaultWindow] = field(default_factory=list)
    stored: dict[str, Stored] = field(default_factory=dict)
    looked_at: float = FOREVER


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken promise: which kind of promise, when, and the requests that show it."""

    kind: Literal["lost", "sold twice", "overlapping hold", "stale map", "late map", "other"]
    at: float
    what: str


def clock(at: float) -> str:
    """A time as reports have it: the last digits of its seconds."""
    return f"{at % 10_000:.3f}"
