"""The audit by the API alone finds a seat that was sold twice although one of the two answers was lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from reservation.load import final_audit
from reservation.load.client import Client
from reservation.load.engine import Engine
from reservation.load.plan import PROFILES, Plan
from reservation.load.reports.report import audit_lines
from reservation.load.showtimes import Showtime
from reservation.load.target import Target
from reservation.load.tracked_reservations import ReservationTracker, TrackedReservation

SEAT = 7
TIMEOUT_S = 3.0


class DoubleSeller:
    """A service that confirms the first hold after its customer has gone, and sells the seat to the second as well."""

    def __init__(self, *seats: int) -> None:
        self.statuses: dict[str, str] = {}
        self.seats = seats or (SEAT,)
        self.confirms = 0
        self.is_over = asyncio.Event()

    def reservation(self, name: str) -> dict[str, Any]:
        return {"id": name, "status": self.statuses[name], "seats": [{"seat_id": seat} for seat in self.seats]}

    async def health(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({})

    async def seat_map(self, _: web.Request) -> web.StreamResponse:
        status = "booked" if "confirmed" in self.statuses.values() else "available"
        return web.json_response({"version": self.confirms, "seats": [{"id": SEAT, "status": status}]})

    async def hold(self, _: web.Request) -> web.StreamResponse:
        if len(self.statuses) == 2:
            problem = {"code": "seats_unavailable", "seats": [{"seat_id": SEAT, "reason": "held"}]}
            return web.json_response(problem, status=409)
        name = f"r{len(self.statuses) + 1}"
        self.statuses[name] = "held"
        return web.json_response(self.reservation(name), status=201)

    async def confirm(self, request: web.Request) -> web.StreamResponse:
        self.confirms += 1
        name = request.match_info["name"]
        self.statuses[name] = "confirmed"
        if self.confirms == 1:
            await self.is_over.wait()  # its client gets no answer
        return web.json_response(self.reservation(name))

    async def look_up(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self.reservation(request.match_info["name"]))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/health", self.health)
        app.router.add_get("/showtimes/1/seats", self.seat_map)
        app.router.add_post("/showtimes/1/holds", self.hold)
        app.router.add_post("/reservations/{name}/confirm", self.confirm)
        app.router.add_get("/reservations/{name}", self.look_up)
        server = TestServer(app)
        await server.start_server()
        try:
            yield str(server.make_url("/")).rstrip("/")
        finally:
            self.is_over.set()
            await server.close()


async def audited(tracker: ReservationTracker, service: DoubleSeller) -> final_audit.AuditResult:
    """The audit as with --remote."""
    async with service.serving() as url, Client(Target.of(url), connections=4, timeout_s=2) as client:
        return await final_audit.audit_run(client, tracker, ["token"], None, seed=1)


def unknown(number: int, *seats: int) -> TrackedReservation:
    return TrackedReservation(f"r{number}", 0, 1, seats or (SEAT,), "unknown")


async def test_a_seat_sold_twice_is_found_though_one_answer_was_lost() -> None:
    service = DoubleSeller()
    plan = Plan(PROFILES["onsale"], 60, 1.5, 0, 1, 1, (1, 1), seed=5)
    async with service.serving() as url, Client(Target.of(url), connections=8, timeout_s=TIMEOUT_S) as client:
        engine = Engine(client, plan, [Showtime(1, [SEAT], free=[SEAT])], ["token"], max_in_flight=100)
        await engine.run(lambda _: None)
        result = await final_audit.audit_run(client, engine.tracker, ["token"], None, seed=5)
    assert service.confirms == 2
    assert engine.measurements.errors == {"timeout": 1}
    assert engine.tracker.violations == []  # by the answers alone nothing is wrong
    assert result.violations == ["showtime 1, seat 7: sold twice, to r2 and to r1"]
    assert (result.unknown_looked_up, result.unknown, result.reservations_looked_up, result.reservations) == (
        1,
        1,
        2,
        2,
    )
    assert (result.seat_maps_looked_at, result.seat_maps_sold_from) == (1, 1)


async def test_a_seat_sold_twice_is_found_though_both_answers_were_lost() -> None:
    service = DoubleSeller()
    service.statuses = {"r1": "confirmed", "r2": "confirmed"}
    tracker = ReservationTracker(reservations={"r1": unknown(1), "r2": unknown(2)})
    [violation] = (await audited(tracker, service)).violations
    assert violation.startswith("showtime 1, seat 7: sold twice")


async def test_a_lost_answer_of_a_seat_sold_once_is_no_violation() -> None:
    service = DoubleSeller()
    service.statuses = {"r1": "confirmed", "r2": "cancelled"}
    tracker = ReservationTracker(reservations={"r1": unknown(1), "r2": unknown(2)})
    result = await audited(tracker, service)
    assert (result.violations, result.seats_found_booked) == ([], 1)


async def test_a_confirmed_reservation_with_other_seats_than_answered_is_a_violation() -> None:
    service = DoubleSeller(SEAT)
    service.statuses = {"r1": "confirmed"}
    tracker = ReservationTracker(reservations={"r1": unknown(1, SEAT + 1)})
    assert (await audited(tracker, service)).violations == [
        "reservation r1 was answered seats [8], and is confirmed with [7]"
    ]


async def test_unknown_reservations_are_looked_up_besides_the_sample_and_a_cut_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(final_audit, "MAX_LOOKED_UP", 1)
    service = DoubleSeller()
    service.statuses = {f"r{number}": "expired" for number in range(1, 9)}
    tracker = ReservationTracker(reservations={f"r{number}": unknown(number) for number in range(1, 6)})
    tracker.reservations |= {f"r{number}": TrackedReservation(f"r{number}", 0, 1, (SEAT,)) for number in range(6, 9)}
    whole = await audited(tracker, service)
    assert (whole.unknown_looked_up, whole.unknown, whole.reservations_looked_up, whole.reservations) == (5, 5, 6, 8)
    assert not [line for line in audit_lines(whole.summary()) if "WARNING" in line]
    monkeypatch.setattr(final_audit, "MAX_UNKNOWN", 2)
    cut = await audited(tracker, service)
    assert (cut.unknown_looked_up, cut.unknown) == (2, 5)
    first, warning = audit_lines(cut.summary())
    assert "3 of 8 reservations looked up, 2 of 5 whose last answer was lost among them" in first
    assert warning.startswith("WARNING: 3 reservations whose last answer was lost were not looked up")
