"""The tests' client of the service: signs in, sends JSON, and creates a film, a room and a showtime."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeAlias

import asyncpg
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from reservation.background import BackgroundWork
from tests.documented import Document, parse

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

PASSWORD = "correct horse battery"

_people = count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with its whole body."""

    status: int
    headers: Any
    json: Any
    text: str

    @property
    def code(self) -> Any:
        """The problem's stable code; None for a success (a reservation has a code, too)."""
        return self.json.get("code") if self.status >= 400 else None


@dataclass(slots=True)
class Person:
    """A signed-in account."""

    id: int
    email: str
    access_token: str
    refresh_token: str
    password: str = PASSWORD

    @property
    def headers(self) -> dict[str, str]:
        """The headers of its requests."""
        return {"Authorization": f"Bearer {self.access_token}"}


@dataclass(frozen=True, slots=True)
class Cinema:
    """One film in one room, tomorrow."""

    movie_id: int
    auditorium_id: int
    showtime_id: int
    seat_ids: list[int]


@dataclass(slots=True)
class Api:
    """A client of one running service."""

    client: TestClient[web.Request, web.Application]
    database_url: str
    admins: list[Person] = field(default_factory=list)
    succeeded: set[tuple[str, str]] = field(default_factory=set)
    _document: Document | None = None

    async def call(self, method: str, path: str, json: Any = None, *, who: Person | None = None, **rest: Any) -> Answer:
        """Send a request, read the whole response, and check it against /openapi.json."""
        headers = {**(who.headers if who else {}), **rest.pop("headers", {})}
        if json is not None:
            rest["json"] = json
        async with self.client.request(method, path, headers=headers, **rest) as response:
            answer = await _whole(response)
            path = response.url.raw_path
            content_type = response.content_type if answer.text else ""
        document = await self.document()
        body = answer.text if answer.json is None else answer.json
        document.check_answer(method, path, answer.status, answer.headers, body, content_type)
        operation = document.operation(method, path)
        if answer.status < 300 and operation is not None:
            self.succeeded.add(operation)
            if json is not None:
                document.check_taken(method, path, json)
        return answer

    async def document(self) -> Document:
        """The service's /openapi.json; fetched at the first call."""
        if self._document is None:
            async with self.client.get("/openapi.json") as response:
                self._document = parse(await response.read())
        return self._document

    async def work(self) -> None:
        """Do what the background process does, until nothing is due."""
        work = BackgroundWork.of(self.client.app)
        try:
            await work.run_due()
        finally:
            await work.close()

    async def sign_up(self) -> Person:
        """A new customer, signed in."""
        email = f"person{next(_people)}@example.com"
        made = await self.call("POST", "/auth/signup", {"name": "A Person", "email": email, "password": PASSWORD})
        assert made.status == 201, made.text
        return await self.log_in(made.json["id"], email)

    async def log_in(self, user_id: int, email: str, password: str = PASSWORD) -> Person:
        """A new login session of an account."""
        tokens = await self.call("POST", "/auth/login", {"email": email, "password": password})
        assert tokens.status == 200, tokens.text
        return Person(user_id, email, tokens.json["access_token"], tokens.json["refresh_token"], password)

    async def admin(self) -> Person:
        """The administrator of this service; created at the first call."""
        if not self.admins:
            self.admins.append(await self.staff("admin"))
        return self.admins[0]

    async def staff(self, role: str = "staff") -> Person:
        """A new account of the box office."""
        person = await self.sign_up()
        connection = await asyncpg.connect(self.database_url)
        await connection.execute("update users set role = $2 where id = $1", person.id, role)
        await connection.close()
        return await self.log_in(person.id, person.email)

    async def make(self, path: str, body: Any) -> Any:
        """Create a resource as the administrator."""
        made = await self.call("POST", path, body, who=await self.admin())
        assert made.status == 201, made.text
        return made.json

    async def movie(self, **fields: Any) -> int:
        """A film."""
        return int((await self.make("/admin/movies", {"title": "A Film", "duration_minutes": 90} | fields))["id"])

    async def auditorium(self, rows: int = 5, seats_per_row: int = 10, **fields: Any) -> tuple[int, list[int]]:
        """A room and its seats."""
        room = {"name": "A Room", "capacity": max(rows * seats_per_row, 1)} | fields
        auditorium_id = int((await self.make("/admin/auditoriums", room))["id"])
        batch = {"rows": rows, "seats_per_row": seats_per_row}
        seats = await self.make(f"/admin/auditoriums/{auditorium_id}/seats/batch", batch)
        return auditorium_id, [seat["id"] for seat in seats["seats"]]

    async def showtime(self, movie_id: int, auditorium_id: int, **fields: Any) -> int:
        """A showtime, 24 hours from now by default."""
        body = {"movie_id": movie_id, "auditorium_id": auditorium_id, "base_price": "10.00"} | slot(24) | fields
        return int((await self.make("/admin/showtimes", body))["id"])

    async def cinema(self, rows: int = 5, seats_per_row: int = 10, **showtime: Any) -> Cinema:
        """A film, a room with seats and a showtime."""
        movie_id = await self.movie()
        auditorium_id, seat_ids = await self.auditorium(rows, seats_per_row)
        return Cinema(movie_id, auditorium_id, await self.showtime(movie_id, auditorium_id, **showtime), seat_ids)

    async def hold(self, who: Person, showtime_id: int, seat_ids: list[int]) -> Answer:
        """Hold seats."""
        return await self.call("POST", f"/showtimes/{showtime_id}/holds", {"seat_ids": seat_ids}, who=who)

    async def confirm(self, who: Person, reservation_id: str) -> Answer:
        """Confirm a hold."""
        return await self.call("POST", f"/reservations/{reservation_id}/confirm", who=who)

    async def extend(self, who: Person, reservation_id: str) -> Answer:
        """Extend a hold."""
        return await self.call("POST", f"/reservations/{reservation_id}/extend", who=who)

    async def cancel(self, who: Person, reservation_id: str) -> Answer:
        """Cancel a reservation."""
        return await self.call("POST", f"/reservations/{reservation_id}/cancel", who=who)

    async def statuses(self, showtime_id: int) -> dict[int, str]:
        """The seats' status by id."""
        answer = await self.call("GET", f"/showtimes/{showtime_id}/seats")
        assert answer.status == 200, answer.text
        return {seat["id"]: seat["status"] for seat in answer.json["seats"]}


class _Slots:
    """From when `slot` counts: the beginning of the test, so that the same slot means the same time all through it."""

    begin_at = datetime.now(UTC)


def begin_slots() -> None:
    """Have `slot` count from now on."""
    _Slots.begin_at = datetime.now(UTC)


def slot(hours_from_now: float, minutes: float = 120) -> dict[str, Any]:
    """starts_at and ends_at of a showtime, which is so many hours after the beginning of the test."""
    starts_at = _Slots.begin_at.replace(microsecond=0) + timedelta(hours=hours_from_now)
    return {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + timedelta(minutes=minutes)).isoformat()}


async def _whole(response: ClientResponse) -> Answer:
    text = await response.text(errors="replace")
    is_json = "json" in response.headers.get("Content-Type", "")
    return Answer(response.status, response.headers, await response.json(content_type=None) if is_json else None, text)
