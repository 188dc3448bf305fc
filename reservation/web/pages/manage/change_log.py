"""The change log: who changed what, and when, with what is different."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
from aiohttp import web

from ....errors import Invalid, NotFound
from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...cinemas import home_timezone
from ...forms import number_of
from ...page_table import PageTable
from ...rendering import render
from ...request_keys import LANGUAGE
from ...showtimes.timeline import midnight
from ...texts.actions import action_name

pages = PageTable(Access.ADMIN, lane=Lane.LIST)

LIST = "/manage/change-log"
A_PAGE = 50
ASKED = ("who", "subject", "from", "to")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)")  # as PostgreSQL writes it
# Kinds of things that have pages, and where.
PATHS = {
    "movie": "/manage/films",
    "auditorium": "/manage/rooms",
    "cinema": "/manage/cinemas",
    "showtime": "/manage/showtimes",
    "ticket-type": "/manage/ticket-types",
    "user": "/manage/users",
    "api-key": "/manage/api-keys",
    "webhook": "/manage/webhooks",
    "reservation": "/box-office/reservations",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of the database, and its values as text; None where the thing was not there."""

    field: str
    before: str | None
    after: str | None


@pages.get(LIST)
async def show_log(request: web.Request) -> web.StreamResponse:
    """The changes, newest first: by an account, of one thing, and of some days."""
    api, asked = ApiClient(request), {name: request.query.get(name, "").strip() for name in ASKED}
    zone = await home_timezone(api)
    found: dict[str, Any] = {"items": [], "next_cursor": None}
    try:
        user_id = await _user_id(api, asked["who"])
        times = {"from": _begin(asked["from"], zone), "to": _begin(asked["to"], zone, days=1)}
        query: dict[str, Any] = {"user_id": user_id, "subject": asked["subject"], "cursor": request.query.get("cursor")}
        found = await api.get("/admin/change-log", **query, **times, limit=A_PAGE)
    except (Invalid, NotFound):  # a filter that nothing can match
        pass
    items = found["items"]
    names = await _names(api, {each["user_id"] for each in items})
    return render(
        request,
        "manage/change_log.html",
        changes=[
            each
            | {
                "differences": differences_of(each, zone),
                "path": _path(each["subject"]),
                "name": action_name(each["action"], request[LANGUAGE]),
            }
            for each in items
        ],
        names=names,
        asked=asked,
        timezone=zone,
        base=f"{LIST}?{urlencode(asked)}&",
        cursor=request.query.get("cursor"),
        next_cursor=found["next_cursor"],
    )


def differences_of(change: dict[str, Any], zone: str) -> list[Difference]:
    """The fields that a change made different: all fields of a thing that was created or deleted.

    Times are of the time zone, exact to the microsecond.
    """
    before, after = change["before"], change["after"]
    fields = dict.fromkeys([*(before or {}), *(after or {})])
    return [
        Difference(name, _text(before, name, zone), _text(after, name, zone))
        for name in fields
        if before is None or after is None or before.get(name) != after.get(name)
    ]


def _text(members: dict[str, Any] | None, name: str, zone: str) -> str | None:
    if members is None:
        return None
    value = members.get(name)
    if isinstance(value, str):
        return _in_zone(value, zone) if TIME.fullmatch(value) else value
    return "" if value is None else orjson.dumps(value).decode()


def _in_zone(time: str, zone: str) -> str:
    try:
        return datetime.fromisoformat(time).astimezone(ZoneInfo(zone)).isoformat(" ")
    except (ValueError, OverflowError):
        return time


def _path(subject: str) -> str | None:
    kind, _, thing_id = subject.partition("/")
    return f"{PATHS[kind]}/{thing_id}" if kind in PATHS and thing_id else None


async def _user_id(api: ApiClient, who: str) -> int | None:
    """The account that an e-mail address or an id names; raises NotFound for nobody's."""
    if not who:
        return None
    if (user_id := number_of(who)) is not None:
        return user_id
    found = (await api.get("/admin/users", email=who))["items"]
    if not found:
        raise NotFound
    return int(found[0]["id"])


async def _names(api: ApiClient, user_ids: set[int | None]) -> dict[int, str]:
    """The names of accounts, of which a page has few; an account that was erased has none."""
    names: dict[int, str] = {}
    for user_id in user_ids - {None}:
        try:
            names[user_id or 0] = (await api.get(f"/admin/users/{user_id}"))["name"]
        except NotFound:
            continue
    return names


def _begin(text: str, zone: str, days: int = 0) -> str | None:
    """When a day begins, or ends; None for no day."""
    try:
        return midnight(date.fromisoformat(text) + timedelta(days=days), ZoneInfo(zone)).isoformat()
    except (ValueError, OverflowError):
        return None
