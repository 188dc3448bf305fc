"""The room and the showtime of a drill, made by SQL or through the admin API."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ..db.repository import load as repository
from ..settings import Settings
from . import LoadError
from .access import database_connection
from .client import Client
from .customers import log_in_admin
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
    token = await log_in_admin(client, admin)

    async def create(what: str, path: str, body: dict[str, Any]) -> Any:
        return expect(await client.call("POST", f"/admin/{path}", token=token, body=body), 201, what)

    films = expect(await client.call("GET", "/movies?limit=1"), 200, "the films")
    if not films["items"]:
        raise LoadError(NO_FILM)
    [cinema, *_] = expect(await client.call("GET", "/cinemas?limit=1"), 200, "the cinemas")["items"] or [{"id": None}]
    body = {"name": "Load drill", "capacity": seats, "cinema_id": cinema["id"]}
    room = await create("the room", "auditoriums", body)
    path = f"auditoriums/{room['id']}/seats/batch"
    whole, rest = divmod(seats, SEATS_PER_ROW)
    for rows, seats_per_row in ((whole, SEATS_PER_ROW), (1, rest)):
        if rows and seats_per_row:
            await create("the seats", path, {"rows": rows, "seats_per_row": seats_per_row})
    starts_at = datetime.now(UTC) + timedelta(days=1)
    showtime = {
        "movie_id": films["items"][0]["id"],
        "auditorium_id": room["id"],
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=2)).isoformat(),
        "base_price": "10.00",
    }
    return await load_showtime(client, (await create("the showtime", "showtimes", showtime))["id"])
