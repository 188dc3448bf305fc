"""What only a browser shows of a reservation: the countdown, the print, and that everybody can use its pages."""

import re
from dataclasses import replace
from itertools import count

from playwright.async_api import Page, expect

from tests.api import Api, Cinema, Person
from tests.browser.chromium import PHONE
from tests.browser.complaints import violations
from tests.browser.conftest import NewPage
from tests.browser.people import sign_in

_rooms = count(1)


async def room_of(api: Api) -> Cinema:
    """A film in a new room of one of the demo's cinemas, tomorrow."""
    cinema_id = (await api.call("GET", "/cinemas")).json["items"][0]["id"]
    movie_id = await api.movie()
    name = f"Room of reservations {next(_rooms)}"
    auditorium_id, seat_ids = await api.auditorium(2, 5, name=name, cinema_id=cinema_id)
    return Cinema(movie_id, auditorium_id, await api.showtime(movie_id, auditorium_id), seat_ids)


async def held(api: Api, person: Person, cinema: Cinema, *seats: int) -> str:
    """Hold seats, by their places in the room; gives the address of the reservation's page."""
    made = await api.hold(person, cinema.showtime_id, [cinema.seat_ids[each] for each in seats])
    assert made.status == 201, made.text
    return f"/my/reservations/{made.json['id']}"


async def sold(api: Api, person: Person, cinema: Cinema, *seats: int) -> str:
    """Hold and confirm seats; gives the address of the reservation's page."""
    address = await held(api, person, cinema, *seats)
    assert (await api.confirm(person, address.rpartition("/")[2])).status == 200
    return address


async def test_the_time_of_a_hold_is_shown_spoken_and_ends(api: Api, page: Page) -> None:
    person, cinema = await api.sign_up(), await room_of(api)
    address = await held(api, person, cinema, 0, 1)
    await page.clock.install()
    await sign_in(page, person)
    await page.goto(address)
    await expect(page.get_by_text("Time left to confirm")).to_be_visible()
    await expect(page.get_by_role("timer", name="Time left to confirm")).to_have_text(
        re.compile(r"^(10:00|9:[0-5]\d)$")
    )
    spoken = page.locator("[data-spoken]")
    await expect(spoken).to_have_text("")
    for wait_s, said in ((301, "5 minutes"), (180, "2 minutes"), (60, "1 minute"), (30, "30 seconds")):
        await page.clock.run_for(wait_s * 1000)
        await expect(spoken).to_have_text(f"{said} left to confirm.")
    await page.get_by_role("button", name="Book for $20.00").focus()
    await page.clock.run_for(31_000)
    await expect(spoken).to_have_text("The time to confirm is over.")
    await expect(page.get_by_role("heading", name="The time to confirm is over")).to_be_focused()
    await expect(page.get_by_role("button", name="Book for $20.00")).to_be_hidden()
    await expect(page.get_by_role("timer")).to_be_hidden()
    await expect(page.locator(".state")).to_have_text("Expired")
    # For the service the time is not over.
    await page.get_by_role("button", name="Book them if they are still free").click()
    await expect(page.get_by_role("status")).to_have_text("Thank you: the seats are yours.")


async def test_a_hold_is_confirmed_and_cancelled_without_javascript(api: Api, new_page: NewPage) -> None:
    person, cinema = await api.sign_up(), await room_of(api)
    address = await held(api, person, cinema, 0, 1)
    page = await new_page(replace(PHONE, javascript=False))
    await sign_in(page, person)
    await page.goto(address)
    await expect(page.get_by_text("for about 10 minutes")).to_be_visible()
    await expect(page.get_by_role("timer")).to_be_hidden()
    await page.get_by_role("button", name="Book for $20.00").click()
    await expect(page.get_by_text("Your code for questions at the box office")).to_be_visible()
    await page.get_by_text("Cancel seats").click()
    await page.get_by_label("Row A, seat 2").check()
    await page.get_by_role("button", name="Cancel the chosen seats").click()
    await expect(page.get_by_role("status")).to_contain_text("The others are still yours.")


async def test_a_ticket_is_printed_with_its_code_and_without_the_site(api: Api, page: Page) -> None:
    person, cinema = await api.sign_up(), await room_of(api)
    address = await sold(api, person, cinema, 0, 1)
    await sign_in(page, person)
    await page.goto(address)
    await expect(page.get_by_role("button", name="Print")).to_be_visible()
    await page.emulate_media(media="print", color_scheme="dark")
    for shown in (".ticket h1", ".ticket-code", ".seat-list", ".ticket-total", ".ticket-address", ".only-print"):
        await expect(page.locator(shown).first).to_be_visible()
    for each in await page.locator(".ticket :visible").all():
        await expect(each).to_have_css("color", "rgb(0, 0, 0)")
    for hidden in (".site-header", ".site-footer", ".reservation-actions"):
        await expect(page.locator(hidden)).to_be_hidden()


async def test_cancelled_and_confirmed_reservations_have_no_barriers(api: Api, new_page: NewPage) -> None:
    person, cinema, page = await api.sign_up(), await room_of(api), await new_page(PHONE, statuses={422})
    cancelled, confirmed = await sold(api, person, cinema, 0), await sold(api, person, cinema, 1, 2)
    await api.cancel(person, cancelled.rpartition("/")[2])
    await sign_in(page, person)
    await page.goto(cancelled)
    assert await violations(page) == []
    await page.goto(confirmed)
    await page.get_by_text("Cancel seats").click()
    await page.get_by_role("button", name="Cancel the chosen seats").click()
    await expect(page.get_by_role("alert")).to_have_text("Choose the seats that you want to cancel.")
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
