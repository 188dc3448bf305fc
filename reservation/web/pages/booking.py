"""Book: choose the seats of a showtime and the tickets, and hold them; also to exchange seats, and to add some."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from ...errors import AdmissionRequired, DomainError, NotFound, SeatsUnavailable, Unavailable
from ...http.input.path_ids import path_id
from ...http.output.problems import STATUS_AND_CODE
from ...runtime.lanes import Lane
from ..api_client import ApiClient
from ..booking.choice import Choice, choice_of
from ..booking.view import BookingView, booking_view
from ..booking.waiting import admission_of, forget_admission
from ..page_table import PageTable, see_other
from ..rendering import render
from ..request_keys import FORM, LANGUAGE, USER
from ..texts.marking import mark as _
from ..texts.messages import message_of

BOOK = "/book/{showtime_id}"
RELOAD = "reload"  # of the query of a waiting page

SHOWN_BESIDE_THE_MAP = (
    HTTPStatus.CONFLICT, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS,
)  # fmt: skip

pages = PageTable()

NONE_CHOSEN = _("Please choose at least one seat.")
TOO_MANY = _("You can choose up to %(most)s seats.")
NO_QUANTITY = _("Please enter the number of people.")
NO_BLOCK = _("No row has that many seats next to each other any more. Please choose them in the map, or ask for fewer.")


@pages.get(BOOK, lane=Lane.MAP)
async def choose_seats(request: web.Request) -> web.StreamResponse:
    """The map; the query preselects seats, ticket types and numbers of people."""
    return await _map_page(request, choice_of(request.query))


@pages.get(BOOK + "/tickets", lane=Lane.MAP)
async def choose_tickets(request: web.Request) -> web.StreamResponse:
    """The second step without JavaScript: a ticket type for each seat."""
    return await _tickets_page(request, choice_of(request.query))


@pages.post(BOOK)
async def hold_seats(request: web.Request) -> web.StreamResponse:
    """Hold the seats that were chosen, exchange a reservation's for them, or add them to a hold."""
    choice = choice_of(request[FORM])
    if request[FORM].get("step") == "total":
        return await _tickets_page(request, choice)
    if not choice.seat_ids:
        return await _map_page(request, choice, error=request[LANGUAGE].gettext(NONE_CHOSEN))
    if request[USER] is None:
        return _sign_in(request, choice, "/tickets" if request[FORM].get("came_from") == "tickets" else "")
    api, seats, showtime_id = ApiClient(request), choice.seats(), path_id(request, "showtime_id")
    path, body = f"/showtimes/{showtime_id}/holds", dict[str, Any](seats=seats)
    if choice.exchange:
        path, body["showtime_id"] = f"/reservations/{choice.exchange}/exchange", showtime_id
    elif choice.add_to:
        path = f"/reservations/{choice.add_to}/seats"
    return await _send(request, api, path, body, choice)


@pages.post(BOOK + "/best")
async def hold_best_seats(request: web.Request) -> web.StreamResponse:
    """Hold the best adjacent seats for a number of people."""
    choice = choice_of(request[FORM])
    if not choice.people:
        return await _map_page(request, choice, best_error=request[LANGUAGE].gettext(NO_QUANTITY))
    if request[USER] is None:
        return _sign_in(request, choice)
    path = f"/showtimes/{path_id(request, 'showtime_id')}/holds"
    return await _send(request, ApiClient(request), path, choice.best_available(), choice)


async def _send(
    request: web.Request, api: ApiClient, path: str, body: dict[str, Any], choice: Choice
) -> web.StreamResponse:
    """Go on to the reservation, or show what was refused, with what can be kept of the choice."""
    language, key = request[LANGUAGE], request[FORM].get("idempotency_key") or None
    showtime_id = path_id(request, "showtime_id")
    try:
        made = (await api.call("POST", path, body=body, headers=_headers(request, showtime_id, key))).json
    except AdmissionRequired:
        forget_admission(request, showtime_id)
        return see_other(f"/book/{showtime_id}?{choice.query()}")
    except SeatsUnavailable as error:
        if choice.people:
            return await _map_page(request, choice, status=409, best_error=language.gettext(NO_BLOCK))
        return await _map_page(request, choice, status=409, lost=error.seat_ids)
    except (Unavailable, NotFound):
        raise
    except DomainError as error:
        status, _code = STATUS_AND_CODE[type(error)]
        if status not in SHOWN_BESIDE_THE_MAP:
            raise
        text, is_best = message_of(language, error), bool(choice.people)
        shown = (None, text) if is_best else (text, None)
        return await _map_page(request, choice, status=status, error=shown[0], best_error=shown[1])
    done = "?done=exchanged" if choice.exchange else "?done=seats_added" if choice.add_to else ""
    return see_other(f"/my/reservations/{made['id']}{done}")


def _headers(request: web.Request, showtime_id: int, key: str | None) -> dict[str, str]:
    given = {"Idempotency-Key": key, "Admission-Token": admission_of(request, showtime_id)}
    return {name: text for name, text in given.items() if text}


async def _map_page(
    request: web.Request,
    choice: Choice,
    *,
    status: int = 200,
    error: str | None = None,
    best_error: str | None = None,
    lost: frozenset[int] = frozenset(),
) -> web.StreamResponse:
    if choice.purpose() and request[USER] is None:
        return _sign_in(request, choice)
    view = await booking_view(request, choice, lost)
    if view.waiting is not None:
        return _waiting_page(request, view)
    if status == HTTPStatus.OK and (error or best_error):
        status = 422
    page = render(request, "booking.html", status=status, view=view, error=error, best_error=best_error)
    if request.headers.get("HX-Target") == "waiting":  # the waiting page asks, and is to be left
        page.headers["HX-Refresh"] = "true"
    return page


def _waiting_page(request: web.Request, view: BookingView) -> web.StreamResponse:
    """The place in the queue; without scripts the page loads itself again if its address says so."""
    once = request.rel_url.without_query_params(RELOAD)
    return render(
        request,
        "waiting.html",
        view=view,
        reloads=RELOAD in request.query,
        once=str(once),
        again=str(once.update_query({RELOAD: "yes"})),
    )


async def _tickets_page(request: web.Request, choice: Choice) -> web.StreamResponse:
    """The ticket types of the chosen seats; the map again if there are none, too many, or one is not available."""
    if choice.purpose() and request[USER] is None:
        return _sign_in(request, choice, "/tickets")
    view = await booking_view(request, choice)
    if view.waiting is not None:
        return _waiting_page(request, view)
    error = _refusal(request, view)
    if error is not None or view.closed or (view.seat_map is not None and view.seat_map.lost):
        return render(request, "booking.html", status=422 if error else 200, view=view, error=error, best_error=None)
    return render(request, "tickets.html", view=view)


def _refusal(request: web.Request, view: BookingView) -> str | None:
    language = request[LANGUAGE]
    if view.seat_map is None:
        return None
    if not view.seat_map.chosen and not view.seat_map.lost:
        return language.gettext(NONE_CHOSEN)
    if len(view.seat_map.chosen) > view.seat_map.most:
        return language.gettext(TOO_MANY) % {"most": view.seat_map.most}
    return None


def _sign_in(request: web.Request, choice: Choice, step: str = "") -> web.Response:
    """Redirect to the sign-in, and from there back here with the choice."""
    after = f"/book/{path_id(request, 'showtime_id')}{step}?{choice.query()}"
    return see_other("/sign-in?" + urlencode({"next": after}, quote_via=quote))
