"""Cinemas and their rooms: the list, and the forms of both; the seats of a room are in `seats`."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

import orjson
from aiohttp import web

from ....http.routes import Access
from ....runtime.lanes import Lane
from ....runtime.time_zone_fields import NO_ZONES, OTHER_FOLDERS
from ...api_client import ApiClient
from ...cinemas import all_cinemas
from ...forms import optional, text_of
from ...page_table import PageTable
from ...rendering import render
from .managed_things import ManagedThing, Thing

pages = PageTable(Access.ADMIN, lane=Lane.LIST)

LIST = "/manage/cinemas"
MOST_ROOMS = 1000
DETAILS = ("screen", "sound")  # members of extra_metadata that have fields of their own
TIMEZONES = sorted(
    name for name in available_timezones() if name not in NO_ZONES and not name.startswith(OTHER_FOLDERS)
)


@pages.get(LIST)
async def list_cinemas(request: web.Request) -> web.StreamResponse:
    """The cinemas, each with its rooms."""
    api = ApiClient(request)
    cinemas = await all_cinemas(api)
    rooms = await api.every("/admin/auditoriums", most=MOST_ROOMS)
    of_cinema = {cinema["id"]: [room for room in rooms if room["cinema_id"] == cinema["id"]] for cinema in cinemas}
    return render(request, "manage/cinemas.html", cinemas=cinemas, rooms=of_cinema)


def cinema_body(request: web.Request) -> dict[str, Any]:
    """The API's body of a cinema."""
    return {name: text_of(request, name) for name in ("name", "address", "timezone")}


def cinema_fields(_request: web.Request, cinema: Thing) -> dict[str, Any]:
    """The form's values of a cinema."""
    return {name: cinema[name] for name in ("name", "address", "timezone")}


async def _timezones(_request: web.Request) -> Mapping[str, Any]:
    return {"timezones": TIMEZONES}


def room_body(request: web.Request) -> dict[str, Any]:
    """The API's body of a room; its metadata are the fields for it, and the JSON of the rest."""
    details = _details(text_of(request, "details"))
    if isinstance(details, dict):
        details |= {name: text for name in DETAILS if (text := text_of(request, name))}
    return {
        "cinema_id": optional(request, "cinema_id", int),
        "name": text_of(request, "name"),
        "capacity": optional(request, "capacity", int),
        "focal_row": text_of(request, "focal_row").upper() or None,
        "extra_metadata": details,
    }


def room_fields(_request: web.Request, room: Thing) -> dict[str, Any]:
    """The form's values of a room."""
    metadata = room["extra_metadata"]
    own = {name: metadata[name] for name in DETAILS if isinstance(metadata.get(name), str)}
    rest = {name: value for name, value in metadata.items() if name not in own}
    shown = orjson.dumps(rest, option=orjson.OPT_INDENT_2).decode() if rest else ""
    columns = {name: room[name] for name in ("cinema_id", "name", "capacity", "focal_row")}
    return {**columns, **dict.fromkeys(DETAILS), **own, "details": shown}


def _details(text: str) -> Any:
    """The JSON of a text; the text itself if it is none, so that the API refuses it."""
    try:
        return orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        return text


async def _cinemas(request: web.Request) -> Mapping[str, Any]:
    cinemas = await all_cinemas(ApiClient(request))
    return {"cinema_choices": [(cinema["id"], cinema["name"]) for cinema in cinemas]}


ManagedThing(
    api="/admin/cinemas",
    path="/manage/cinemas",
    template="manage/cinema.html",
    body=cinema_body,
    fields=cinema_fields,
    new={"name": None, "address": None, "timezone": None},
    listed_at=LIST,
    context=_timezones,
).add_to(pages)
ManagedThing(
    api="/admin/auditoriums",
    path="/manage/rooms",
    template="manage/room.html",
    body=room_body,
    fields=room_fields,
    new=dict.fromkeys(("cinema_id", "name", "capacity", "focal_row", *DETAILS, "details")),
    listed_at=LIST,
    context=_cinemas,
    after_create=lambda room: f"/manage/rooms/{room['id']}/seats?done=created",
    renamed={"extra_metadata": "details"},
).add_to(pages)
