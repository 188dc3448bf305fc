"""Whatever customers and the cinema do: each report equals, to the cent, the sums that Python makes of the answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from reservation.booking.archive import archive
from reservation.http.app_keys import DATABASE
from tests.api import Answer, Api, Connection, Person, slot
from tests.conftest import StartApi
from tests.reports.ledger import Moved, Sale, day_in, figures_of, moves_of, summed

ZONES = ("UTC", "Europe/Berlin", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu")
NO_LIMITS = {"MAX_HOLDS_PER_USER": "0", "MAX_SEATS_PER_USER_PER_SHOWTIME": "0", "HOLDS_PER_MINUTE_PER_ADDRESS": "0"}
OPERATIONS = (
    *("hold", "hold", "hold", "confirm", "confirm", "confirm_late"),
    *("cancel", "cancel_part", "cancel_part", "exchange", "exchange", "add_seat", "remove_seat", "cancel_by_staff"),
)
NOTHING = {"seats": 0, "revenue": "0.00", "refunded_seats": 0, "refunds": "0.00", "net": "0.00"}
LONG_AGO = timedelta(days=30)
DAYS = 7  # of the period that is compared


@dataclass(slots=True)
class House:
    """A cinema of its own with two showtimes, and what is sold there."""

    api: Api
    db: Connection
    people: list[tuple[Person, str]]  # who books, and the channel of that
    staff: Person
    child_id: int
    timezone: str = "UTC"
    cinema_id: int = 0
    movie_ids: list[int] = field(default_factory=list)
    showtime_ids: list[int] = field(default_factory=list)
    seat_ids: dict[int, list[int]] = field(default_factory=dict)  # by showtime
    sales: dict[str, Sale] = field(default_factory=dict)
    owners: dict[str, Person] = field(default_factory=dict)

    async def open(self) -> None:
        """Make the cinema."""
        self.cinema_id = (await self.api.make("/admin/cinemas", {"name": "A", "timezone": self.timezone}))["id"]
        for price in ("9.99", "12.50"):
            movie_id = await self.api.movie()
            room, seat_ids = await self.api.auditorium(rows=2, seats_per_row=8, cinema_id=self.cinema_id)
            showtime_id = await self.api.showtime(movie_id, room, base_price=price, **slot(30))
            self.movie_ids.append(movie_id)
            self.showtime_ids.append(showtime_id)
            self.seat_ids[showtime_id] = seat_ids

    async def do(self, operation: str, first: int, second: int, third: int) -> None:
        """Do one thing, if it can be done; the numbers choose to whom, of which showtime, and how many seats."""
        showtime_id = self.showtime_ids[second % 2]
        free = [seat for seat, status in (await self.api.statuses(showtime_id)).items() if status == "available"]
        if operation == "hold":
            await self._hold(first, showtime_id, free[third % 5 :][: third % 4 + 1], with_child=third % 3 == 0)
            return
        if not self.sales:
            return
        reservation_id = [*self.sales][first % len(self.sales)]
        own = [ticket["seat_id"] for ticket in (await self._kept(reservation_id))["seats"]]
        path = f"/reservations/{reservation_id}"
        body: dict[str, Any] | None = None
        if operation == "cancel_by_staff":
            await self._send(reservation_id, f"/admin{path}/cancel", {"reason": "R"}, who=self.staff)
        elif operation == "confirm_late":
            status = (await self._kept(reservation_id))["status"]
            if status == "held":
                await self.db.execute(
                    "update reservations set expires_at = created_at + interval '1 us' where id = $1", reservation_id
                )
            await self._send(reservation_id, f"{path}/confirm")
        elif operation == "remove_seat":
            await self._send(reservation_id, f"{path}/seats/{own[third % len(own)]}", method="DELETE")
        else:
            if operation == "cancel_part":
                body = {"seat_ids": own[: third % len(own) + 1]}
            elif operation == "exchange":
                kept = own[: third % 2]  # of the same showtime; another's refuses it
                body = {"showtime_id": showtime_id, "seat_ids": [*kept, *free[: third % 3 + 1]]}
            elif operation == "add_seat":
                body = {"seat_ids": free[:1]}
            action = {"cancel_part": "cancel", "add_seat": "seats"}.get(operation, operation)
            await self._send(reservation_id, f"{path}/{action}", body)

    async def _hold(self, first: int, showtime_id: int, seat_ids: list[int], *, with_child: bool) -> None:
        who, channel = self.people[first % len(self.people)]
        body: dict[str, Any] = {"seat_ids": seat_ids}
        if with_child:
            types = [self.child_id, *[1] * len(seat_ids)]
            body = {
                "seats": [
                    {"seat_id": seat, "ticket_type_id": type_id} for seat, type_id in zip(seat_ids, types, strict=False)
                ]
            }
        if channel == "box_office":
            body["customer"] = {"email": f"walk-in-{first}@example.com", "name": "W"}
        held = await self.api.call("POST", f"/showtimes/{showtime_id}/holds", body, who=who)
        if held.status == 201:
            self.sales[held.json["id"]] = Sale(channel)
            self.owners[held.json["id"]] = who

    async def _send(
        self, reservation_id: str, path: str, body: Any = None, *, who: Person | None = None, method: str = "POST"
    ) -> None:
        answer = await self.api.call(method, path, body, who=who or self.owners[reservation_id])
        assert answer.status < 500, answer.text
        if answer.status == 200:
            is_change = path.endswith("/exchange") or (body is not None and "seat_ids" in body)
            self.sales[reservation_id].answered(answer.json, is_change=is_change)

    async def _kept(self, reservation_id: str) -> dict[str, Any]:
        kept = await self.api.call("GET", f"/admin/reservations/{reservation_id}", who=await self.api.admin())
        assert kept.status == 200, kept.text
        found: dict[str, Any] = kept.json
        return found

    async def call_off(self, showtime_id: int) -> None:
        """Cancel a showtime, and with it what is sold and held of it."""
        path = f"/admin/showtimes/{showtime_id}/cancel"
        done = await self.api.call("POST", path, {"reason": "R"}, who=await self.api.admin())
        assert done.status == 200, done.text
        for reservation_id, sale in self.sales.items():
            sale.answered(await self._kept(reservation_id))

    async def spread(self, days: int) -> None:
        """Let the confirms have been some days ago, and the changes a day after them."""
        ids = [*self.sales]
        await self.db.execute(
            "update reservations set confirmed_at = confirmed_at - $2::int * interval '1 day' where id = any($1)",
            ids,
            days,
        )
        await self.db.execute(
            "update reservation_changes set changed_at = changed_at - $2::int * interval '1 day'"
            " where reservation_id = any($1) and status = 'confirmed'",
            ids,
            max(days - 1, 0),
        )

    async def archive(self) -> None:
        """Move all that is sold into the archive, as if it were long ago."""
        for statement in (
            "update showtimes set starts_at = starts_at - $1::interval, ends_at = ends_at - $1::interval,"
            " free_at = free_at - $1::interval where id = any($2)",
            "update reservations set created_at = created_at - $1::interval where showtime_id = any($2)",
            "update reservations set expires_at = created_at + interval '1 s'"
            " where status = 'held' and created_at < now() - $1::interval / 2 and showtime_id = any($2)",
        ):
            await self.db.execute(statement, LONG_AGO, self.showtime_ids)
        database = self.api.client.server.app[DATABASE]  # type: ignore[attr-defined]
        done = await archive(database, before=datetime.now(UTC) - LONG_AGO / 2, advance=lambda _: None)
        assert done.left == 0

    async def check(self) -> None:
        """Compare every report with the sums of the API's answers."""
        moves = await moves_of(self.api, self.sales)
        movie_of = dict(zip(self.showtime_ids, self.movie_ids, strict=True))
        keys: dict[str, Callable[[Moved], Any]] = {
            "day": day_in(self.timezone),
            "cinema": lambda _: self.cinema_id,
            "movie": lambda move: movie_of[move.ticket.showtime_id],
            "showtime": lambda move: move.ticket.showtime_id,
            "ticket_type": lambda move: move.ticket.ticket_type_id,
            "channel": lambda move: move.channel,
        }
        today = datetime.now(UTC).date()
        days = f"from={today - timedelta(days=DAYS - 2)}&to={today + timedelta(days=1)}&cinema_id={self.cinema_id}"
        whole = summed(moves, lambda _: "all").get("all", figures_of(NOTHING))
        for by, key in keys.items():
            report = (await self._read(f"/reports/sales?{days}&by={by}")).json
            column = by if by in ("day", "channel") else f"{by}_id"
            items = {item[column]: figures_of(item) for item in report["items"]}
            assert by != "day" or len(items) == DAYS
            empty = figures_of(NOTHING)
            assert {name: figures for name, figures in items.items() if figures != empty} == summed(moves, key), by
            assert report["total"] == whole

        def line(move: Moved) -> tuple[str, int, str]:
            return keys["day"](move), move.ticket.ticket_type_id, move.channel

        for showtime_id in self.showtime_ids:
            report = (await self._read(f"/reports/showtimes/{showtime_id}")).json
            of_showtime = [move for move in moves if move.ticket.showtime_id == showtime_id]
            assert {
                (item["day"], item["ticket_type_id"], item["channel"]): figures_of(item) for item in report["items"]
            } == summed(of_showtime, line)
            assert report["sold"] == sum(move.sign for move in of_showtime)

    async def _read(self, path: str) -> Answer:
        answer = await self.api.call("GET", path, who=await self.api.admin())
        assert answer.status == 200, answer.text
        return answer


@pytest.fixture
async def town(start_api: StartApi, db: Connection) -> House:
    """A service without limits, and the people of all examples; each example opens a cinema of its own."""
    api = await start_api(**NO_LIMITS)
    staff, machine = await api.staff(), await api.sign_up()
    key = {"name": "Kiosk", "user_id": machine.id, "scopes": ["booking"]}
    machine.access_token = (await api.make("/admin/api-keys", key))["key"]
    guest = await api.call("POST", "/auth/guest", {"name": "G", "email": "guest@example.com"})
    people = [
        (await api.sign_up(), "account"),
        (Person(guest.json["user"]["id"], "", guest.json["access_token"], ""), "guest"),
        (staff, "box_office"),
        (machine, "api_key"),
    ]
    child = await api.make("/admin/ticket-types", {"name": "Child", "price_factor": "0.55"})
    return House(api, db, people, staff, child["id"])


steps = st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 4), st.integers(0, 30), st.integers(0, 30))


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # to shrink what fails takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    zone=st.sampled_from(ZONES),
    todo=st.lists(steps, min_size=25, max_size=40),
    days=st.integers(0, 2),
    calls_off=st.booleans(),
    archives=st.booleans(),
)
async def test_every_report_equals_the_sums_of_the_reservations(
    town: House,
    zone: str,
    todo: list[tuple[str, int, int, int]],
    days: int,
    calls_off: bool,
    archives: bool,
) -> None:
    house = House(town.api, town.db, town.people, town.staff, town.child_id, zone)
    await house.open()
    for operation, first, second, third in todo:
        await house.do(operation, first, second, third)
    if calls_off:
        await house.call_off(house.showtime_ids[0])
    await house.spread(days)
    if archives:
        await house.archive()
    await house.check()
