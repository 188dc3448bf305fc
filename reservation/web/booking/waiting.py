"""The waiting room of a showtime in a browser: the queue ticket and the admission are cookies.

Opening the page joins the queue; to join again changes nothing, so it is a GET.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ...errors import Invalid
from ...http.routes import STAFF_ROLES
from ..api_client import ApiClient
from ..request_keys import USER
from ..sessions.cookies import delete_cookie, set_cookie


@dataclass(frozen=True, slots=True)
class Waiting:
    """The customer's place as the API has it; None for a visitor, who has to sign in to get one."""

    place: Mapping[str, Any] | None

    @property
    def minutes(self) -> int:
        """The expected time in minutes, at least one."""
        seconds = None if self.place is None else self.place["expected_seconds"]
        return max(1, -(-(seconds or 0) // 60))


def needs_waiting(request: web.Request, showtime: Mapping[str, Any]) -> bool:
    """Whether the user needs an admission: staff and administrators need none."""
    user = request[USER]
    return bool(showtime["waiting_room"]) and (user is None or user.role not in STAFF_ROLES)


async def waiting_in(request: web.Request, api: ApiClient, showtime_id: int) -> Waiting | None:
    """Join the queue or ask for the place; None for a customer who is admitted, whose admission is then a cookie."""
    if admission_of(request, showtime_id):
        return None
    if request[USER] is None:
        return Waiting(None)
    path, place = f"/showtimes/{showtime_id}/waiting-room", None
    if ticket := request.cookies.get(_ticket_cookie(showtime_id)):
        try:
            place = await api.get(path, ticket=ticket)
        except Invalid:  # of another user of this browser
            place = None
    if place is None:
        place = await api.post(path)
    if place["status"] != "admitted":
        set_cookie(request, _ticket_cookie(showtime_id), place["queue_ticket"])
        return Waiting(place)
    delete_cookie(request, _ticket_cookie(showtime_id))
    set_cookie(
        request, _admission_cookie(showtime_id), place["admission_token"], max_age_s=int(place["poll_after_seconds"])
    )
    return None


def admission_of(request: web.Request, showtime_id: int) -> str | None:
    """The admission in the browser's cookie."""
    return request.cookies.get(_admission_cookie(showtime_id))


def forget_admission(request: web.Request, showtime_id: int) -> None:
    """Delete the cookie of an admission that was refused."""
    delete_cookie(request, _admission_cookie(showtime_id))


def _ticket_cookie(showtime_id: int) -> str:
    return f"__Host-queue-{showtime_id}"


def _admission_cookie(showtime_id: int) -> str:
    return f"__Host-admission-{showtime_id}"
