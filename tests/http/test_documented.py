"""Every operation of /openapi.json works as documented, and the check fails for a wrong document."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.api import PASSWORD, Api, Person, slot
from tests.conftest import StartApi
from tests.documented import Document
from tests.identity.authenticator import code_of
from tests.identity.caches import session_id_of
from tests.live_feed import following
from tests.mailbox import reset_token, verification_token
from tests.payments.stripe_account import SECRET_KEY, WEBHOOK_SECRET, deliver
from tests.tickets.sold import sell, tickets


async def administrate(api: Api) -> None:
    """Call every operation of the administration with success."""
    admin = await api.admin()
    cinema = await api.cinema()
    bodies = {
        f"/admin/movies/{await api.movie()}": {"title": "B", "duration_minutes": 1},
        f"/admin/auditoriums/{(await api.auditorium())[0]}": {"name": "B", "capacity": 50},
        f"/admin/showtimes/{await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(48))}": {
            "movie_id": cinema.movie_id,
            "auditorium_id": cinema.auditorium_id,
            "base_price": 1,
            **slot(72),
        },
    }
    for path, body in bodies.items():
        for method, sent in (("GET", None), ("PUT", body), ("DELETE", None)):
            assert (await api.call(method, path, sent, who=admin)).status in {200, 204}
        assert (await api.call("GET", path.rpartition("/")[0], who=admin)).status == 200
    house = await api.make("/admin/cinemas", {"name": "A", "timezone": "UTC"})
    for method, sent in (("GET", None), ("PUT", {"name": "B", "timezone": "Europe/Berlin"}), ("DELETE", None)):
        assert (await api.call(method, f"/admin/cinemas/{house['id']}", sent, who=admin)).status in {200, 204}
    await api.call("GET", "/admin/cinemas", who=admin)
    path, seats = f"/admin/showtimes/{cinema.showtime_id}/blocks", {"seat_ids": cinema.seat_ids[-1:]}
    for method, sent in (("POST", seats | {"reason": "House seats"}), ("GET", None), ("DELETE", seats)):
        await api.call(method, path, sent, who=admin)
    batch = {"showtimes": [{"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": 1}]}
    batch["showtimes"][0] |= slot(96)
    await api.call("POST", "/admin/showtimes/batch", batch, who=admin)
    days = {"from": slot(24)["starts_at"][:10], "to": slot(48)["starts_at"][:10], "shift_days": 7, "cinema_id": 1}
    await api.call("POST", "/admin/showtimes/copy", days, who=admin)
    kind = await api.make("/admin/ticket-types", {"name": "Child", "price_factor": "0.50"})
    for path in ("/admin/ticket-types", "/ticket-types", f"/ticket-types/{kind['id']}"):
        await api.call("GET", path, who=admin)
    for method, sent in (("GET", None), ("PUT", {"name": "Child", "fixed_price": "5.00"}), ("DELETE", None)):
        await api.call(method, f"/admin/ticket-types/{kind['id']}", sent, who=admin)
    called_off = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(120))
    await api.call("POST", f"/admin/showtimes/{called_off}/cancel", {"reason": "Flooded."}, who=admin)
    await api.call("GET", f"/admin/auditoriums/{cinema.auditorium_id}/seats", who=admin)
    seat = {"row_label": "A", "seat_number": 1, "x": 1, "y": 1}
    for method, sent in (("GET", None), ("PUT", seat), ("DELETE", None)):
        await api.call(method, f"/admin/seats/{cinema.seat_ids[0]}", sent, who=admin)
    await api.call("PUT", f"/admin/auditoriums/{cinema.auditorium_id}/seats", {"seats": [seat]}, who=admin)
    await api.call("GET", "/admin/change-log", who=admin)
    await api.call("GET", "/changes", who=admin)
    for path in ("/reports/sales", "/reports/occupancy", f"/reports/showtimes/{cinema.showtime_id}"):
        await api.call("GET", path, who=admin)
    await api.call("GET", "/admin/users", who=admin)
    await api.call("GET", f"/admin/users/{admin.id}", who=admin)
    await api.call("PUT", f"/admin/users/{admin.id}/role", {"role": "admin"}, who=admin)
    await api.call("PUT", f"/admin/users/{(await api.sign_up()).id}/disabled", {"disabled": True}, who=admin)
    changed = {"url": "https://receiver.example/", "events": ["reservation.held"]}
    path = f"/admin/webhooks/{(await api.make('/admin/webhooks', changed))['id']}"
    await api.call("POST", f"{path}/secret", who=admin)
    sent = (await api.call("POST", f"{path}/test", who=admin)).json
    await api.call("GET", f"{path}/deliveries", who=admin)
    for again in (f"{path}/deliveries/{sent['id']}/retry", f"/admin/dead-letters/{sent['id']}/retry"):
        await give_up(api, sent["id"])
        await api.call("POST", again, who=admin)
    await api.call("GET", "/admin/dead-letters", who=admin)
    await api.call("GET", "/admin/webhooks", who=admin)
    for method, sent in (("GET", None), ("PUT", changed), ("DELETE", None)):
        await api.call(method, path, sent, who=admin)
    key = await api.make("/admin/api-keys", {"name": "A Kiosk", "user_id": admin.id, "scopes": ["booking"]})
    await api.call("GET", "/admin/api-keys", who=admin)
    for method in ("GET", "DELETE"):
        await api.call(method, f"/admin/api-keys/{key['id']}", who=admin)


async def give_up(api: Api, delivery_id: int) -> None:
    """Make a delivery a dead letter."""
    connection = await asyncpg.connect(api.database_url)
    await connection.execute(
        "update deliveries set status = 'dead', ended_at = now(), last_error = 'HTTP status 503' where id = $1",
        delivery_id,
    )
    await connection.close()


async def keep_account(api: Api, mail_dir: Path) -> None:
    """Call every operation on one's own account with success."""
    person = await api.sign_up()
    await api.call("PUT", "/auth/me", {"name": "B"}, who=person)
    await api.call("POST", "/auth/email/verify/resend", who=person)
    await api.call(
        "POST", "/auth/email/verify", {"token": await verification_token(api, mail_dir, person.email)}, who=person
    )
    body = {"current_password": PASSWORD, "new_password": PASSWORD + "!"}
    await api.call("POST", "/auth/password", body, who=person)
    await api.call("POST", "/auth/password/forgot", {"email": person.email})
    body = {"token": await reset_token(api, mail_dir, person.email), "new_password": PASSWORD}
    await api.call("POST", "/auth/password/reset", body)


async def visit(api: Api, reservation: str, person: Person, staff: Person) -> None:
    """Call every operation on tickets and check-ins with success; the ticket is of another reservation."""
    cinema = await api.cinema()
    await api.call("GET", "/.well-known/ticket-keys.json")
    [ticket] = (await api.call("GET", f"{reservation}/tickets", who=person)).json["tickets"]
    for what in (f"tickets/{ticket['id']}/qr.svg", "tickets.pdf", "tickets.ics"):
        await api.call("GET", f"{reservation}/{what}", who=person)
    [other] = await tickets(api, staff, await sell(api, staff, cinema.showtime_id, cinema.seat_ids[:1]))
    await api.call("POST", "/check-ins", {"code": other["code"]}, who=staff)
    await api.call("GET", f"/showtimes/{cinema.showtime_id}/check-ins", who=staff)


async def book(api: Api) -> None:
    """Call every operation of a customer with success."""
    cinema = await api.cinema()
    person = await api.sign_up()
    held = await api.hold(person, cinema.showtime_id, cinema.seat_ids[:2])
    await api.call("GET", f"/reservations/{held.json['id']}", who=person)
    await api.extend(person, held.json["id"])
    path = f"/reservations/{held.json['id']}"
    await api.call("POST", f"{path}/seats", {"seats": [{"seat_id": cinema.seat_ids[2]}]}, who=person)
    await api.call("DELETE", f"{path}/seats/{cinema.seat_ids[2]}", who=person)
    await api.call("POST", f"{path}/exchange", {"seat_ids": cinema.seat_ids[3:5]}, who=person)
    await api.confirm(person, held.json["id"])
    await api.call("POST", f"{path}/cancel", {"seat_ids": cinema.seat_ids[3:4]}, who=person)
    admin = await api.admin()
    await visit(api, path, person, admin)
    await api.call("GET", "/admin/reservations", who=admin)
    await api.call("GET", f"/admin/reservations/{held.json['id']}", who=admin)
    await api.call("POST", f"/admin/reservations/{held.json['id']}/cancel", {"reason": "R"}, who=admin)
    await api.cancel(person, held.json["id"])
    await api.call("POST", "/auth/guest", {"name": "G", "email": "guest@example.com"})
    for path in (
        "/reservations",
        "/auth/me",
        "/cinemas",
        "/cinemas/1",
        "/movies",
        f"/movies/{cinema.movie_id}",
        f"/movies/{cinema.movie_id}/showtimes",
        "/showtimes",
        f"/showtimes/{cinema.showtime_id}",
        f"/showtimes/{cinema.showtime_id}/seats",
        "/auditoriums",
        f"/auditoriums/{cinema.auditorium_id}",
        f"/auditoriums/{cinema.auditorium_id}/layout",
        "/config",
        "/health",
        "/ready",
        "/metrics",
    ):
        assert (await api.call("GET", path, who=person)).status == 200
    async with following(api, cinema.showtime_id) as stream:
        assert await stream.next() is not None
    await api.call("GET", "/auth/sessions", who=person)
    await api.call("GET", "/auth/me/export", who=person)
    elsewhere = await api.log_in(person.id, person.email)
    await api.call("DELETE", f"/auth/sessions/{session_id_of(elsewhere)}", who=person)
    await api.call("POST", "/auth/reauthenticate", {"password": PASSWORD}, who=person)
    begun = (await api.call("POST", "/auth/totp", who=person)).json
    await api.call("POST", "/auth/totp/confirm", {"code": code_of(begun["secret"])}, who=person)
    await api.call("GET", "/auth/totp", who=person)
    await api.call("DELETE", "/auth/totp", {"code": code_of(begun["secret"], later=1)}, who=person)
    await api.call("DELETE", "/auth/sessions", who=await api.sign_up())
    renewed = await api.call("POST", "/auth/refresh", {"refresh_token": person.refresh_token})
    await api.call("DELETE", "/auth/me", {"password": PASSWORD}, who=await api.sign_up())
    await api.call("POST", "/auth/logout", {"refresh_token": renewed.json["refresh_token"]})


async def wait(api: Api) -> None:
    """Call every operation of a waiting room with success."""
    cinema, person = await api.cinema(waiting_room=True), await api.sign_up()
    path = f"/showtimes/{cinema.showtime_id}/waiting-room"
    ticket = (await api.call("POST", path, who=person)).json["queue_ticket"]
    await api.call("GET", path, who=person, params={"ticket": ticket})
    await api.call("GET", f"{path}/events", who=person, params={"ticket": ticket})


async def pay(api: Api) -> None:
    """Call every operation of payments with success."""
    cinema, admin = await api.cinema(), await api.admin()
    held = await api.hold(admin, cinema.showtime_id, cinema.seat_ids[:2])
    await api.call("POST", f"/reservations/{held.json['id']}/pay", {"provider": "external"}, who=admin)
    await api.call("GET", f"/reservations/{held.json['id']}/payments", who=admin)
    await deliver(api, {"id": "evt_1", "object": "event", "type": "customer.created", "data": {"object": {}}})


async def test_every_documented_operation_works(start_api: StartApi, tmp_path: Path) -> None:
    api = await start_api()
    await administrate(api)
    await keep_account(api, tmp_path / "mail")
    await book(api)
    await wait(api)
    stripe = {"STRIPE_SECRET_KEY": SECRET_KEY, "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET}
    paid = await start_api(PAYMENT_PROVIDER="external", PUBLIC_URL="http://localhost", **stripe)
    await pay(paid)
    api.succeeded |= paid.succeeded
    document = await api.document()
    assert api.succeeded == document.operations


async def test_the_document_is_openapi_3_1_with_an_etag(api: Api) -> None:
    answer = await api.call("GET", "/openapi.json")
    assert (answer.status, answer.json["openapi"][:3]) == (200, "3.1")
    again = await api.call("GET", "/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304


async def test_an_example_of_a_problem_equals_the_response(api: Api) -> None:
    made = (await api.call("GET", "/openapi.json")).json
    body = {"name": "A", "email": "a@example.com", "password": PASSWORD}
    assert (await api.call("POST", "/auth/signup", body)).status == 201
    real = (await api.call("POST", "/auth/signup", body)).json
    response = made["paths"]["/auth/signup"]["post"]["responses"]["409"]["$ref"].rpartition("/")[2]
    examples = made["components"]["responses"][response]["content"]["application/problem+json"]["examples"]
    assert examples["email_taken"]["value"] | {"request_id": ""} == real | {"request_id": ""}


def no_status(made: dict[str, Any]) -> None:
    del made["paths"]["/movies/{movie_id}"]["get"]["responses"]["200"]


def no_member(made: dict[str, Any]) -> None:
    del made["components"]["schemas"]["Movie"]["properties"]["genre"]


def another_type(made: dict[str, Any]) -> None:
    made["components"]["schemas"]["Movie"]["properties"]["id"] = {"type": "string"}


def one_more_member(made: dict[str, Any]) -> None:
    made["components"]["schemas"]["Movie"]["required"].append("rating")


def another_content_type(made: dict[str, Any]) -> None:
    response = made["paths"]["/movies/{movie_id}"]["get"]["responses"]["200"]
    response["content"] = {"text/html": response["content"]["application/json"]}


def one_more_header(made: dict[str, Any]) -> None:
    made["paths"]["/movies/{movie_id}"]["get"]["responses"]["200"]["headers"]["Location"] = {}


def no_header(made: dict[str, Any]) -> None:
    del made["paths"]["/movies/{movie_id}"]["get"]["responses"]["200"]["headers"]["X-Request-ID"]


@pytest.mark.parametrize(
    "lie", [no_status, no_member, another_type, one_more_member, another_content_type, one_more_header, no_header]
)
async def test_a_wrong_document_fails_the_check(shared_api: Api, lie: Callable[[dict[str, Any]], None]) -> None:
    made = (await shared_api.call("GET", "/openapi.json")).json
    answer = await shared_api.call("GET", f"/movies/{await shared_api.movie()}")
    seen = ("GET", "/movies/1", 200, answer.headers, answer.json, "application/json")
    Document(deepcopy(made)).check_answer(*seen)
    lie(made)
    with pytest.raises(AssertionError):
        Document(made).check_answer(*seen)
