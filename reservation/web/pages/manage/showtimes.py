"""Showtimes on the timeline of a day, and their form, which shows overlaps before anything is saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web

from ....errors import DomainError, HasReservations, InUse, NotFound, PreconditionFailed
from ....http.output.problems import STATUS_AND_CODE
from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...cinemas import cinema_or_first
from ...forms import FormState, number_of, optional, refused_form, text_of
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM, LANGUAGE
from ...showtimes.days import ProgrammeDay, cinemas_and_rooms, cleaning_s, day_of, programme_day
from ...showtimes.form import FIELDS, RENAMED, SentShowtime, rooms_by_cinema, sent_showtime, shown_showtime
from ...showtimes.reserved import reserved_of
from ...showtimes.timeline import Slot, slot_of
from ...texts.languages import local_time
from ...texts.marking import mark as _

pages = PageTable(Access.ADMIN, lane=Lane.LIST)

LIST = "/manage/showtimes"
ONE = LIST + r"/{showtime_id:\d+}"
MOST_FILMS = 2000
SEATS_MISSING = _("The new room lacks seats that are reserved: %(seats)s. Exchange them first.")


@dataclass(frozen=True, slots=True)
class Choices:
    """What a showtime can be made of."""

    cinemas: Sequence[dict[str, Any]]
    rooms: Sequence[dict[str, Any]]
    films: Sequence[dict[str, Any]]

    def cinema_of(self, room_id: Any) -> dict[str, Any]:
        """The cinema of a room; the first one for a room that there is not."""
        of_room = {room["id"]: room["cinema_id"] for room in self.rooms}
        found = [each for each in self.cinemas if each["id"] == of_room.get(room_id)]
        return found[0] if found else self.cinemas[0]


@pages.get(LIST)
async def show_day(request: web.Request) -> web.StreamResponse:
    """A day of a cinema: today at the first one, if the query says nothing else."""
    cinemas, rooms = await cinemas_and_rooms(ApiClient(request))
    cinema = cinema_or_first(cinemas, request.query.get("cinema"))
    if cinema is None:
        return render(request, "manage/showtimes.html", programme=None)
    day = day_of(request.query.get("day", ""), cinema["timezone"])
    programme = await programme_day(request, cinema, rooms, day)
    return render(
        request,
        "manage/showtimes.html",
        programme=programme,
        timeline=programme.drawn(),
        cinemas=cinemas,
        yesterday=day - timedelta(days=1),
        tomorrow=day + timedelta(days=1),
        cancelled=request.query.get("cancelled", ""),
    )


@pages.get(f"{LIST}/new")
async def new_showtime(request: web.Request) -> web.StreamResponse:
    """The empty form; the query can name the room, the day, and the time."""
    choices = await _choices(request)
    if not choices.rooms or not choices.films:
        return render(request, "manage/showtime.html", choices=choices, programme=None)
    values: dict[str, Any] = dict.fromkeys(FIELDS, "")
    values |= {name: text for name, text in request.query.items() if name in FIELDS}
    room_id = number_of(values["auditorium_id"]) or choices.rooms[0]["id"]
    day = day_of(values["day"], choices.cinema_of(room_id)["timezone"])
    values |= {"day": day.isoformat(), "auditorium_id": room_id}
    return await _form_page(request, choices, FormState(values))


@pages.post(f"{LIST}/new")
async def create_showtime(request: web.Request) -> web.StreamResponse:
    """Check or create it: `step` is check, or anything else."""
    choices = await _choices(request)
    sent = _sent(request, choices)
    if text_of(request, "step") == "check" or sent.errors or sent.slot is None:
        return await _checked_page(request, choices, sent)
    try:
        made = await ApiClient(request).post("/admin/showtimes", sent.body)
    except DomainError as error:
        return await _refused_page(request, choices, sent, error)
    return _back_to_day(made, choices, "created")


@pages.get(ONE)
async def edit_showtime(request: web.Request) -> web.StreamResponse:
    """The form with what is stored."""
    choices, (showtime, etag) = await _choices(request), await _stored(request)
    zone = choices.cinema_of(showtime["auditorium_id"])["timezone"]
    slot = slot_of(showtime, cleaning_s(request))
    return await _form_page(request, choices, FormState(shown_showtime(showtime, zone)), slot, showtime, etag)


@pages.post(ONE)
async def replace_showtime(request: web.Request) -> web.StreamResponse:
    """Check or save it, with `force` although it is reserved."""
    choices, (showtime, _etag) = await _choices(request), await _stored(request)
    sent, etag = _sent(request, choices, showtime), text_of(request, "etag")
    if text_of(request, "step") == "check" or sent.errors or sent.slot is None:
        return await _checked_page(request, choices, sent, showtime, etag)
    force = {"force": "true"} if "force" in request[FORM] else None
    headers = {"If-Match": etag} if etag else {}
    path = f"/admin/showtimes/{showtime['id']}"
    try:
        saved = await ApiClient(request).call("PUT", path, query=force, body=sent.body, headers=headers)
    except DomainError as error:
        return await _refused_page(request, choices, sent, error, showtime, etag)
    return _back_to_day(saved.json, choices, "saved")


@pages.post(f"{ONE}/delete")
async def delete_showtime(request: web.Request) -> web.StreamResponse:
    """Delete a showtime that was never reserved."""
    choices, (showtime, etag) = await _choices(request), await _stored(request)
    zone = choices.cinema_of(showtime["auditorium_id"])["timezone"]
    try:
        path = f"/admin/showtimes/{showtime['id']}"
        await ApiClient(request).delete(path, etag=text_of(request, "etag") or None)
    except (InUse, PreconditionFailed) as error:
        state = FormState(shown_showtime(showtime, zone), error=refused_form(request, error).error)
        slot, status = slot_of(showtime, cleaning_s(request)), STATUS_AND_CODE[type(error)][0]
        return await _form_page(request, choices, state, slot, showtime, etag, status=status)
    return _back_to_day(showtime, choices, "deleted")


async def _choices(request: web.Request) -> Choices:
    api = ApiClient(request)
    cinemas, rooms = await cinemas_and_rooms(api)
    chosen = optional(request, "movie_id", int) if FORM in request else None
    if "HX-Request" in request.headers and isinstance(chosen, int):  # the script takes the drawing alone
        found = await api.get(f"/admin/movies/{chosen}")
        return Choices(cinemas, rooms, [found])
    films = await api.every("/admin/movies", most=MOST_FILMS)
    return Choices(cinemas, rooms, sorted(films, key=lambda film: film["title"].casefold()))


async def _stored(request: web.Request) -> tuple[dict[str, Any], str]:
    answer = await ApiClient(request).call("GET", f"/admin/showtimes/{request.match_info['showtime_id']}")
    return answer.json, answer.etag or ""


def _sent(request: web.Request, choices: Choices, showtime: Mapping[str, Any] | None = None) -> SentShowtime:
    """The form; a start and a length that it did not change stay as they are stored, to the second."""
    timezone = choices.cinema_of(optional(request, "auditorium_id", int))["timezone"]
    sent = sent_showtime(
        request,
        {film["id"]: film for film in choices.films},
        {room["id"]: room for room in choices.rooms},
        ZoneInfo(timezone),
        cleaning_s=cleaning_s(request),
        showtime_id=None if showtime is None else showtime["id"],
    )
    if showtime is not None and sent.slot is not None:
        shown = shown_showtime(showtime, timezone)
        if all(str(shown[name]) == text_of(request, name) for name in ("day", "time", "minutes")):
            sent.body.update({name: showtime[name] for name in ("starts_at", "ends_at")})
    return sent


async def _checked_page(
    request: web.Request,
    choices: Choices,
    sent: SentShowtime,
    showtime: Mapping[str, Any] | None = None,
    etag: str = "",
) -> web.StreamResponse:
    """The form as it was sent, with its slot in the day, and nothing saved."""
    state = FormState(dict(request[FORM].items()), sent.errors)
    status = 200 if text_of(request, "step") == "check" else 422
    return await _form_page(request, choices, state, sent.slot, showtime, etag, status=status)


async def _refused_page(
    request: web.Request,
    choices: Choices,
    sent: SentShowtime,
    error: DomainError,
    showtime: Mapping[str, Any] | None = None,
    etag: str = "",
) -> web.StreamResponse:
    """The form with the reason; for a reserved showtime, with how many customers are concerned and the way to force."""
    if isinstance(error, NotFound):
        raise error
    state, more = refused_form(request, error, RENAMED), dict[str, Any]()
    if isinstance(error, HasReservations) and showtime is not None:
        seats: Any = error.details.get("seats")
        if seats:
            names = ", ".join(f"{seat['row_label']}{seat['seat_number']}" for seat in seats)
            state.error = request[LANGUAGE].gettext(SEATS_MISSING) % {"seats": names}
        else:
            more["reserved"] = await reserved_of(ApiClient(request), showtime["id"])
    if isinstance(error, PreconditionFailed) and showtime is not None:
        stored, etag = await _stored(request)
        more["stored"] = stored
    status = STATUS_AND_CODE[type(error)][0]
    return await _form_page(request, choices, state, sent.slot, showtime, etag, status=status, **more)


async def _form_page(
    request: web.Request,
    choices: Choices,
    form: FormState,
    slot: Slot | None = None,
    showtime: Mapping[str, Any] | None = None,
    etag: str = "",
    *,
    status: int = 200,
    reserved: Any = None,
    stored: Mapping[str, Any] | None = None,
) -> web.StreamResponse:
    cinema = choices.cinema_of(number_of(str(form["auditorium_id"])))
    day = day_of(str(form["day"]), cinema["timezone"])
    programme: ProgrammeDay = await programme_day(request, cinema, choices.rooms, day)
    is_scheduled = showtime is None or showtime["status"] == "scheduled"
    return render(
        request,
        "manage/showtime.html",
        status=status,
        form=form,
        choices=choices,
        room_groups=rooms_by_cinema(choices.cinemas, choices.rooms),
        programme=programme,
        timeline=programme.drawn(slot if is_scheduled else None),
        conflicts=programme.conflicts(slot) if slot is not None and is_scheduled else [],
        slot=slot,
        showtime=showtime,
        stored=stored,
        reserved=reserved,
        etag=etag,
        action=f"{LIST}/new" if showtime is None else f"{LIST}/{showtime['id']}",
    )


def _back_to_day(showtime: Mapping[str, Any], choices: Choices, done: str) -> web.Response:
    cinema = choices.cinema_of(showtime["auditorium_id"])
    day = local_time(showtime["starts_at"], cinema["timezone"]).date()
    return see_other(f"{LIST}?" + urlencode({"cinema": cinema["id"], "day": day.isoformat(), "done": done}))
