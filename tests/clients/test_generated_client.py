"""The typed client that openapi-python-client generates from /openapi.json is complete and works."""

import ast
import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from httpx import Timeout

from tests.api import PASSWORD, Api, slot

pytestmark = pytest.mark.long

NAME = "seats_client"
BIN = Path(sys.executable).parent
RECIPE = (Path(__file__).parents[2] / "docs/client/typed-clients.md").read_text()
[CONFIG] = re.findall(r"```yaml\n(content_type_overrides:.*?)```", RECIPE, flags=re.DOTALL)
PATIENCE = Timeout(60)  # however busy the machine


@dataclass(frozen=True, slots=True)
class Client:
    """The generated package, and a client of it for a service."""

    package: ModuleType
    models: Any
    url: str
    token: str | None = None

    async def call(self, operation: str, /, *path: Any, **named: Any) -> Any:
        """The whole response to an operation, named as tag.operation."""
        module: Any = import_module(f"{NAME}.api.{operation}")
        made: Any = self.package
        if self.token is None:
            client = made.Client(base_url=self.url, timeout=PATIENCE)
        else:
            client = made.AuthenticatedClient(base_url=self.url, token=self.token, timeout=PATIENCE)
        async with client:
            return await module.asyncio_detailed(*path, client=client, **named)

    async def get(self, status_code: int, kind: str, operation: str, /, *path: Any, **named: Any) -> Any:
        """The parsed response to an operation; asserts its status code and its model."""
        response = await self.call(operation, *path, **named)
        assert response.status_code == status_code, response.content
        assert type(response.parsed).__name__ == kind, response.content
        return response.parsed

    async def signed_in(self, email: str) -> "Client":
        """The same client, signed in as this account with the password of all tests."""
        tokens = await self.get(200, "Tokens", "accounts.login", body=self.models.LoginInput(email, PASSWORD))
        return Client(self.package, self.models, self.url, tokens.access_token)


def generate(document: bytes, folder: Path) -> str:
    """Generate the client into a folder; the generator's output."""
    source = folder / "openapi.json"
    source.write_bytes(document)
    (folder / "config.yaml").write_text(CONFIG)
    command = [f"{BIN}/openapi-python-client", "generate", "--path", str(source), "--config", "config.yaml"]
    environment = {"PATH": f"{BIN}:/usr/bin:/bin"}  # it calls ruff
    done = subprocess.run(
        [*command, "--output-path", str(folder / NAME), "--meta", "none", "--fail-on-warning"],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said: str = done.stdout
    assert done.returncode == 0, said
    return said


@pytest.fixture
async def served(api: Api) -> bytes:
    """The document as the service serves it."""
    async with api.client.get("/openapi.json") as response:
        return await response.read()


@pytest.fixture
async def client(api: Api, served: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    # In a thread: the service runs on this event loop, and PostgreSQL gives its statements some seconds.
    await asyncio.to_thread(generate, served, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield Client(import_module(NAME), import_module(f"{NAME}.models"), str(api.client.make_url("/")).rstrip("/"))
    for module in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[module]


async def test_the_client_is_generated_without_a_warning(api: Api, served: bytes, tmp_path: Path) -> None:
    assert (await asyncio.to_thread(generate, served, tmp_path)).strip() == f"Generating {tmp_path / NAME}"
    made = {path.stem for path in (tmp_path / NAME / "api").glob("*/*.py")} - {"__init__"}
    document = (await api.call("GET", "/openapi.json")).json
    named = {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}
    assert made == named
    # The generator names a schema without a name by its place: ...Type0, ...Item, ...Response200.
    classes = {
        node.name
        for path in (tmp_path / NAME / "models").glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    assert {"Movie", "Reservation", "SeatMap", "Availability", "SeatsUnavailableProblem"} <= classes
    assert [name for name in classes if re.search(r"Type\d+|Response\d+|Output|Body\d", name)] == []


async def test_the_clients_types_pass_mypy(served: bytes, tmp_path: Path) -> None:
    await asyncio.to_thread(generate, served, tmp_path)
    # Its client.py is the same for every document, and hands *args on to httpx.
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache"]
    process = await asyncio.create_subprocess_exec(
        *command, f"{NAME}/api", f"{NAME}/models", cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    out = (await process.communicate())[0].decode()
    errors = [line for line in out.splitlines() if ": error: " in line]
    assert [line for line in errors if not line.startswith(f"{NAME}/client.py")] == [], out
    assert re.search(r"\b\d+ source files\b", out)


async def test_the_client_holds_confirms_and_cancels(api: Api, client: Client) -> None:
    staff = await client.signed_in((await api.admin()).email)
    showtime, seat_ids = await administrate(staff)
    models = client.models
    body = models.SignupInput(name="Ada", email="ada@example.com", password=PASSWORD)
    user = await client.get(201, "User", "accounts.signup", body=body)
    assert (user.role, user.email) == (models.Role.USER, "ada@example.com")
    ada = await client.signed_in("ada@example.com")
    assert (await ada.get(200, "User", "accounts.me")).id == user.id
    await look_around(client, showtime.id, seat_ids)
    await book(ada, showtime.id, seat_ids)
    await lose(await client.signed_in((await api.sign_up()).email), ada, showtime.id, seat_ids)


async def administrate(staff: Client) -> tuple[Any, list[int]]:
    """Create a film, a room with seats and a showtime; a replacement with an outdated ETag is a 412."""
    models = staff.models
    film = models.MovieBody(title="A Film", duration_minutes=90, poster_url="https://example.com/p.png")
    made = await staff.call("administration_movies.create_movie", body=film)
    assert (made.status_code, made.parsed.title, made.parsed.genre) == (201, "A Film", None)
    movie, etag = made.parsed, made.headers["ETag"]
    film.genre = "Drama"
    path = "administration_movies.replace_movie"
    changed = await staff.get(200, "Movie", path, movie.id, body=film, if_match=etag)
    assert changed.genre == "Drama"
    refused = await staff.get(412, "PreconditionFailedProblem", path, movie.id, body=film, if_match=etag)
    assert (refused.status, refused.code) == (412, "precondition_failed")
    read = await staff.call("administration_movies.admin_get_movie", movie.id)
    again = await staff.call("administration_movies.admin_get_movie", movie.id, if_none_match=read.headers["ETag"])
    assert (again.status_code, again.parsed) == (304, None)
    room = models.AuditoriumBody(name="A Room", capacity=20)
    auditorium = await staff.get(201, "Auditorium", "administration_auditoriums.create_auditorium", body=room)
    rows = models.SeatBatchBody(rows=2, seats_per_row=10, price_modifier="1.50", seat_type="premium")
    batch = await staff.get(201, "SeatBatch", "administration_auditoriums.create_seats", auditorium.id, body=rows)
    assert (batch.created, batch.seats[0].seat_type) == (20, "premium")
    body = models.ShowtimeBody.from_dict(
        {"movie_id": movie.id, "auditorium_id": auditorium.id, "base_price": "10.00"} | slot(24)
    )
    showtime = await staff.get(201, "Showtime", "administration_showtimes.create_showtime", body=body)
    overlap = await staff.get(409, "ShowtimeOverlapProblem", "administration_showtimes.create_showtime", body=body)
    assert overlap.conflicting_showtime_id == showtime.id
    return showtime, [seat.id for seat in batch.seats]


async def look_around(client: Client, showtime_id: int, seat_ids: list[int]) -> None:
    """Call the public operations."""
    movies = await client.get(200, "MovieList", "catalogue.list_movies", q="film", limit=1)
    assert ([movie.title for movie in movies.items], movies.next_cursor) == (["A Film"], None)
    showtimes = await client.get(200, "ShowtimeList", "catalogue.list_showtimes", movie_id=movies.items[0].id)
    assert [showtime.id for showtime in showtimes.items] == [showtime_id]
    seat_map = await client.get(200, "SeatMap", "seat_map.get_seat_map", showtime_id)
    assert [seat.id for seat in seat_map.seats] == seat_ids
    assert {(seat.status, seat.price) for seat in seat_map.seats} == {(client.models.Availability.AVAILABLE, "15.00")}
    missing = await client.get(404, "NotFoundProblem", "catalogue.get_movie", 2**63 - 1)
    assert missing.code == "not_found"
    login = client.models.LoginInput(email="a@example.com", password="b")
    wrong = await client.get(401, "InvalidCredentialsProblem", "accounts.login", body=login)
    assert wrong.error == "invalid_grant"


async def book(ada: Client, showtime_id: int, seat_ids: list[int]) -> None:
    """Hold by seats and by quantity; extend, confirm, cancel; repeat each with its Idempotency-Key."""
    models, key = ada.models, str(uuid4())
    body = models.HoldBySeatIds(seat_ids=seat_ids[:2])
    first = await ada.call("booking.create_hold", showtime_id, body=body, idempotency_key=key)
    again = await ada.call("booking.create_hold", showtime_id, body=body, idempotency_key=key)
    assert (first.status_code, again.status_code, again.parsed) == (201, 201, first.parsed)
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    held = first.parsed
    assert (held.status, held.total_price) == (models.ReservationStatus.HELD, "30.00")
    best = models.HoldByQuantity(quantity=3, seat_type="premium")
    chosen = await ada.get(201, "Reservation", "booking.create_hold", showtime_id, body=best)
    assert len(chosen.seats) == 3
    extended = await ada.get(200, "Reservation", "booking.extend_reservation", held.id)
    assert extended.expires_at >= held.expires_at
    confirmed = await ada.get(200, "Reservation", "booking.confirm_reservation", held.id)
    assert confirmed.status is models.ReservationStatus.CONFIRMED
    listed = await ada.get(200, "ReservationList", "booking.list_reservations")
    assert [reservation.id for reservation in listed.items] == [chosen.id, held.id]
    status = models.ReservationStatus.CONFIRMED
    listed = await ada.get(200, "ReservationList", "booking.list_reservations", status=status)
    assert listed.items == [await ada.get(200, "Reservation", "booking.get_reservation", held.id)]
    cancelled = await ada.get(200, "Reservation", "booking.cancel_reservation", chosen.id)
    assert cancelled.status is models.ReservationStatus.CANCELLED
    late = await ada.get(409, "ReservationCancelledProblem", "booking.confirm_reservation", chosen.id)
    assert late.code == "reservation_cancelled"


async def lose(rival: Client, ada: Client, showtime_id: int, seat_ids: list[int]) -> None:
    """A conflict names the seats and the reasons; a validation error has pointers."""
    models = rival.models
    await ada.get(201, "Reservation", "booking.create_hold", showtime_id, body=models.HoldBySeatIds([seat_ids[5]]))
    body = models.HoldBySeatIds(seat_ids=[seat_ids[0], seat_ids[5], seat_ids[9]])
    lost = await rival.get(409, "SeatsUnavailableProblem", "booking.create_hold", showtime_id, body=body)
    reasons = models.UnavailableSeatReason
    assert [(seat.seat_id, seat.reason) for seat in lost.seats] == [
        (seat_ids[0], reasons.BOOKED),
        (seat_ids[5], reasons.HELD),
    ]
    wrong = models.HoldByQuantity(quantity=101)
    invalid = await rival.get(422, "ValidationErrorProblem", "booking.create_hold", showtime_id, body=wrong)
    assert [error.pointer for error in invalid.errors] == ["/quantity"]
