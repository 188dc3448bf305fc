"""The door's pages without JavaScript: choose the showtime, type a code; and what the page's script sends."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from reservation.runtime.locale_formats import LocaleFormats
from tests.api import Api, Cinema, slot
from tests.tickets.sold import sell, tickets
from tests.web.visitor import Visitor, visitor_of


async def at_the_door(api: Api, count: int = 2) -> tuple[Visitor, Cinema, list[dict[str, Any]]]:
    """Staff at the door of a showtime in an hour, for which so many seats are sold."""
    cinema, person, visitor = await api.cinema(**slot(1)), await api.sign_up(), await visitor_of(api)
    made = await tickets(api, person, await sell(api, person, cinema.showtime_id, cinema.seat_ids[:count]))
    await visitor.sign_in(await api.staff())
    return visitor, cinema, made


async def scanned(visitor: Visitor, path: str, **fields: str) -> Any:
    """What the page's script gets for a scan."""
    tokens = [text for form in visitor.page.forms for name, text in form.fields if name == "form_token"]
    headers = {"Cookie": visitor.cookie_header(), "Origin": str(visitor.origin)}
    data = fields | {"form_token": tokens[0]}
    async with visitor.client.post(f"{path}/scans", data=data, headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_staff_choose_the_showtime_and_type_a_code(api: Api) -> None:
    visitor, cinema, [first, second] = await at_the_door(api)
    address = f"/door/{cinema.showtime_id}"
    await visitor.open("/door")
    assert address in visitor.page.links

    await visitor.open(address)
    page = await visitor.submit(address, code=f"{first['code'][:5]}-{first['code'][5:].lower()}")

    assert page.status == 200
    assert "✓ Come in Row A, seat 1" in page.text
    assert "1 of 2" in page.text
    page = await visitor.submit(address, code=first["qr_payload"])
    assert page.status == 409
    assert "✕ Checked in before At " in page.text
    page = await visitor.submit(address, code=second["qr_payload"])
    assert "Come in Row A, seat 2" in page.text
    assert "2 of 2" in page.text


async def test_showtimes_about_now_are_listed_with_their_days(api: Api) -> None:
    visitor, cinema, _ = await at_the_door(api)
    soon = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(19))
    later = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(22))
    page = await visitor.open("/door")
    assert [f"/door/{each}" in page.links for each in (cinema.showtime_id, soon, later)] == [True, True, False]
    zone = ZoneInfo((await api.call("GET", "/cinemas")).json["items"][0]["timezone"])
    day = datetime.fromisoformat(slot(19)["starts_at"]).astimezone(zone).date()
    assert LocaleFormats(Locale("en")).short_day(day) in page.text
    assert "began in the last 4 hours" in page.text


@pytest.mark.parametrize(
    ("code", "status", "heading"),
    [("0123456789", 404, "Unknown ticket"), ("ABCD2345", 422, "No ticket of this cinema")],
)
async def test_an_unknown_code_and_no_code_are_refused_in_words(api: Api, code: str, status: int, heading: str) -> None:
    visitor, cinema, _ = await at_the_door(api)
    await visitor.open(f"/door/{cinema.showtime_id}")
    page = await visitor.submit(f"/door/{cinema.showtime_id}", code=code)
    assert page.status == status
    assert f"✕ {heading}" in page.text


async def test_tickets_of_another_showtime_and_cancelled_ones_are_refused(api: Api) -> None:
    visitor, cinema, [first, second] = await at_the_door(api)
    other = await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(8))
    await visitor.open(f"/door/{other}")
    page = await visitor.submit(f"/door/{other}", code=first["code"])
    assert (page.status, "✕ Another showtime A Film, " in page.text) == (409, True)

    path = f"/admin/showtimes/{cinema.showtime_id}/cancel"
    await api.call("POST", path, {"reason": "Flooded"}, who=await api.admin())
    await visitor.open(f"/door/{cinema.showtime_id}")
    page = await visitor.submit(f"/door/{cinema.showtime_id}", code=second["code"])
    assert (page.status, "✕ Not valid any more" in page.text) == (409, True)


async def test_a_scan_that_is_sent_again_with_its_key_has_the_first_result(api: Api) -> None:
    visitor, cinema, [first, _] = await at_the_door(api)
    address = f"/door/{cinema.showtime_id}"
    await visitor.open(address)
    fields = {"code": first["qr_payload"], "key": "scan-1", "checked_in_at": slot(-0.1)["starts_at"]}

    once = await scanned(visitor, address, **fields)
    again = await scanned(visitor, address, **fields)
    other = await scanned(visitor, address, code=first["qr_payload"], key="scan-2")

    assert once == again
    assert (once["outcome"], once["heading"], once["detail"]) == ("ok", "Come in", "Row A, seat 1, standard")
    assert once["count"] == {"checked_in": 1, "sold": 2}
    assert (other["outcome"], other["status"]) == ("already_checked_in", 409)


async def test_the_door_is_for_staff_and_speaks_german(api: Api) -> None:
    visitor, cinema, _ = await at_the_door(api)
    customer = await visitor_of(api)
    await customer.sign_in(await api.sign_up())
    for path in ("/door", f"/door/{cinema.showtime_id}"):
        assert (await customer.open(path)).status == 403
    visitor.headers["Accept-Language"] = "de"
    assert (await visitor.open("/door")).heading == "Einlass"
    assert "Code der Karte" in (await visitor.open(f"/door/{cinema.showtime_id}")).text
    assert (await visitor.open("/door/999999")).status == 404
