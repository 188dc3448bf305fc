"""What is done to a showtime on sale: cancel it, block its seats; and copies of whole days."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from ....errors import DomainError, NotFound, SeatsUnavailable
from ....http.output.problems import STATUS_AND_CODE
from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...cinemas import cinema_or_first
from ...dates import date_of
from ...forms import FormState, numbers_of, optional, refused_form, text_of
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM, LANGUAGE
from ...seat_map.names import UnknownSeat, names_of_ids, seats_of
from ...showtimes.days import cinemas_and_rooms, day_of
from ...showtimes.reserved import reserved_of
from ...texts.languages import local_time
from ...texts.marking import mark as _
from ...texts.messages import message_of_code

pages = PageTable(Access.ADMIN, lane=Lane.LIST)

LIST = "/manage/showtimes"
ONE = LIST + r"/{showtime_id:\d+}"
MOST_BLOCKS = 2000
UNKNOWN_SEAT = _("There is no seat %(seat)s. Type seats as F7-9, G1.")
NOT_FREE = _("Not free: %(seats)s.")
NOT_A_DAY = _("Choose a day.")
NOT_LATER = _("The copy must begin later than what is copied.")


@pages.get(f"{ONE}/cancel")
async def confirm_cancel(request: web.Request) -> web.StreamResponse:
    """Ask for the reason, and say how many reservations are cancelled with it."""
    return await _cancel_page(request, FormState())


@pages.post(f"{ONE}/cancel")
async def cancel_showtime(request: web.Request) -> web.StreamResponse:
    """Cancel it with its reservations."""
    path = f"/admin/showtimes/{request.match_info['showtime_id']}/cancel"
    try:
        done = await ApiClient(request).post(path, {"reason": request[FORM].get("reason", "")})
    except NotFound:
        raise
    except DomainError as error:
        return await _cancel_page(request, refused_form(request, error), status=STATUS_AND_CODE[type(error)][0])
    cinema = await ApiClient(request).get(f"/cinemas/{done['cinema_id']}")
    day = local_time(done["starts_at"], cinema["timezone"]).date().isoformat()
    query = {"cinema": cinema["id"], "day": day, "cancelled": done["cancelled_reservations"]}
    return see_other(f"{LIST}?{urlencode(query)}")


@pages.get(f"{ONE}/blocks")
async def show_blocks(request: web.Request) -> web.StreamResponse:
    """The blocked seats, and the forms to block and unblock."""
    return await _blocks_page(request, FormState())


@pages.post(f"{ONE}/blocks")
async def block_seats(request: web.Request) -> web.StreamResponse:
    """Block the seats that were typed."""
    api, showtime_id = ApiClient(request), request.match_info["showtime_id"]
    seats = (await api.get(f"/showtimes/{showtime_id}/seats"))["seats"]
    language, state = request[LANGUAGE], FormState(dict(request[FORM].items()))
    try:
        seat_ids = [seat["id"] for seat in seats_of(text_of(request, "seats"), seats)]
    except UnknownSeat as unknown:
        state.errors["seats"] = language.gettext(UNKNOWN_SEAT) % {"seat": unknown}
        return await _blocks_page(request, state, status=422)
    body = {"seat_ids": seat_ids, "reason": request[FORM].get("reason", "")}
    try:
        await api.post(f"/admin/showtimes/{showtime_id}/blocks", body)
    except NotFound:
        raise
    except DomainError as error:
        state = refused_form(request, error, {"seat_ids": "seats"})
        if isinstance(error, SeatsUnavailable):
            state.errors["seats"] = language.gettext(NOT_FREE) % {"seats": names_of_ids(seats, error.seat_ids)}
            state.error = None
        return await _blocks_page(request, state, status=STATUS_AND_CODE[type(error)][0])
    return see_other(f"{LIST}/{showtime_id}/blocks?done=saved")


@pages.post(f"{ONE}/unblock")
async def unblock_seats(request: web.Request) -> web.StreamResponse:
    """Put the ticked seats on sale again."""
    showtime_id = request.match_info["showtime_id"]
    ticked = numbers_of(request[FORM].getall("seat", []))
    if ticked:
        try:
            await ApiClient(request).delete(f"/admin/showtimes/{showtime_id}/blocks", body={"seat_ids": ticked})
        except NotFound:
            raise
        except DomainError as error:
            return await _blocks_page(request, refused_form(request, error), status=STATUS_AND_CODE[type(error)][0])
    return see_other(f"{LIST}/{showtime_id}/blocks?done=saved")


@pages.get(f"{LIST}/copy")
async def copy_form(request: web.Request) -> web.StreamResponse:
    """The form of a copy: a day or a week of the cinema and day of the query, to a week later."""
    cinemas, _rooms = await cinemas_and_rooms(ApiClient(request))
    cinema = cinema_or_first(cinemas, request.query.get("cinema"))
    first = day_of(request.query.get("day", ""), cinema["timezone"] if cinema else "UTC")
    last = first + timedelta(days=6)
    values = {"cinema_id": cinema and cinema["id"], "first": first, "last": last, "to": first + timedelta(days=7)}
    return render(request, "manage/showtimes_copy.html", form=FormState(values), cinemas=cinemas, copied=None)


@pages.post(f"{LIST}/copy")
async def copy_showtimes(request: web.Request) -> web.StreamResponse:
    """Copy them, and list what was copied and what was not; a second time, all of it overlaps the first copy."""
    api, language = ApiClient(request), request[LANGUAGE]
    cinemas, _rooms = await cinemas_and_rooms(api)
    days = {name: date_of(text_of(request, name)) for name in ("first", "last", "to")}
    state = FormState(dict(request[FORM].items()))
    state.errors |= {name: language.gettext(NOT_A_DAY) for name, day in days.items() if day is None}
    first, last, to = days["first"], days["last"], days["to"]
    if first is not None and to is not None and to <= first:
        state.errors["to"] = language.gettext(NOT_LATER)
    if state.errors or first is None or last is None or to is None:
        return render(request, "manage/showtimes_copy.html", status=422, form=state, cinemas=cinemas, copied=None)
    body: dict[str, Any] = {"cinema_id": optional(request, "cinema_id", int), "shift_days": (to - first).days}
    body |= {"from": first.isoformat(), "to": last.isoformat()}
    try:
        copied = await api.post("/admin/showtimes/copy", body)
    except DomainError as error:
        state = refused_form(request, error, {"from": "first", "to": "last", "shift_days": "to"})
        status = STATUS_AND_CODE[type(error)][0]
        return render(request, "manage/showtimes_copy.html", status=status, form=state, cinemas=cinemas, copied=None)
    return await _copied_page(request, copied, cinemas, body, to)


async def _copied_page(
    request: web.Request, copied: dict[str, Any], cinemas: list[dict[str, Any]], body: dict[str, Any], to: date
) -> web.StreamResponse:
    """The result for each showtime of a copy; those that failed are read again for their titles."""
    api, language = ApiClient(request), request[LANGUAGE]
    failed = [each for each in copied["results"] if each["status"] == "failed"]
    for each in failed:
        each["original"] = await api.get(f"/admin/showtimes/{each['copied_from']}")
        code = each["error"]["code"]
        each["reason"] = message_of_code(language, 409 if code == "showtime_overlap" else 422, code)
    return render(
        request,
        "manage/showtimes_copy.html",
        form=FormState(dict(request[FORM].items())),
        cinemas=cinemas,
        cinema=next(each for each in cinemas if each["id"] == body["cinema_id"]),
        copied=copied,
        made=[each["showtime"] for each in copied["results"] if each["status"] == "created"],
        failed=failed,
        first_copy=to,
    )


async def _cancel_page(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    api = ApiClient(request)
    showtime = await api.get(f"/admin/showtimes/{request.match_info['showtime_id']}")
    cinema = await api.get(f"/cinemas/{showtime['cinema_id']}")
    reserved = await reserved_of(api, showtime["id"])
    return render(
        request,
        "manage/showtime_cancel.html",
        status=status,
        form=form,
        showtime=showtime,
        timezone=cinema["timezone"],
        reserved=reserved,
    )


async def _blocks_page(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    api = ApiClient(request)
    showtime = await api.get(f"/admin/showtimes/{request.match_info['showtime_id']}")
    cinema = await api.get(f"/cinemas/{showtime['cinema_id']}")
    blocked = await api.every(f"/admin/showtimes/{showtime['id']}/blocks", most=MOST_BLOCKS)
    return render(
        request,
        "manage/showtime_blocks.html",
        status=status,
        form=form,
        showtime=showtime,
        timezone=cinema["timezone"],
        blocked=blocked,
    )
