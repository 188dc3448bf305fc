"""The form of a showtime: local dates and times of its cinema on the page, instants in the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from ..dates import date_of, is_near
from ..forms import number_of, optional, text_of
from ..request_keys import LANGUAGE
from ..texts.languages import local_time
from ..texts.marking import mark as _
from .timeline import Slot

NOT_A_TIME = _("Choose a date and a time.")
NOT_MINUTES = _("Type a number of minutes.")
CHOOSE_ROOM = _("Choose a room.")
CHOOSE_FILM = _("Choose a film.")
TEXTS = ("format", "audio_language", "subtitle_language")
FIELDS = (
    *("movie_id", "auditorium_id", "day", "time", "minutes", "base_price", *TEXTS),
    *("on_sale_at", "sales_end_at", "waiting_room"),
)
# Members of the API's body, and the fields of the form that they come from.
RENAMED = {"starts_at": "time", "ends_at": "minutes"}
LONGEST_MIN = 24 * 60


@dataclass(frozen=True, slots=True)
class SentShowtime:
    """A form that was sent: the API's body, what is wrong with it already, and its slot if it has one."""

    body: dict[str, Any]
    errors: dict[str, str]
    slot: Slot | None


def sent_showtime(
    request: web.Request,
    films: Mapping[int, Any],
    rooms: Mapping[int, Any],
    zone: ZoneInfo,
    *,
    cleaning_s: int,
    showtime_id: int | None = None,
) -> SentShowtime:
    """Read the form; the time zone is that of the room's cinema."""
    language, errors = request[LANGUAGE], dict[str, str]()
    film = films.get(optional(request, "movie_id", int))
    room = rooms.get(optional(request, "auditorium_id", int))
    starts_at, minutes = _start(request, zone), _minutes(request, film)
    for name, value, message in (
        ("movie_id", film, CHOOSE_FILM),
        ("auditorium_id", room, CHOOSE_ROOM),
        ("time", starts_at, NOT_A_TIME),
        ("minutes", minutes, NOT_MINUTES),
    ):
        if value is None and (name != "minutes" or film is not None):
            errors[name] = language.gettext(message)
    body: dict[str, Any] = {name: optional(request, name) for name in TEXTS}
    body["base_price"] = text_of(request, "base_price").replace(",", ".")
    for name in ("on_sale_at", "sales_end_at"):
        body[name] = instant_of(text_of(request, name), zone.key)
        if body[name] is None and text_of(request, name):
            errors[name] = language.gettext(NOT_A_TIME)
    body["waiting_room"] = {"yes": True, "no": False}.get(text_of(request, "waiting_room"))
    if film is None or room is None or starts_at is None or minutes is None:
        return SentShowtime(body, errors, None)
    ends_at = starts_at + timedelta(minutes=minutes)
    body |= {"movie_id": film["id"], "auditorium_id": room["id"]}
    body |= {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}
    free_at = ends_at + timedelta(seconds=cleaning_s)
    return SentShowtime(body, errors, Slot(showtime_id, room["id"], film["title"], starts_at, ends_at, free_at))


def shown_showtime(showtime: Mapping[str, Any], timezone: str) -> dict[str, Any]:
    """The form's values of a showtime of the API."""
    starts_at, ends_at = (local_time(showtime[name], timezone) for name in ("starts_at", "ends_at"))
    values = {name: showtime[name] for name in ("movie_id", "auditorium_id", "base_price", *TEXTS)}
    values |= {"day": starts_at.date().isoformat(), "time": f"{starts_at:%H:%M}"}
    values["minutes"] = (ends_at.astimezone(UTC) - starts_at.astimezone(UTC)) // timedelta(minutes=1)
    for name in ("on_sale_at", "sales_end_at"):
        values[name] = showtime[name] and f"{local_time(showtime[name], timezone):%Y-%m-%dT%H:%M}"
    values["waiting_room"] = "yes" if showtime["waiting_room"] else "no"
    return values


def rooms_by_cinema(cinemas: Sequence[Mapping[str, Any]], rooms: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    """The cinemas that have rooms, each with its rooms."""
    found = [(cinema, [room for room in rooms if room["cinema_id"] == cinema["id"]]) for cinema in cinemas]
    return [(cinema, own) for cinema, own in found if own]


def _start(request: web.Request, zone: ZoneInfo) -> datetime | None:
    day = date_of(text_of(request, "day"))
    try:
        clock = time.fromisoformat(text_of(request, "time"))
    except ValueError:
        return None
    return None if day is None or clock.tzinfo else datetime.combine(day, clock, zone).astimezone(UTC)


def _minutes(request: web.Request, film: Any) -> int | None:
    """How long it is: as long as the film, if the field is empty."""
    text = text_of(request, "minutes")
    if not text:
        return None if film is None else int(film["duration_minutes"])
    number = number_of(text)
    return number if number is not None and 0 < number <= LONGEST_MIN else None


def instant_of(text: str, timezone: str) -> str | None:
    """A local date and time as the API takes it; None for anything else."""
    zone = ZoneInfo(timezone)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not is_near(moment.date()):
        return None
    return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC).isoformat()
