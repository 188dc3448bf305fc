"""A small day of a cinema's traffic: all operations that write, in assumed proportions.

Of a hundred holds 7 are extended, 78 are confirmed (5 of which are cancelled later), 12 cancelled as holds, and 10
abandoned. Half of the requests have an Idempotency-Key. Every ten holds an account logs in, refreshes the token four
times, and in most cases logs out. Meanwhile others read films, maps and their lists, and an administrator works.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

PASSWORD = "a password of the day"
HOLDS_A_LOGIN = 10
LOOK_EVERY, ADMINISTER_EVERY = 5, 25
SEATS = (1, 2, 2, 3, 4)
FATES = ("confirm",) * 66 + ("extend",) * 7 + ("return",) * 5 + ("release",) * 12 + ("abandon",) * 10


class UnexpectedAnswer(Exception):
    """The service gave an answer that this traffic cannot cause."""


@dataclass(slots=True)
class Day:
    """A client of a service at `url`, and the administrator's token."""

    session: aiohttp.ClientSession
    url: str
    admin: str

    async def call(
        self, method: str, path: str, json: Any = None, *, token: str = "", key: str = "", status: int = 200
    ) -> Any:
        """Send one request; answers the body. Raises UnexpectedAnswer for another status."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if key:
            headers["Idempotency-Key"] = key
        async with self.session.request(method, self.url + path, json=json, headers=headers) as answer:
            if answer.status != status:
                raise UnexpectedAnswer(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json() if status != 204 else None

    async def make(self, path: str, body: Mapping[str, Any]) -> Any:
        """Create an object as the administrator."""
        return await self.call("POST", path, body, token=self.admin, status=201)


@dataclass(frozen=True, slots=True)
class Shows:
    """What is on sale: showtimes, each with its unsold seats; and the rooms' last seats."""

    movie_id: int
    free: list[tuple[int, list[int]]]
    spare_seat_ids: list[int]
    room_ids: Sequence[int]


async def build(day: Day, *, holds: int, seats_a_room: int = 200) -> Shows:
    """Create a film, and enough rooms with a showtime each for so many holds."""
    movie_id = (await day.make("/admin/movies", {"title": "Film", "duration_minutes": 90, "genre": "Drama"}))["id"]
    free, spare, rooms = [], [], []
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    for _ in range(1 + holds * max(SEATS) // seats_a_room):
        room = (await day.make("/admin/auditoriums", {"name": "Room", "capacity": seats_a_room + 20}))["id"]
        batch = {"rows": seats_a_room // 20 + 1, "seats_per_row": 20}
        made = (await day.make(f"/admin/auditoriums/{room}/seats/batch", batch))["seats"]
        ends = start + timedelta(hours=2)
        show = {"movie_id": movie_id, "auditorium_id": room, "base_price": "10.00"}
        times = {"starts_at": start.isoformat(), "ends_at": ends.isoformat()}
        showtime_id = (await day.make("/admin/showtimes", show | times))["id"]
        seat_ids = [seat["id"] for seat in made]
        free.append((showtime_id, seat_ids[:seats_a_room]))
        spare += seat_ids[seats_a_room:]
        rooms.append(room)
    return Shows(movie_id, free, spare, rooms)


async def live(day: Day, shows: Shows, *, holds: int, at_once: int = 8, random_seed: int = 1) -> None:
    """Run the whole day, `at_once` customers at a time."""
    chance = random.Random(random_seed)
    wishes = iter([(number, chance.choice(FATES), chance.choice(SEATS)) for number in range(holds)])

    async def customer(name: str) -> None:
        email = f"{name}@day.invalid"
        tokens: dict[str, str] = {}
        await day.call("POST", "/auth/signup", {"name": name, "email": email, "password": PASSWORD}, status=201)
        for served, (number, fate, seats) in enumerate(wishes):
            if served % HOLDS_A_LOGIN == 0:
                await log_out(day, tokens, served)
                tokens = await day.call("POST", "/auth/login", {"email": email, "password": PASSWORD})
            elif served % HOLDS_A_LOGIN % 2 == 0:
                tokens = await day.call("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]})
            await book(day, shows, tokens["access_token"], number, fate, seats)
            if number % LOOK_EVERY == 0:
                await look(day, shows, tokens["access_token"])
            if number % ADMINISTER_EVERY == 0:
                await administer(day, shows, number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(at_once):
            tasks.create_task(customer(f"customer-{random_seed}-{number}"))


async def log_out(day: Day, tokens: Mapping[str, str], served: int) -> None:
    """Log out, in most cases."""
    if tokens and served // HOLDS_A_LOGIN % 4:
        await day.call("POST", "/auth/logout", {"refresh_token": tokens["refresh_token"]}, status=204)


async def book(day: Day, shows: Shows, token: str, number: int, fate: str, seats: int) -> None:
    """One hold, and its confirm, extension, cancel or nothing."""
    showtime_id, free = shows.free[number % len(shows.free)]
    wanted = [free.pop() for _ in range(min(seats, len(free)))]
    if not wanted:
        return
    keys = [f"{name}-{number}" if number % 2 else "" for name in ("hold", "confirm", "cancel")]
    path = f"/showtimes/{showtime_id}/holds"
    held = await day.call("POST", path, {"seat_ids": wanted}, token=token, key=keys[0], status=201)
    path = f"/reservations/{held['id']}"
    if fate == "extend":
        await asyncio.sleep(0.01)  # otherwise the extension would not change the end
        await day.call("POST", f"{path}/extend", token=token)
    if fate in {"confirm", "extend", "return"}:
        await day.call("POST", f"{path}/confirm", token=token, key=keys[1])
        ticket = (await day.call("GET", f"{path}/tickets", token=token))["tickets"][0]
        if fate == "extend":
            await day.call("POST", "/check-ins", {"code": ticket["code"]}, token=day.admin)
    if fate in {"release", "return"}:
        await day.call("POST", f"{path}/cancel", token=token, key=keys[2])


async def look(day: Day, shows: Shows, token: str) -> None:
    """Requests that only read."""
    for path in (
        "/movies?genre=drama",
        f"/movies/{shows.movie_id}/showtimes",
        "/showtimes",
        "/showtimes?genre=drama",
        "/showtimes?cinema_id=1",
        "/showtimes?sort=price_from",
        "/ticket-types",
        f"/showtimes/{shows.free[0][0]}/seats",
        "/reservations",
        "/auth/me",
    ):
        await day.call("GET", path, token=token)


async def administer(day: Day, shows: Shows, number: int) -> None:
    """An administrator's day: prices, titles, a deleted seat, a role, an API key."""
    showtime_id, _ = shows.free[number % len(shows.free)]
    await day.call("GET", "/admin/users", token=day.admin)
    await day.call("GET", "/admin/showtimes", token=day.admin)
    showtime = await day.call("GET", f"/admin/showtimes/{showtime_id}", token=day.admin)
    body = {name: showtime[name] for name in ("movie_id", "auditorium_id", "starts_at", "ends_at")}
    await day.call("PUT", f"/admin/showtimes/{showtime_id}", body | {"base_price": "11.00"}, token=day.admin)
    film = {"title": f"Film {number}", "duration_minutes": 90, "genre": "Drama"}
    await day.call("PUT", f"/admin/movies/{shows.movie_id}", film, token=day.admin)
    if shows.spare_seat_ids:
        await day.call("DELETE", f"/admin/seats/{shows.spare_seat_ids.pop()}", token=day.admin, status=204)
    await day.call("DELETE", f"/admin/auditoriums/{shows.room_ids[0]}", token=day.admin, status=409)
    somebody = f"staff-{number}@day.invalid"
    made = await day.call("POST", "/auth/signup", {"name": "S", "email": somebody, "password": PASSWORD}, status=201)
    for role in ("admin", "staff"):
        await day.call("PUT", f"/admin/users/{made['id']}/role", {"role": role}, token=day.admin)
    key = await day.make("/admin/api-keys", {"name": "Kiosk", "user_id": made["id"], "scopes": ["booking"]})
    await day.call("GET", "/reservations", token=key["key"])
    await day.call("DELETE", f"/admin/api-keys/{key['id']}", token=day.admin, status=204)
    await day.call("GET", "/auth/me/export", token=day.admin)
    for filters in ("", f"?user_id={made['id']}", f"?subject=api-key/{key['id']}"):
        await day.call("GET", f"/admin/change-log{filters}", token=day.admin)
    await serve(day, shows, number)


async def serve(day: Day, shows: Shows, number: int) -> None:
    """A day at the box office: a guest, a hold for a customer without an account, and a cancel."""
    # So many, since at most 60 in an hour may have one address.
    customer = {"name": "G", "email": f"guest-{number % 300}@day.invalid"}
    await day.call("POST", "/auth/guest", customer, status=201)
    showtime_id, free = shows.free[number % len(shows.free)]
    if not free:
        return
    hold = {"seat_ids": [free.pop()], "customer": customer}
    held = await day.call("POST", f"/showtimes/{showtime_id}/holds", hold, token=day.admin, status=201)
    for query in ("", f"?showtime_id={showtime_id}", f"?email={customer['email']}", f"?code={held['code']}"):
        await day.call("GET", f"/admin/reservations{query}", token=day.admin)
    await day.call("POST", f"/admin/reservations/{held['id']}/cancel", {"reason": "R"}, token=day.admin)
