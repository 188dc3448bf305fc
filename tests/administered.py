"""The resources of the administration: how each kind is created, and where it is read, replaced and deleted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.api import Answer, Api, slot


@dataclass(frozen=True, slots=True)
class Thing:
    """A resource, its first ETag, and two bodies that change it, if its kind can be replaced."""

    table: str
    id: int
    path: str  # of GET
    put_path: str  # of PUT and DELETE
    etag: str
    bodies: tuple[dict[str, Any], ...]


Make = Callable[[Api], Awaitable[Thing]]


async def cinema(api: Api) -> Thing:
    body = {"name": "A Cinema", "timezone": "Europe/Berlin"}
    return await _made(api, "cinemas", body, {"address": "1 Main Street"}, {"timezone": "UTC"})


async def movie(api: Api) -> Thing:
    body = {"title": "A Film", "duration_minutes": 90}
    return await _made(api, "movies", body, {"title": "Another"}, {"duration_minutes": 91})


async def auditorium(api: Api) -> Thing:
    body = {"name": "A Room", "capacity": 50}
    return await _made(api, "auditoriums", body, {"name": "Another"}, {"capacity": 51})


async def showtime(api: Api) -> Thing:
    body = {"movie_id": await api.movie(), "auditorium_id": (await api.auditorium())[0], "base_price": "10.00"}
    return await _made(api, "showtimes", body | slot(24), {"base_price": "11.00"}, slot(48))


async def user(api: Api) -> Thing:
    person = await api.sign_up()
    path = f"/admin/users/{person.id}"
    found = await api.call("GET", path, who=await api.admin())
    return Thing("users", person.id, path, f"{path}/role", found.headers["ETag"], ({"role": "staff"}, {"role": "user"}))


async def api_key(api: Api) -> Thing:
    admin = await api.admin()
    body = {"name": "Kiosk", "user_id": admin.id, "scopes": ["booking"]}
    return await _made(api, "api-keys", body)


async def seat(api: Api) -> Thing:
    _, [seat_id, *_] = await api.auditorium()
    path = f"/admin/seats/{seat_id}"
    found = await api.call("GET", path, who=await api.admin())
    place = {name: found.json[name] for name in ("row_label", "seat_number")}
    bodies = (place | {"seat_type": "premium"}, place | {"x": 1, "y": 1})
    return Thing("seats", seat_id, path, path, found.headers["ETag"], bodies)


async def ticket_type(api: Api) -> Thing:
    body = {"name": "child", "price_factor": "0.50"}
    return await _made(api, "ticket-types", body, {"price_factor": "0.60"}, {"name": "kid"})


async def webhook(api: Api) -> Thing:
    body = {"url": "https://receiver.example/", "events": ["reservation.held"]}
    return await _made(api, "webhooks", body, {"active": False}, {"events": ["ticket.checked_in"]})


KINDS: dict[str, Make] = {
    "movie": movie,
    "auditorium": auditorium,
    "showtime": showtime,
    "user": user,
    "API key": api_key,
    "seat": seat,
    "ticket type": ticket_type,
    "webhook": webhook,
    "cinema": cinema,  # the last one: where there are two, an auditorium has to say which
}
REPLACEABLE = ["cinema", "movie", "auditorium", "showtime", "user", "seat", "ticket type", "webhook"]
REMOVABLE = [kind for kind in KINDS if kind != "user"]
BOTH = [kind for kind in REPLACEABLE if kind in REMOVABLE]


async def read(api: Api, thing: Thing, **headers: str) -> Answer:
    """Read the resource; a header `If_Match` is sent as If-Match."""
    return await _call(api, "GET", thing.path, None, headers)


async def replace(api: Api, thing: Thing, body: int = 0, **headers: str) -> Answer:
    """Replace it with one of its bodies."""
    return await _call(api, "PUT", thing.put_path, thing.bodies[body], headers)


async def remove(api: Api, thing: Thing, **headers: str) -> Answer:
    """Delete it."""
    return await _call(api, "DELETE", thing.put_path, None, headers)


async def is_gone(api: Api, thing: Thing) -> bool:
    """Whether it was deleted; for an API key, which stays in the list, whether it was revoked."""
    found = await read(api, thing)
    return found.status == 404 or (thing.table == "api_keys" and found.json["revoked_at"] is not None)


async def _call(api: Api, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.call(method, path, body, who=await api.admin(), headers=named)


async def _made(api: Api, things: str, body: dict[str, Any], *changes: dict[str, Any]) -> Thing:
    made = await api.call("POST", f"/admin/{things}", body, who=await api.admin())
    assert made.status == 201, made.text
    path = f"/admin/{things}/{made.json['id']}"
    bodies = tuple(body | change for change in changes)
    return Thing(things.replace("-", "_"), made.json["id"], path, path, made.headers["ETag"], bodies)
