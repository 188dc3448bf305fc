"""The business of a cinema: every kind of change that customers, staff, administrators and background jobs make."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from click.testing import CliRunner
from redis.asyncio import Redis

from reservation.booking.archive import archive
from reservation.booking.idempotency import delete_old_keys
from reservation.booking.jobs.availability import OpenShowtimesRound
from reservation.booking.jobs.expire import expire_past_holds
from reservation.commands.main import commands
from reservation.http.app_keys import DATABASE
from tests.api import PASSWORD, Answer, Api, Cinema, Connection, Person, slot
from tests.conftest import SECRET

NEW_PASSWORD = "staple battery horse"
AGO = timedelta(days=30)


@dataclass(slots=True)
class Business:
    """One service, and what its parts need: each part is one kind of change, and asserts every answer."""

    api: Api
    db: Connection
    redis_url: str

    async def all_parts(self) -> None:
        """Each part once."""
        for part in (
            self.booking,
            self.changes_of_seats,
            self.box_office,
            self.programme,
            self.seat_plans,
            self.called_off,
            self.accounts,
            self.api_keys,
            self.imports,
            self.erasure,
            self.clean_up,
            self.reports,
            self.told_afterwards,
        ):
            await part()

    async def call(
        self, method: str, path: str, body: Any = None, *, who: Person | None = None, status: int = 200, **rest: Any
    ) -> Answer:
        """Send a request and assert its status."""
        answer = await self.api.call(method, path, body, who=who, **rest)
        assert answer.status == status, f"{method} {path}: {answer.text}"
        return answer

    async def held(self, who: Person, cinema: Cinema, seat_ids: list[int], key: str = "") -> str:
        """Hold seats; gives the reservation's id."""
        path, headers = f"/showtimes/{cinema.showtime_id}/holds", {"Idempotency-Key": key} if key else {}
        made = await self.call("POST", path, {"seat_ids": seat_ids}, who=who, status=201, headers=headers)
        return str(made.json["id"])

    async def sold(self, who: Person, cinema: Cinema, seat_ids: list[int], key: str = "") -> str:
        """Hold and confirm seats; gives the reservation's id."""
        reservation_id = await self.held(who, cinema, seat_ids, key)
        headers = {"Idempotency-Key": f"confirm-{key}"} if key else {}
        await self.call("POST", f"/reservations/{reservation_id}/confirm", who=who, headers=headers)
        return reservation_id

    async def booking(self) -> None:
        """Batches of holds and confirms, with and without idempotency keys; extend, cancel, reads."""
        cinema, who = await self.api.cinema(), await self.api.sign_up()
        keys = ("", "a", "b", "", "c")
        seats = [cinema.seat_ids[place * 2 : place * 2 + 2] for place in range(len(keys))]
        sold = await asyncio.gather(
            *(self.sold(who, cinema, wanted, key) for wanted, key in zip(seats, keys, strict=True))
        )
        again = await self.api.hold(who, cinema.showtime_id, seats[0])
        assert again.code == "seats_unavailable", again.text
        held = await self.held(who, cinema, cinema.seat_ids[20:22])
        best = await self.call("POST", f"/showtimes/{cinema.showtime_id}/holds", {"quantity": 2}, who=who, status=201)
        await self.call("POST", f"/reservations/{held}/extend", who=who)
        for each in (sold[0], held, best.json["id"]):
            await self.call(
                "POST", f"/reservations/{each}/cancel", who=who, headers={"Idempotency-Key": f"cancel-{each}"}
            )
        for path in ("/movies", "/showtimes", "/reservations", f"/reservations/{sold[1]}", "/auth/me", "/ticket-types"):
            await self.call("GET", path, who=who)
        statuses = await self.api.statuses(cinema.showtime_id)
        assert {seat for seat, status in statuses.items() if status != "available"} == {*cinema.seat_ids[2:10]}

    async def changes_of_seats(self) -> None:
        """Partial cancel, exchange, seats added and removed, a late confirm."""
        cinema, who = await self.api.cinema(), await self.api.sign_up()
        later = await self.api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))
        a, b, c, d, e, f, *_ = cinema.seat_ids
        sold, held = await self.sold(who, cinema, [a, b, c]), await self.held(who, cinema, [d])
        await self.call("POST", f"/reservations/{sold}/cancel", {"seat_ids": [b]}, who=who)
        await self.call("POST", f"/reservations/{sold}/exchange", {"showtime_id": later, "seat_ids": [a, c]}, who=who)
        await self.call("POST", f"/reservations/{held}/seats", {"seat_ids": [e, f]}, who=who)
        await self.call("DELETE", f"/reservations/{held}/seats/{e}", who=who)
        await self.db.execute("update reservations set expires_at = created_at + interval '1 us' where id = $1", held)
        late = await self.call("POST", f"/reservations/{held}/confirm", who=who)
        assert late.json["late"]

    async def box_office(self) -> None:
        """A hold for a guest, and a cancel by staff."""
        cinema, staff = await self.api.cinema(), await self.api.staff()
        guest = {"name": "G", "email": "guest@example.com"}
        await self.call("POST", "/auth/guest", guest, status=201)
        body = {"seat_ids": cinema.seat_ids[:1], "customer": guest}
        held = await self.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=staff, status=201)
        await self.call("GET", "/admin/reservations?email=guest@example.com", who=staff)
        path = f"/admin/reservations/{held.json['id']}/cancel"
        await self.call("POST", path, {"reason": "R"}, who=staff)

    async def programme(self) -> None:
        """Objects of the programme created, replaced and deleted; blocked seats; ticket types; names."""
        cinema, admin = await self.api.cinema(), await self.api.admin()
        show = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "11.00"} | slot(25)
        blocks = f"/admin/showtimes/{cinema.showtime_id}/blocks"
        seats = {"seat_ids": cinema.seat_ids[:2]}
        await self.call("PUT", f"/admin/showtimes/{cinema.showtime_id}", show, who=admin)
        await self.call("PUT", f"/admin/movies/{cinema.movie_id}", {"title": "B", "duration_minutes": 91}, who=admin)
        await self.call("PUT", f"/admin/auditoriums/{cinema.auditorium_id}", {"name": "R", "capacity": 51}, who=admin)
        await self.call("POST", blocks, seats | {"reason": "R"}, who=admin, status=201)
        await self.call("DELETE", blocks, seats, who=admin, status=204)
        for path, body, changed in (
            ("/admin/cinemas", {"name": "C", "timezone": "UTC"}, {"name": "D", "timezone": "Europe/Berlin"}),
            ("/admin/ticket-types", {"name": "Child", "price_factor": "0.50"}, {"name": "Kid", "price_factor": "0.40"}),
        ):
            made = await self.call("POST", path, body, who=admin, status=201)
            await self.call("PUT", f"{path}/{made.json['id']}", changed, who=admin)
            await self.call("DELETE", f"{path}/{made.json['id']}", who=admin, status=204)
        for path in ("showtimes", "auditoriums", "movies"):
            thing = {"showtimes": cinema.showtime_id, "auditoriums": cinema.auditorium_id, "movies": cinema.movie_id}
            await self.call("DELETE", f"/admin/{path}/{thing[path]}", who=admin, status=204)
        await self.call("GET", "/admin/change-log", who=admin)

    async def seat_plans(self) -> None:
        """A room's plan replaced, a seat changed, a seat retired."""
        cinema, admin = await self.api.cinema(rows=1, seats_per_row=4), await self.api.admin()
        places = [{"row_label": "A", "seat_number": number, "seat_type": "vip"} for number in (1, 2, 7)]
        path = f"/admin/auditoriums/{cinema.auditorium_id}/seats"
        plan = await self.call("PUT", path, {"seats": places}, who=admin)
        first, second, _ = (seat["id"] for seat in plan.json["seats"])
        await self.call("PUT", f"/admin/seats/{first}", places[0] | {"price_modifier": "1.50"}, who=admin)
        await self.call("DELETE", f"/admin/seats/{second}", who=admin, status=204)
        await self.call("GET", f"/auditoriums/{cinema.auditorium_id}/layout")

    async def called_off(self) -> None:
        """A sold showtime moved, then cancelled."""
        cinema, who, admin = await self.api.cinema(), await self.api.sign_up(), await self.api.admin()
        await self.sold(who, cinema, cinema.seat_ids[:2])
        await self.held(who, cinema, cinema.seat_ids[2:3])
        room, _ = await self.api.auditorium()
        moved = {"movie_id": cinema.movie_id, "auditorium_id": room, "base_price": "10.00"} | slot(26)
        await self.call("PUT", f"/admin/showtimes/{cinema.showtime_id}?force=true", moved, who=admin)
        path = f"/admin/showtimes/{cinema.showtime_id}/cancel"
        done = await self.call("POST", path, {"reason": "R"}, who=admin)
        assert done.json["cancelled_reservations"] == 2

    async def accounts(self) -> None:
        """Sessions, passwords, names, roles; a disabled account."""
        who, admin = await self.api.sign_up(), await self.api.admin()
        await self.call("POST", "/auth/refresh", {"refresh_token": who.refresh_token})
        body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        await self.call("POST", "/auth/password", body, who=who, status=204)
        await self.call("POST", "/auth/password/forgot", {"email": who.email}, status=202)
        login = await self.call("POST", "/auth/login", {"email": who.email, "password": NEW_PASSWORD})
        await self.call("POST", "/auth/logout", {"refresh_token": login.json["refresh_token"]}, status=204)
        for path, change in (("role", {"role": "staff"}), ("disabled", {"disabled": True})):
            await self.call("PUT", f"/admin/users/{who.id}/{path}", change, who=admin)
        await self.call("GET", f"/admin/users?email={who.email}", who=admin)

    async def api_keys(self) -> None:
        """An API key made, used and revoked."""
        admin = await self.api.admin()
        body = {"name": "Kiosk", "user_id": admin.id, "scopes": ["booking"]}
        made = await self.call("POST", "/admin/api-keys", body, who=admin, status=201)
        await self.call("GET", "/reservations", headers={"Authorization": f"Bearer {made.json['key']}"})
        await self.call("DELETE", f"/admin/api-keys/{made.json['id']}", who=admin, status=204)

    async def imports(self) -> None:
        """Films and showtimes exported, and imported again with changes."""
        cinema = await self.api.cinema()
        for what, before, after in (("movies", "A Film", "A Changed Film"), ("showtimes", "10.00", "10.50")):
            table = (await self.command("export", what, "-")).replace(before, after)
            await self.command("import", what, "-", given=table)
        changed = await self.call("GET", f"/showtimes/{cinema.showtime_id}")
        assert changed.json["base_price"] == "10.50"

    async def command(self, *words: str, given: str = "") -> str:
        """Run a command as the shell would; gives its standard output."""
        stores = {"DATABASE_URL": self.api.database_url, "REDIS_URL": self.redis_url, "JWT_SECRET": SECRET}
        done = await asyncio.to_thread(CliRunner().invoke, commands, words, input=given, env=stores)
        assert done.exit_code == 0, done.output
        return done.stdout

    async def erasure(self) -> None:
        """A person erased, with a hold and a sale."""
        cinema, who = await self.api.cinema(), await self.api.sign_up()
        await self.held(who, cinema, cinema.seat_ids[:1], "hold")
        await self.sold(who, cinema, cinema.seat_ids[1:2])
        await self.call("GET", "/auth/me/export", who=who)
        await self.call("DELETE", "/auth/me", {"password": PASSWORD}, who=who, status=204)

    async def clean_up(self) -> None:
        """Old showtimes archived, holds expired, idempotency keys deleted, seats counted."""
        cinema, who, server = await self.api.cinema(), await self.api.sign_up(), self.api.client.server
        database = server.app[DATABASE]  # type: ignore[attr-defined]
        await self.sold(who, cinema, cinema.seat_ids[:2])
        await self.held(who, cinema, cinema.seat_ids[2:3], "old")
        async with Redis.from_url(self.redis_url, decode_responses=True) as redis:
            await self.grow_old(cinema, redis)
            await expire_past_holds(redis, database, age_s=0, margin_s=0)
        await delete_old_keys(database)
        await OpenShowtimesRound(database).count_next()
        done = await archive(database, before=datetime.now(UTC) - AGO / 2, advance=lambda _: None)
        assert done.reservations == 2

    async def reports(self) -> None:
        """Reports on what the other parts have sold."""
        cinema, who, admin = await self.api.cinema(), await self.api.sign_up(), await self.api.admin()
        await self.sold(who, cinema, cinema.seat_ids[:2])
        for path in ("sales?by=channel", "sales?by=ticket_type", "occupancy", f"showtimes/{cinema.showtime_id}"):
            await self.call("GET", f"/reports/{path}", who=admin)

    async def told_afterwards(self) -> None:
        """A webhook, tickets, a check-in, and what the background process does; one event is left in the outbox."""
        cinema, who, admin = await self.api.cinema(), await self.api.sign_up(), await self.api.admin()
        hook = {"url": "https://till.example/events", "events": ["payment.succeeded"], "active": True}
        await self.call("POST", "/admin/webhooks", hook, who=admin, status=201)
        sold = await self.sold(who, cinema, cinema.seat_ids[:2])
        tickets = (await self.call("GET", f"/reservations/{sold}/tickets", who=who)).json["tickets"]
        await self.call("POST", "/check-ins", {"code": tickets[0]["code"]}, who=admin)
        await self.api.work()
        await self.held(who, cinema, cinema.seat_ids[2:3])

    async def grow_old(self, cinema: Cinema, redis: Redis) -> None:
        """Let AGO pass for a showtime and all that was reserved of it."""
        for table, columns, condition in (
            ("showtimes", ("starts_at", "ends_at", "free_at"), "id = $2"),
            ("reservations", ("created_at", "expires_at", "confirmed_at"), "showtime_id = $2"),
            ("idempotency_keys", ("created_at",), "key = 'old' and $2 > 0"),
        ):
            aged = ", ".join(f"{column} = {column} - $1::interval" for column in columns)
            await self.db.execute(f"update {table} set {aged} where {condition}", AGO, cinema.showtime_id)
        await redis.delete(*[key async for key in redis.scan_iter(match=f"{{{cinema.showtime_id}}}:*")])
