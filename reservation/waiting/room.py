"""The order of those who wait for a showtime.

For every showtime there are, under one hash tag as for its seats (holds/store.py):

    {42}:waiting           a hash: `given`, the time up to which admissions were given, in microseconds
    {42}:waiting:queue     a sorted set of the customers; the score is the place: a lot below zero for those who joined
                           before the sale began, else the time of joining in microseconds
    {42}:waiting:seen      a sorted set of the same customers; the score is when they last asked
    {42}:waiting:admitted  a sorted set of the admitted customers; the score is when the admission ends
    {42}:waiting:address:<address>  a set of the customers who joined from a client address, for its limit

Each script also admits as many as are due, so no job is needed: while a customer waits, one asks. Customers who have
not asked for LIVE_S have left, and use up no admission; one who comes back gets the same place, by the ticket.

Redis may lose all of it. Each who waits asks again with the signed ticket, which has the place, and the first of the
queue ask every 2 s. So admissions begin 3 s after a room was made, and the order is as before.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Literal

from ..errors import DomainError, Invalid, NotFound, SalesEnded, ShowtimeCancelled, TooManyRequests
from ..holds.runners import open_runner
from ..holds.script_runner import Call, script_call
from ..holds.scripts import Script, read_source
from ..limit_texts import WAITING_PLACES
from ..runtime.redis_client import RedisClient
from ..seatmap.layouts import Layout, Layouts
from .metrics import ADMISSIONS, PLACES
from .passes import PassSigner

SECOND_US = 1_000_000
LIVE_S = 90  # LONGEST_ASK_S, and some time for a request that comes late
FIRST_ASK_S, LAST_ASK_S = 2.0, 30.0  # how often the first and the last of a queue are to ask
ASKS_LEFT = 20  # how often about a customer asks before the admission
STARTS_PER_S = 500  # at the start of the sale, those who wait ask within so long that about as many do so a second
LONGEST_SPREAD_S = 30.0
LONGEST_ASK_S = LAST_ASK_S + LONGEST_SPREAD_S  # between two requests of a customer
FRESH_S = 2.0  # for how long a worker takes a showtime's sale to be as it was read
MAX_ROOMS = 10_000
RETRY_AFTER_S = 30
ADMITTED, TOO_MANY = 1, 2  # outcomes of enter.lua
_FOLDER = Path(__file__).parent / "lua"
ENTER = Script(read_source("enter", _FOLDER))
LOOK = Script(read_source("look", _FOLDER))


@dataclass(frozen=True, slots=True)
class Place:
    """A customer's place: `before` customers are admitted earlier, `waiting` are in the queue with this one.

    Before the sale begins there is no order yet, so `position` and `expected_seconds` are None; they are so when
    admitted, too.
    """

    showtime_id: int
    status: Literal["before_sale", "waiting", "admitted"]
    queue_ticket: str | None
    position: int | None
    waiting: int
    expected_seconds: int | None
    poll_after_seconds: int
    on_sale_at: datetime | None
    admission_token: str | None = None
    admission_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What the scripts need of a showtime, and when that was read, on the monotonic clock."""

    on_sale_at: datetime | None
    read_at: float

    @property
    def on_sale_us(self) -> int:
        """The start of the sale in microseconds since 1970; 0 if it has none."""
        return 0 if self.on_sale_at is None else round(self.on_sale_at.timestamp() * SECOND_US)


class WaitingRooms:
    """The waiting rooms of all showtimes; what asks Redis raises HoldsUnavailable when it does not answer.

    `per_second` customers are admitted a second to each showtime, each for `admission_s` seconds. A client address has
    at most `most_of_address` places of a showtime; 0 is no limit.
    """

    def __init__(
        self,
        redis: RedisClient,
        layouts: Layouts,
        signer: PassSigner,
        *,
        per_second: int,
        admission_s: int,
        most_of_address: int,
        wait_s: float,
    ) -> None:
        self.signer = signer
        self.per_second = per_second
        self._admission_s = admission_s
        self._most_of_address = most_of_address
        self._layouts = layouts
        self._scripts = open_runner(redis, wait_s=wait_s)  # on a connection of its own: holds do not wait behind it
        self._rooms: dict[int, Room] = {}

    async def aclose(self) -> None:
        """Close the connection."""
        await self._scripts.server.aclose()

    async def enter(self, showtime_id: int, user_id: int, ticket: str | None = None, *, address: str = "") -> Place:
        """A customer's place, which is that of the ticket if there is one; a new one is the last.

        Raises NotFound (no such showtime, or one without a waiting room), ShowtimeCancelled, SalesEnded, Invalid for a
        ticket of another customer or showtime, and TooManyRequests if the client address, unless it is empty, has as
        many places as it may.
        """
        of_ticket = None if ticket is None else self.signer.place_of(ticket, showtime_id, user_id)
        if ticket is not None and of_ticket is None:
            raise Invalid("/ticket", "This is not your queue ticket for this showtime.")
        room = await self._open_room(showtime_id)
        given = "" if of_ticket is None else of_ticket
        lot = self.signer.lot(showtime_id, user_id)
        keys = (*_keys(showtime_id), f"{{{showtime_id}}}:waiting:address:{address}")
        most = self._most_of_address if address else 0
        call = script_call(ENTER, showtime_id, keys, (*self._common(room), user_id, lot, given, most))
        now_us, outcome, number, before, waiting = await self._scripts.run_one(call)
        if outcome == TOO_MANY:
            raise TooManyRequests(RETRY_AFTER_S, WAITING_PLACES)
        if outcome == ADMITTED:
            return self._admitted(showtime_id, user_id, room, number)
        ticket = self.signer.ticket(showtime_id, user_id, number)
        return self.place(showtime_id, ticket, room, now_us=now_us, before=before, waiting=waiting)

    async def look(self, showtime_id: int, user_ids: Sequence[int]) -> tuple[Room, int, int, Sequence[int]]:
        """The room, the time in microseconds, how many wait, and how many are before each; -1: not in the queue."""
        room = await self._open_room(showtime_id)
        now_us, waiting, *before = await self._scripts.run_one(self._look_call(showtime_id, room, user_ids))
        return room, now_us, waiting, before

    def place(self, showtime_id: int, ticket: str, room: Room, *, now_us: int, before: int, waiting: int) -> Place:
        """The answer to a customer who waits."""
        PLACES.value += 1
        if now_us < room.on_sale_us:
            left_s = (room.on_sale_us - now_us) / SECOND_US
            spread_s = random.uniform(0, min(LONGEST_SPREAD_S, waiting / STARTS_PER_S))  # noqa: S311 - no secret
            ask_s = LAST_ASK_S if left_s > LAST_ASK_S else left_s + spread_s
            return Place(showtime_id, "before_sale", ticket, None, waiting, None, max(1, ceil(ask_s)), room.on_sale_at)
        expected_s = ceil((before + 1) / self.per_second)
        ask_s = min(max(expected_s / ASKS_LEFT, FIRST_ASK_S), LAST_ASK_S)
        return Place(showtime_id, "waiting", ticket, before + 1, waiting, expected_s, ceil(ask_s), room.on_sale_at)

    def _admitted(self, showtime_id: int, user_id: int, room: Room, ends_us: int) -> Place:
        ADMISSIONS.value += 1
        token = self.signer.admission(showtime_id, user_id, ends_us)
        ends_at = datetime.fromtimestamp(ends_us / SECOND_US, UTC)
        left_s = ceil((ends_at - datetime.now(UTC)).total_seconds())
        return Place(showtime_id, "admitted", None, None, 0, None, max(1, left_s), room.on_sale_at, token, ends_at)

    def _look_call(self, showtime_id: int, room: Room, user_ids: Sequence[int]) -> Call:
        return script_call(LOOK, showtime_id, _keys(showtime_id), (*self._common(room), *user_ids))

    def _common(self, room: Room) -> tuple[int, int, int, int]:
        return room.on_sale_us, self.per_second, self._admission_s * SECOND_US, LIVE_S * SECOND_US

    async def _open_room(self, showtime_id: int) -> Room:
        room = self._rooms.get(showtime_id)
        if room is None or monotonic() - room.read_at > FRESH_S:
            if len(self._rooms) >= MAX_ROOMS:
                self._rooms.clear()
            self._rooms.pop(showtime_id, None)
            layout = await self._layouts.load(showtime_id)
            refusal = _refusal(layout)
            if layout is None or refusal is not None:
                raise refusal or NotFound
            room = self._rooms[showtime_id] = Room(layout.sale.on_sale_at, monotonic())
        return room


def _refusal(layout: Layout | None) -> DomainError | None:
    """Why customers do not wait for a showtime; None: they may."""
    if layout is None:
        return NotFound("There is no such showtime.")
    if not layout.sale.waiting_room:
        return NotFound("The showtime has no waiting room: hold its seats without one.")
    if layout.sale.is_cancelled:
        return ShowtimeCancelled()
    return SalesEnded() if layout.sale.sales_end_at <= datetime.now(UTC) else None


def _keys(showtime_id: int) -> tuple[str, ...]:
    room = f"{{{showtime_id}}}:waiting"
    return room, f"{room}:queue", f"{room}:seen", f"{room}:admitted"
