"""My reservations: the list, and the page of one, in every state that it can be in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any
from uuid import uuid4

from aiohttp import web

from ...errors import Json, NotFound
from ...http.routes import STAFF_ROLES, Access
from ..api_client import ApiClient
from ..cinemas import zones_differ
from ..page_table import PageTable
from ..programme.cache import PROGRAMME
from ..rendering import render
from ..request_keys import LANGUAGE, USER
from ..texts.languages import local_time
from ..texts.marking import mark as _

pages = PageTable(Access.SIGNED_IN)

PATH = "/my/reservations/{reservation_id:[0-9a-fA-F-]{36}}"
LISTED = 20  # reservations on a page of the list
OTHER_SHOWTIMES = 30
Reservation = Any  # as ReservationOutput describes it

# What has just been done, with the statuses that the reservation may have then; after another change it is not said.
DONE = {
    "confirmed": ("confirmed", _("Thank you: the seats are yours.")),
    "paid": ("confirmed", _("Thank you: your payment has arrived, and the seats are yours.")),
    "extended": ("held", _("You have more time now.")),
    "not_extended": ("held", _("The time has not changed: it cannot be extended further now.")),
    "seat_removed": ("held", _("The seat has been removed.")),
    "seats_added": ("held", _("The seats have been added.")),
    "seats_cancelled": ("confirmed", _("The seats have been cancelled. The others are still yours.")),
    "exchanged": ("held confirmed", _("The seats have been exchanged.")),
    "released": ("cancelled", _("The seats have been released.")),
    "cancelled": ("cancelled", _("The reservation has been cancelled.")),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a change was refused, and the seats that it is about."""

    status: int
    message: str
    seats: Sequence[Json] = ()


@pages.get("/my/reservations")
async def list_reservations(request: web.Request) -> web.StreamResponse:
    """A page of the list, newest first: what is held, what is to come, and the rest."""
    found = await ApiClient(request).get("/reservations", limit=LISTED, cursor=request.query.get("cursor"))
    now = datetime.now(UTC)
    groups: dict[str, list[Reservation]] = {"held": [], "upcoming": [], "past": []}
    for each in found["items"]:
        groups[_group(each, now)].append(each | {"state": _state(each)})
    groups["upcoming"].sort(key=lambda each: str(each["showtime"]["starts_at"]))
    return render(
        request,
        "reservations.html",
        groups=groups,
        next_cursor=found["next_cursor"],
        is_first="cursor" not in request.query,
        deadline=await _deadline(request),
    )


@pages.get(PATH)
async def reservation(request: web.Request) -> web.StreamResponse:
    """One reservation; `done` is a change that has just been made."""
    return await show(request, await own_reservation(request), done=request.query.get("done", ""))


async def own_reservation(request: web.Request) -> Reservation:
    """The reservation of the path; raises NotFound also where staff may read one that is not their own."""
    api, reservation_id, user = ApiClient(request), request.match_info["reservation_id"], request[USER]
    if user is None or user.role not in STAFF_ROLES:
        return await api.get(f"/reservations/{reservation_id}")
    found = await api.get(f"/admin/reservations/{reservation_id}")
    if found["customer"]["id"] != user.id:
        raise NotFound
    return found


async def show(
    request: web.Request, found: Reservation, *, done: str = "", refusal: Refusal | None = None
) -> web.StreamResponse:
    """The page of a reservation, with what has just been done or was refused."""
    language, api, state = request[LANGUAGE], ApiClient(request), _state(found)
    config, now = await api.get("/config"), datetime.now(UTC)
    starts_at = datetime.fromisoformat(found["showtime"]["starts_at"])
    statuses, message = DONE.get(done, ("", ""))
    context: dict[str, Any] = {
        "reservation": found,
        "showtime": found["showtime"],
        "film": await _film(api, found),
        "timezone": found["showtime"]["cinema"]["timezone"],
        "starts_on": local_time(starts_at, found["showtime"]["cinema"]["timezone"]).date(),
        "state": state,
        "cinema": (await request.app[PROGRAMME].cinemas(request)).get(found["showtime"]["cinema"]["id"], {}),
        "offered": await offered_showtime(api, found),
        "deadline": await _deadline(request),
        "refusal": refusal,
        "done": language.gettext(message) if found["status"] in statuses.split() else None,
        "key": str(uuid4()),
        "has_started": now >= starts_at,
        "change_until": starts_at - timedelta(minutes=config["cancel_cutoff_minutes"]),
        "cutoff_minutes": config["cancel_cutoff_minutes"],
        "pays_at": config["payment_provider"] if float(found["total_price"]) > 0 else "none",
        "payments": await payments_of(api, found, config),
    }
    if state == "held":
        context |= _time_left(found, config, now)
    elif state == "confirmed":
        context["can_change"] = now < context["change_until"]
        context["other_showtimes"] = await _other_showtimes(api, found) if context["can_change"] else []
    elif state == "called_off":
        context["reason"] = context["offered"] and context["offered"]["cancel_reason"]
    return render(request, "reservation.html", status=200 if refusal is None else refusal.status, **context)


async def payments_of(api: ApiClient, found: Reservation, config: Any) -> list[Any]:
    """What was paid for a reservation; the API is asked only where payments are taken."""
    if config["payment_provider"] == "none":
        return []
    listed: list[Any] = (await api.get(f"/reservations/{found['id']}/payments"))["items"]
    return listed


async def _deadline(request: web.Request) -> Callable[[str | datetime, str], str]:
    """The form of the end of a hold: the time of day, with its zone where the cinemas have several."""
    language, cinemas = request[LANGUAGE], await request.app[PROGRAMME].cinemas(request)
    return language.zoned_clock if zones_differ(cinemas.values()) else language.clock


def _group(found: Reservation, now: datetime) -> str:
    """The part of the list that a reservation is in."""
    if found["status"] == "held":
        return "held"
    is_over = datetime.fromisoformat(found["showtime"]["ends_at"]) <= now
    return "upcoming" if found["status"] == "confirmed" and not is_over else "past"


def _state(found: Reservation) -> str:
    """The status; called_off: the cinema has cancelled the whole showtime."""
    is_called_off = found["showtime"]["status"] == "cancelled" and found["cancelled_by"] == "cinema"
    return "called_off" if is_called_off else str(found["status"])


def _time_left(found: Reservation, config: Any, now: datetime) -> dict[str, Any]:
    """The time left of a hold, by this server's clock: the browser's may be wrong."""
    expires_at = datetime.fromisoformat(found["expires_at"])
    longest = datetime.fromisoformat(found["created_at"]) + timedelta(seconds=config["hold_max_seconds"])
    left_s = max(0, ceil((expires_at - now).total_seconds()))
    return {
        "seconds_left": left_s,
        "minutes_left": max(1, round(left_s / 60)),
        "can_extend": expires_at < longest - timedelta(seconds=1),
        "longest": longest,
    }


async def _film(api: ApiClient, found: Reservation) -> Any:
    movie = found["showtime"]["movie"]
    try:
        return await api.get(f"/movies/{movie['id']}")
    except NotFound:  # it has been deleted
        return movie | {"poster_url": None}


async def _other_showtimes(api: ApiClient, found: Reservation) -> list[Any]:
    """Showtimes of the same film that the reservation can be exchanged for, in their cinemas' order of time."""
    movie_id, seats = found["showtime"]["movie"]["id"], len(found["seats"])
    try:
        listed = await api.get(f"/movies/{movie_id}/showtimes", limit=OTHER_SHOWTIMES, min_seats_left=seats)
    except NotFound:  # the film is not in the programme any more
        return []
    cinema = found["showtime"]["cinema"]["id"]
    return [each for each in listed["items"] if each["id"] != found["showtime_id"] and each["cinema_id"] == cinema]


async def offered_showtime(api: ApiClient, found: Reservation) -> Any:
    """The showtime as it is offered, with its format and languages; None if it is not shown any more."""
    try:
        return await api.get(f"/showtimes/{found['showtime_id']}")
    except NotFound:
        return None
