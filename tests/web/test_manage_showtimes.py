"""Showtimes for administrators: the timeline of a day, the form that shows overlaps, cancel, blocks, copies."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reservation.web.showtimes.timeline import Slot, conflicts_of, timeline_of
from tests.api import Api, Cinema
from tests.web.visitor import Page, Visitor, visitor_of

DAY = (datetime.now(UTC) + timedelta(days=40)).date()
BERLIN = ZoneInfo("Europe/Berlin")


def _slot(slot_id: int | None, begin: str, end: str, *, room: int = 1, cleaning: int = 0, day: date = DAY) -> Slot:
    starts_at, ends_at = (datetime.fromisoformat(f"{day}T{clock}:00+00:00") for clock in (begin, end))
    return Slot(slot_id, room, "A Film", starts_at, ends_at, ends_at + timedelta(minutes=cleaning))


@pytest.mark.parametrize(
    ("begin", "end", "overlapped"),
    [
        ("10:00", "11:00", []),
        ("10:00", "12:00", []),
        ("10:00", "12:01", [1]),
        ("13:00", "13:30", [1]),
        ("14:19", "15:00", [1]),
        ("14:20", "15:00", []),
        ("13:00", "18:30", [1, 2]),
    ],
)
def test_a_slot_overlaps_what_has_its_room_until_it_is_cleaned(begin: str, end: str, overlapped: list[int]) -> None:
    others = [_slot(1, "12:00", "14:00", cleaning=20), _slot(2, "18:00", "20:00"), _slot(3, "10:00", "20:00", room=2)]
    assert [slot.id for slot in conflicts_of(_slot(None, begin, end), others)] == overlapped
    assert conflicts_of(_slot(1, "12:30", "14:30"), others) == []


def test_a_drawing_has_what_lasts_into_the_day_and_grows_with_what_lasts_out_of_it() -> None:
    before = _slot(1, "22:00", "23:59", cleaning=30, day=DAY - timedelta(days=1))
    late = _slot(2, "23:00", "23:59", cleaning=60)
    timeline = timeline_of(DAY, ZoneInfo("UTC"), [{"id": 1, "name": "A"}, {"id": 2, "name": "B"}], [before, late])
    first, second = timeline.rows
    assert [(block.slot.id, round(block.x)) for block in first.blocks] == [(1, 0), (2, 23 * 84)]
    assert second.blocks == []
    assert timeline.hours[0][1].hour == 0
    assert timeline.width > 24 * 84


@pytest.mark.parametrize(("day", "hours"), [(date(2027, 3, 28), 14), (date(2027, 10, 31), 16), (date(2027, 6, 1), 15)])
def test_a_day_of_a_clock_change_is_as_long_as_it_is(day: date, hours: int) -> None:
    assert len(timeline_of(day, BERLIN, [], []).hours) == hours


async def _admin(api: Api) -> Visitor:
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.admin())
    return visitor


async def _cinema(api: Api, hour: int = 12) -> Cinema:
    """A showtime of two hours on DAY, in UTC, which is the time zone of its cinema."""
    house = await api.make("/admin/cinemas", {"name": "A House", "timezone": "UTC"})
    movie_id, (room_id, seat_ids) = await api.movie(), await api.auditorium(cinema_id=house["id"])
    times = {"starts_at": f"{DAY}T{hour:02}:00:00Z", "ends_at": f"{DAY}T{hour + 2:02}:00:00Z"}
    return Cinema(movie_id, room_id, await api.showtime(movie_id, room_id, **times), seat_ids)


def _filled(cinema: Cinema, **fields: str) -> dict[str, str]:
    values = {"movie_id": str(cinema.movie_id), "auditorium_id": str(cinema.auditorium_id), "day": DAY.isoformat()}
    return values | {"time": "18:00", "base_price": "9,50"} | fields


async def _showtimes(api: Api, cinema: Cinema) -> list[Any]:
    path = f"/admin/showtimes?auditorium_id={cinema.auditorium_id}"
    return list((await api.call("GET", path, who=await api.admin())).json["items"])


async def _new(visitor: Visitor, cinema: Cinema, **fields: str) -> Page:
    await visitor.open(f"/manage/showtimes/new?auditorium_id={cinema.auditorium_id}&day={DAY}")
    return await visitor.submit("/manage/showtimes/new", _filled(cinema, **fields))


async def test_a_showtime_is_created_at_the_time_of_its_cinema(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _admin(api)
    house = await api.make("/admin/cinemas", {"name": "Tokyo", "timezone": "Asia/Tokyo"})
    room, _ = await api.auditorium(cinema_id=house["id"])
    fields = {"format": "3D", "audio_language": "en", "sales_end_at": f"{DAY}T18:10", "minutes": "100"}
    page = await _new(visitor, Cinema(cinema.movie_id, room, 0, []), **fields)
    assert page.heading == "Showtimes"
    assert "Created." in page.text
    assert "A Film" in page.text
    [made] = await _showtimes(api, Cinema(cinema.movie_id, room, 0, []))
    assert (made["starts_at"], made["ends_at"]) == (f"{DAY}T09:00:00Z", f"{DAY}T10:40:00Z")
    assert (made["sales_end_at"], made["base_price"], made["format"]) == (f"{DAY}T09:10:00Z", "9.50", "3D")


@pytest.mark.parametrize(("chosen", "wanted"), [("", True), ("no", False), ("yes", True)])
async def test_a_new_showtime_has_the_waiting_room_of_its_film_unless_the_form_says_otherwise(
    api: Api, chosen: str, wanted: bool
) -> None:
    cinema, visitor, admin = await _cinema(api), await _admin(api), await api.admin()
    film = {"title": "A Film", "duration_minutes": 90, "waiting_room": True}
    assert (await api.call("PUT", f"/admin/movies/{cinema.movie_id}", film, who=admin)).status == 200
    await visitor.open(f"/manage/showtimes/new?auditorium_id={cinema.auditorium_id}&day={DAY}")
    assert ("waiting_room", "") in visitor.page.form("/manage/showtimes/new").fields
    assert "Created." in (await visitor.submit("/manage/showtimes/new", _filled(cinema, waiting_room=chosen))).text
    made = (await _showtimes(api, cinema))[-1]
    assert made["waiting_room"] is wanted
    path = f"/manage/showtimes/{made['id']}"
    assert ("waiting_room", "yes" if wanted else "no") in (await visitor.open(path)).form(path).fields
    assert "Saved." in (await visitor.submit(path)).text
    assert (await _showtimes(api, cinema))[-1]["waiting_room"] is wanted


async def test_an_overlap_is_named_before_anything_is_saved(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _admin(api)
    page = await _new(visitor, cinema, time="13:30", step="check")
    assert (page.status, "The room is not free then:" in page.text) == (200, True)
    assert f"/manage/showtimes/{cinema.showtime_id}" in page.links
    assert page.html.count("timeline-conflict") == page.html.count("timeline-marked") == 1
    page = await visitor.submit("/manage/showtimes/new", time="14:00", step="check")
    assert "The room is free:" in page.text
    assert ("base_price", "9,50") in page.form("/manage/showtimes/new").fields
    assert len(await _showtimes(api, cinema)) == 1


async def test_an_overlap_is_refused_and_the_form_is_kept(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _admin(api)
    page = await _new(visitor, cinema, time="11:00", format="IMAX")
    assert (page.status, "Another showtime is in this auditorium at that time." in page.text) == (409, True)
    assert ("format", "IMAX") in page.form("/manage/showtimes/new").fields
    assert len(await _showtimes(api, cinema)) == 1


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("time", "late"),
        ("day", "someday"),
        ("minutes", "-5"),
        ("minutes", "²"),
        ("base_price", "cheap"),
        ("audio_language", "Klingon!"),
        ("on_sale_at", "soon"),
        ("movie_id", ""),
    ],
)
async def test_a_wrong_field_has_its_reason(shared_api: Api, field: str, text: str) -> None:
    cinema, visitor = await _cinema(shared_api), await _admin(shared_api)
    page = await _new(visitor, cinema, **{field: text})
    assert page.status == 422
    assert f'id="error-{"time" if field == "day" else field}"' in page.html
    assert len(await _showtimes(shared_api, cinema)) == 1


async def test_a_showtime_is_moved_and_keeps_its_seconds_where_the_time_is_not_changed(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _admin(api)
    times = {"starts_at": f"{DAY}T20:00:30Z", "ends_at": f"{DAY}T22:00:45Z"}
    odd = await api.showtime(cinema.movie_id, cinema.auditorium_id, **times)
    path = f"/manage/showtimes/{odd}"
    await visitor.open(path)
    page = await visitor.submit(path, base_price="12.00")
    assert "Saved." in page.text
    saved = (await api.call("GET", f"/showtimes/{odd}")).json
    assert (saved["starts_at"], saved["ends_at"], saved["base_price"]) == (*times.values(), "12.00")
    await visitor.open(path)
    await visitor.submit(path, time="16:00", minutes="60")
    saved = (await api.call("GET", f"/showtimes/{odd}")).json
    assert (saved["starts_at"], saved["ends_at"]) == (f"{DAY}T16:00:00Z", f"{DAY}T17:00:00Z")


async def test_a_reserved_showtime_is_moved_by_force_which_names_the_number_of_customers(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _admin(api)
    for place in range(2):
        who = await api.sign_up()
        held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[place : place + 1])
        assert (await api.confirm(who, held.json["id"])).status == 200
    path = f"/manage/showtimes/{cinema.showtime_id}"
    await visitor.open(path)
    page = await visitor.submit(path, time="15:00")
    assert page.status == 409
    assert "2 reservations have seats of this showtime. 2 customers are concerned." in page.text
    assert ("time", "15:00") in page.form(path).fields
    page = await visitor.submit(path, force="yes")
    assert "Saved." in page.text
    assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}")).json["starts_at"] == f"{DAY}T15:00:00Z"


async def test_a_reserved_showtime_does_not_move_to_a_room_without_its_seats(api: Api) -> None:
    cinema, visitor, who = await _cinema(api), await _admin(api), await api.sign_up()
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[-1:])
    assert (await api.confirm(who, held.json["id"])).status == 200
    house = (await api.call("GET", f"/auditoriums/{cinema.auditorium_id}")).json["cinema_id"]
    small, _ = await api.auditorium(rows=1, cinema_id=house, name="Small")
    path = f"/manage/showtimes/{cinema.showtime_id}"
    await visitor.open(path)
    await visitor.submit(path, auditorium_id=str(small))
    page = await visitor.submit(path, force="yes")
    assert (page.status, "The new room lacks seats that are reserved: E10." in page.text) == (409, True)


async def test_what_somebody_else_has_saved_is_not_overwritten_unseen(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _admin(api)
    path = f"/manage/showtimes/{cinema.showtime_id}"
    await visitor.open(path)
    other = {"movie_id": cinema.movie_id, "auditorium_id": cinema.auditorium_id, "base_price": "77.00"}
    other |= {"starts_at": f"{DAY}T12:00:00Z", "ends_at": f"{DAY}T14:00:00Z"}
    await api.call("PUT", f"/admin/showtimes/{cinema.showtime_id}", other, who=await api.admin())
    page = await visitor.submit(path, base_price="8.00")
    assert (page.status, "$77.00" in page.text) == (412, True)
    assert ("base_price", "8.00") in page.form(path).fields
    page = await visitor.submit(path)
    assert "Saved." in page.text


async def test_a_cancel_says_how_many_reservations_it_concerns_and_cancels_them(api: Api) -> None:
    cinema, visitor, who = await _cinema(api), await _admin(api), await api.sign_up()
    assert (await api.hold(who, cinema.showtime_id, cinema.seat_ids[:2])).status == 201
    await visitor.open(f"/manage/showtimes/{cinema.showtime_id}")
    path = f"/manage/showtimes/{cinema.showtime_id}/cancel"
    page = await visitor.open(path)
    assert "1 reservation is cancelled with it. 1 customer is concerned." in page.text
    page = await visitor.submit(path, reason="")
    assert (page.status, 'id="error-reason"' in page.html) == (422, True)
    page = await visitor.submit(path, reason="The projector is broken.")
    assert "1 reservation was cancelled with it." in page.text
    assert "Cancelled" in page.text
    page = await visitor.open(f"/manage/showtimes/{cinema.showtime_id}")
    assert "The projector is broken." in page.text


async def test_seats_are_blocked_and_put_on_sale_again(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _admin(api)
    path = f"/manage/showtimes/{cinema.showtime_id}"
    await visitor.open(f"{path}/blocks")
    page = await visitor.submit(f"{path}/blocks", seats="A1-3", reason="House seats")
    assert page.text.count("House seats") == 3
    page = await visitor.submit(f"{path}/blocks", seats="A3-4", reason="Again")
    assert (page.status, "Not free: A3." in page.text) == (409, True)
    page = await visitor.submit(f"{path}/blocks", seats="Q1", reason="Again")
    assert (page.status, "There is no seat Q1." in page.text) == (422, True)
    page = await visitor.submit(f"{path}/unblock", seat=[str(seat) for seat in cinema.seat_ids[:2]])
    assert page.text.count("House seats") == 1
    statuses = await api.statuses(cinema.showtime_id)
    assert [seat for seat, status in statuses.items() if status == "blocked"] == [cinema.seat_ids[2]]


async def test_a_week_is_copied_and_what_overlaps_is_named(api: Api) -> None:
    cinema, visitor = await _cinema(api), await _admin(api)
    later = DAY + timedelta(days=7)
    times = {"starts_at": f"{DAY}T18:00:00Z", "ends_at": f"{DAY}T20:00:00Z"}
    await api.showtime(cinema.movie_id, cinema.auditorium_id, **times)
    taken = {"starts_at": f"{later}T19:00:00Z", "ends_at": f"{later}T21:00:00Z"}
    other = await api.showtime(cinema.movie_id, cinema.auditorium_id, **taken)
    house = (await api.call("GET", f"/auditoriums/{cinema.auditorium_id}")).json["cinema_id"]
    page = await visitor.open(f"/manage/showtimes/copy?cinema={house}&day={DAY}")
    assert ("to", later.isoformat()) in page.form("/manage/showtimes/copy").fields
    page = await visitor.submit("/manage/showtimes/copy", last=DAY.isoformat())
    assert "1 showtime was copied. 1 was not." in page.text
    assert "Another showtime is in this auditorium at that time." in page.text
    assert f"/manage/showtimes/{other}" in page.links
    starts = [each["starts_at"] for each in await _showtimes(api, cinema)]
    assert f"{later}T12:00:00Z" in starts
    page = await visitor.submit("/manage/showtimes/copy", to=DAY.isoformat())
    assert (page.status, "The copy must begin later than what is copied." in page.text) == (422, True)


async def test_a_day_lists_the_showtimes_by_room_and_links_to_the_days_beside_it(api: Api) -> None:
    cinema, visitor = await _cinema(api, hour=21), await _admin(api)
    house = (await api.call("GET", f"/auditoriums/{cinema.auditorium_id}")).json["cinema_id"]
    page = await visitor.open(f"/manage/showtimes?cinema={house}&day={DAY}")
    assert "9:00 PM – 11:00 PM" in page.text.replace("\u202f", " ")
    assert "50 of 50" in page.text
    [after] = [link for link in page.links if f"day={DAY + timedelta(days=1)}" in link and "new" not in link]
    page = await visitor.open(after)
    assert "No showtime" in page.text


async def test_a_showtime_that_was_never_reserved_is_deleted_and_no_other(api: Api) -> None:
    cinema, visitor, who = await _cinema(api), await _admin(api), await api.sign_up()
    path = f"/manage/showtimes/{cinema.showtime_id}"
    await visitor.open(path)
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])
    page = await visitor.submit(f"{path}/delete")
    assert page.status == 409
    assert (await api.cancel(who, held.json["id"])).status == 200
    fresh = await api.showtime(cinema.movie_id, cinema.auditorium_id)
    path = f"/manage/showtimes/{fresh}"
    await visitor.open(path)
    page = await visitor.submit(f"{path}/delete")
    assert "Deleted." in page.text
    assert (await visitor.open(path)).status == 404


async def test_only_administrators_see_the_programme(api: Api) -> None:
    visitor = await visitor_of(api)
    await visitor.sign_in(await api.staff())
    for path in ("", "/new", "/copy", "/1", "/1/cancel", "/1/blocks"):
        assert (await visitor.open(f"/manage/showtimes{path}")).status == 403
