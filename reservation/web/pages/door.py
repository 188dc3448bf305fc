"""The door: staff choose the showtime and check tickets in, by a typed code or the camera."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from ...errors import (
    AlreadyCheckedIn,
    DomainError,
    Invalid,
    NotFound,
    TicketCancelled,
    WrongShowtime,
)
from ...http.output.problems import STATUS_AND_CODE
from ...http.output.responses import SingleWriteResponse, json_response
from ...http.routes import Access
from ...runtime.lanes import Lane
from ..api_client import ApiClient
from ..cinemas import all_cinemas, cinema_or_first
from ..forms import text_of
from ..page_table import PageTable, see_other
from ..rendering import render
from ..request_keys import FORM, LANGUAGE
from ..sessions.cookies import YEAR_S, set_cookie
from ..texts.languages import local_time
from ..texts.marking import mark as _
from .box_office.home import CINEMA_COOKIE

pages = PageTable(Access.STAFF)

SHOWTIME = "/door/{showtime_id:[0-9]{1,19}}"
# Listed are showtimes that began up to so long ago, and that begin until then.
LONGEST_AGO, FARTHEST = timedelta(hours=4), timedelta(hours=20)
MOST_SHOWTIMES = 200
LAST_SHOWN = 10
REFUSED = (AlreadyCheckedIn, WrongShowtime, TicketCancelled, NotFound, Invalid)

COME_IN = _("Come in")
HEADINGS = {
    AlreadyCheckedIn: _("Checked in before"),
    WrongShowtime: _("Another showtime"),
    TicketCancelled: _("Not valid any more"),
    NotFound: _("Unknown ticket"),
    Invalid: _("No ticket of this cinema"),
}
DETAILS = {
    TicketCancelled: _("The seat was cancelled or exchanged, or the showtime was cancelled."),
    NotFound: _("There is no ticket with this code."),
    Invalid: _("A ticket's code has 10 characters. A reservation's code, of 8, is for the box office."),
}
SEAT = _("Row %(row)s, seat %(seat)s")
AT = _("At %(time)s")


@dataclass(frozen=True, slots=True)
class Result:
    """What the door is told of a ticket: the code of the refusal, or ok; in words; and the count, if it is known."""

    outcome: str
    status: int
    heading: str
    detail: str
    count: Any = None

    @property
    def is_ok(self) -> bool:
        """Whether the customer may go in."""
        return self.outcome == "ok"


@pages.get("/door")
async def door(request: web.Request) -> web.StreamResponse:
    """The showtimes of the chosen cinema about now."""
    api, now = ApiClient(request), datetime.now(UTC)
    cinemas = await all_cinemas(api)
    cinema = cinema_or_first(cinemas, request.cookies.get(CINEMA_COOKIE))
    showtimes = []
    if cinema is not None:
        listed = await api.every(
            "/showtimes",
            most=MOST_SHOWTIMES,
            cinema_id=cinema["id"],
            status="scheduled",
            to=(now + FARTHEST).isoformat(),
            **{"from": (now - LONGEST_AGO).isoformat()},
        )
        showtimes = [
            each | {"day": local_time(each["starts_at"], cinema["timezone"]).date()}
            for each in listed
            if datetime.fromisoformat(each["ends_at"]) > now
        ]
    return render(
        request,
        "door/showtimes.html",
        cinemas=cinemas,
        cinema=cinema,
        showtimes=showtimes,
        ago=LONGEST_AGO // timedelta(hours=1),
        ahead=FARTHEST // timedelta(hours=1),
    )


@pages.post("/door/cinema")
async def choose_cinema(request: web.Request) -> web.StreamResponse:
    """Keep the cinema whose door this browser is at, as for the box office."""
    chosen = text_of(request, "cinema_id")
    if chosen.isascii() and chosen.isdigit():
        set_cookie(request, CINEMA_COOKIE, chosen, max_age_s=YEAR_S)
    return see_other("/door")


@pages.get(SHOWTIME)
async def door_of_showtime(request: web.Request) -> web.StreamResponse:
    """The door of a showtime; `ticket` is the one that was just checked in."""
    return await _show(request, None)


@pages.post(SHOWTIME, lane=Lane.CONFIRM)
async def check_in(request: web.Request) -> web.StreamResponse:
    """Check a typed code in; a refusal is shown at once."""
    result, ticket_id = await _check_in(request)
    if result.is_ok:
        return see_other(f"{request.path}?ticket={ticket_id}")
    return await _show(request, result)


@pages.post(SHOWTIME + "/scans", lane=Lane.CONFIRM)
async def scan(request: web.Request) -> web.StreamResponse:
    """Check in what the camera has read, or what was let in without a connection: the result as JSON."""
    result, _ticket = await _check_in(request)
    response: SingleWriteResponse = json_response(asdict(result), headers={"Cache-Control": "no-store"})
    return response


async def _check_in(request: web.Request) -> tuple[Result, str]:
    """The result, and the ticket that was checked in."""
    api, showtime_id, form = ApiClient(request), int(request.match_info["showtime_id"]), request[FORM]
    body: dict[str, Any] = {"code": text_of(request, "code"), "showtime_id": showtime_id}
    if form.get("checked_in_at"):
        body["checked_in_at"] = form["checked_in_at"]
    try:
        done = await api.post("/check-ins", body, idempotency_key=form.get("key") or None)
    except REFUSED as error:
        return await _refusal(request, api, error), ""
    return _come_in(request, done["seat"], done["seat"]["ticket_type"]["name"], done["count"]), done["ticket_id"]


def _come_in(request: web.Request, seat: Any, kind: str, count: Any) -> Result:
    language = request[LANGUAGE]
    name = language.gettext(SEAT) % {"row": seat["row_label"], "seat": seat["seat_number"]}
    return Result("ok", 200, language.gettext(COME_IN), f"{name}, {kind}" if kind else name, count)


async def _refusal(request: web.Request, api: ApiClient, error: DomainError) -> Result:
    language, (status, code) = request[LANGUAGE], STATUS_AND_CODE[type(error)]
    detail = language.gettext(DETAILS.get(type(error), ""))
    if isinstance(error, AlreadyCheckedIn):
        shown = await api.get(f"/showtimes/{request.match_info['showtime_id']}")
        cinema = await api.get(f"/cinemas/{shown['cinema_id']}")
        time = language.clock(str(error.details["checked_in_at"]), cinema["timezone"])
        detail = language.gettext(AT) % {"time": time}
    elif isinstance(error, WrongShowtime):
        shown = await api.get(f"/showtimes/{error.details['showtime_id']}")
        cinema = await api.get(f"/cinemas/{shown['cinema_id']}")
        detail = f"{shown['movie_title']}, {language.moment(shown['starts_at'], cinema['timezone'], 'medium')}"
    return Result(code, status, language.gettext(HEADINGS[type(error)]), detail)


async def _show(request: web.Request, result: Result | None) -> web.StreamResponse:
    api, showtime_id = ApiClient(request), request.match_info["showtime_id"]
    showtime = await api.get(f"/showtimes/{showtime_id}")
    cinema = await api.get(f"/cinemas/{showtime['cinema_id']}")
    listed = await api.get(f"/showtimes/{showtime_id}/check-ins", limit=LAST_SHOWN)
    just = [each for each in listed["items"] if each["ticket_id"] == request.query.get("ticket")]
    if result is None and just:
        result = _come_in(request, just[0], "", listed["count"])
    return render(
        request,
        "door/door.html",
        status=200 if result is None else result.status,
        showtime=showtime,
        timezone=cinema["timezone"],
        check_ins=listed["items"],
        count=listed["count"],
        result=result,
    )
