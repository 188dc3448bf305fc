"""The room and the showtime of a drill, made by SQL or through the admin API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ..db.repository import load as repository
from ..settings import Settings
from . import LoadError
from .access import database_connection
from .client import Client
from .showtimes import Showtime, expect, load_showtime

SEATS_PER_ROW = 20
NO_FILM = "there is no film to show: `reservation seed demo` adds some"


async def set_up_by_sql(client: Client, settings: Settings, *, seats: int) -> Showtime:
    """Insert a room and a showtime in the database; raises LoadError."""
    async with database_connection(settings, "load drill") as conn:
        showtime_id = await repository.make_drill(conn, seats=seats)
    if showtime_id is None:
        raise LoadError(NO_FILM)
    return await load_showtime(client, showtime_id)


async def set_up_by_api(client: Client, *, seats: int, admin: tuple[str, str]) -> Showtime:
    """Create a room and a showtime as an administrator; raises LoadError."""
    body = dict(zip(("email", "password"), admin, strict=True))
    token = (await _post(client, "/auth/login", body, "the administrator's login", status=200))["access_token"]
    films = expect(await client.fetch(client.target.request("GET", "/movies?limit=1")), 200, "the films")
    if not films["items"]:
        raise LoadError(NO_FILM)
    room = await _post(client, "/admin/auditoriums", {"name": "Load drill", "capacity": seats}, "the room", token)
    path = f"/admin/auditoriums/{room['id']}/seats/batch"
    whole, rest = divmod(seats, SEATS_PER_ROW)
    for rows, seats_per_row in ((whole, SEATS_PER_ROW), (1, rest)):
        if rows and seats_per_row:
            await _post(client, path, {"rows": rows, "seats_per_row": seats_per_row}, "the seats", token)
    starts_at = datetime.now(UTC) + timedelta(days=1)
    showtime = {
        "movie_id": films["items"][0]["id"],
        "auditorium_id": room["id"],
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=2)).isoformat(),
        "base_price": "10.00",
    }
    made = await _post(client, "/admin/showtimes", showtime, "the showtime", token)
    return await load_showtime(client, made["id"])


async def _post(
    client: Client, path: str, body: dict[str, Any], what: str, token: str = "", *, status: int = 201
) -> Any:
    request = client.target.request("POST", path, token=token, body=orjson.dumps(body))
    return expect(await client.fetch(request), status, what)
