"""The waiting page of a showtime in a browser without JavaScript."""

import asyncio
import re

import pytest

from tests.api import Api
from tests.waiting.test_room import WAIT_S, room, set_admissions
from tests.web.test_booking import boxes, customer, reached
from tests.web.visitor import Page, Visitor, visitor_of

REFRESH = re.compile(r'<noscript><meta http-equiv="refresh" content="(\d+)"></noscript>')


async def until_admitted(visitor: Visitor, showtime_id: int) -> Page:
    """Load the page again until it shows the map."""
    async with asyncio.timeout(WAIT_S):
        while not boxes(page := await visitor.open(f"/book/{showtime_id}")):
            assert "Your place in the queue" in page.text, page.html
            await asyncio.sleep(0.05)
    return page


async def test_a_customer_waits_and_then_books(api: Api) -> None:
    cinema = await room(api)
    set_admissions(api, running=False)
    people = [await customer(api) for _ in range(3)]
    pages = [await visitor.open(f"/book/{cinema.showtime_id}") for visitor, _ in people]
    assert not any(boxes(page) for page in pages)
    places = [re.search(r"Your place in the queue: (\d+)", page.text) for page in pages]
    assert [place and place[1] for place in places] == ["1", "2", "3"]
    visitor = people[2][0]
    set_admissions(api, running=True)
    await until_admitted(visitor, cinema.showtime_id)
    await visitor.submit(f"/book/{cinema.showtime_id}/tickets", seat_id=[str(cinema.seat_ids[0])])
    assert reached(await visitor.submit(f"/book/{cinema.showtime_id}"))


async def test_the_page_says_when_the_lot_is_drawn(api: Api) -> None:
    cinema, (visitor, _) = await room(api, on_sale_in_s=3600), await customer(api)
    page = await visitor.open(f"/book/{cinema.showtime_id}")
    assert "The sale begins" in page.text
    assert "1 customer waits." in page.text
    visitor.headers["Accept-Language"] = "de"
    assert "entscheidet das Los" in (await visitor.open(f"/book/{cinema.showtime_id}")).text


async def test_the_page_loads_itself_again_without_scripts_for_those_who_want_it(api: Api) -> None:
    """Its address keeps what was chosen before."""
    cinema, (visitor, _) = await room(api), await customer(api)
    set_admissions(api, running=False)
    own = f"/book/{cinema.showtime_id}?seat_id={cinema.seat_ids[0]}"
    page = await visitor.open(own)
    assert not REFRESH.search(page.html)
    assert {own, f"{own}&reload=yes"} <= set(page.links)
    page = await visitor.open(f"{own}&reload=yes")
    assert 1 <= int(REFRESH.findall(page.html)[0]) <= 30
    assert "Do not look again automatically" in page.text
    assert own in page.links


async def test_a_visitor_is_asked_to_sign_in_and_then_gets_a_place(api: Api) -> None:
    cinema, person = await room(api), await api.sign_up()
    visitor = await visitor_of(api)
    page = await visitor.open(f"/book/{cinema.showtime_id}")
    assert f"/sign-in?next=/book/{cinema.showtime_id}" in page.html
    await visitor.open(f"/sign-in?next=/book/{cinema.showtime_id}")
    page = await visitor.submit("/sign-in", email=person.email, password=person.password)
    assert "Your place in the queue: 1" in page.text


async def test_a_script_is_told_to_load_the_page_once_the_customer_is_admitted(api: Api) -> None:
    cinema, (visitor, _) = await room(api), await customer(api)
    visitor.headers["HX-Target"] = "waiting"
    assert "HX-Refresh" not in (await visitor.open(f"/book/{cinema.showtime_id}")).headers
    assert (await until_admitted(visitor, cinema.showtime_id)).headers["HX-Refresh"] == "true"


@pytest.mark.parametrize("who", ["other user", "no user"])
async def test_an_admission_of_another_user_of_the_browser_is_no_admission(api: Api, who: str) -> None:
    """The hold is refused, and leads to the waiting room; the queue ticket of the other is not taken either."""
    cinema, (visitor, _), other = await room(api), await customer(api), await api.sign_up()
    await until_admitted(visitor, cinema.showtime_id)
    set_admissions(api, running=False)
    await visitor.submit("/sign-out")
    if who == "other user":
        await visitor.sign_in(other)
        await visitor.open(f"/book/{cinema.showtime_id}")
        await visitor.submit(f"/book/{cinema.showtime_id}/tickets", seat_id=[str(cinema.seat_ids[0])])
        page = await visitor.submit(f"/book/{cinema.showtime_id}")
        assert "Your place in the queue" in page.text
        set_admissions(api, running=True)
        assert boxes(await until_admitted(visitor, cinema.showtime_id))
    else:
        assert boxes(await visitor.open(f"/book/{cinema.showtime_id}"))  # may look, and has to sign in to hold


async def test_staff_do_not_wait(api: Api) -> None:
    cinema, staff, visitor = await room(api), await api.staff(), await visitor_of(api)
    await visitor.sign_in(staff)
    assert boxes(await visitor.open(f"/book/{cinema.showtime_id}"))
