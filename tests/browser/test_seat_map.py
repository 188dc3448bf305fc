"""The seat map in a browser with JavaScript: live statuses, keyboard, tickets and total, zoom."""

import re
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.api import Api, Cinema
from tests.browser.chromium import DESKTOP, PHONE
from tests.browser.complaints import violations
from tests.browser.conftest import NewPage
from tests.browser.people import sign_in

LOOKS: tuple[dict[str, Any], ...] = (
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"color_scheme": "light", "forced_colors": "active"},
)
RESERVATION = re.compile(r".*/my/reservations/[0-9a-f-]{36}$")


async def room(api: Api, rows: int = 5, seats_per_row: int = 10, **fields: Any) -> Cinema:
    """A new room of a cinema of the demo, and a showtime in it."""
    cinemas = await api.call("GET", "/cinemas")
    movie_id, cinema_id = await api.movie(), cinemas.json["items"][0]["id"]
    auditorium_id, seat_ids = await api.auditorium(rows, seats_per_row, cinema_id=cinema_id)
    return Cinema(movie_id, auditorium_id, await api.showtime(movie_id, auditorium_id, **fields), seat_ids)


async def opened(page: Page, cinema: Cinema, query: str = "") -> None:
    """The map, when its events are followed."""
    await page.goto(f"/book/{cinema.showtime_id}{query}")
    await expect(page.locator("[data-live]")).to_be_attached()


def seat(page: Page, cinema: Cinema, number: int) -> Locator:
    """The checkbox of a seat of row A, or with numbers above 10 of the rows behind it."""
    return page.locator(f"[data-seat-map] input[value='{cinema.seat_ids[number - 1]}']")


async def choose(page: Page, cinema: Cinema, *numbers: int) -> None:
    for number in numbers:
        await seat(page, cinema, number).check()


def summary(page: Page) -> Locator:
    """The lines of the seats that are chosen."""
    return page.locator("#hold [data-line]")


def focused(page: Page) -> Locator:
    return page.locator(":focus")


async def test_of_two_customers_one_gets_the_seat_and_the_other_sees_it_at_once(api: Api, new_page: NewPage) -> None:
    cinema, quick, slow = await room(api), await new_page(), await new_page()
    await sign_in(quick, await api.sign_up())
    for page in (quick, slow):
        await opened(page, cinema)
    await choose(slow, cinema, 1, 2)
    await choose(quick, cinema, 2)
    await seat(slow, cinema, 2).focus()
    await quick.get_by_role("button", name="Hold these seats").click()
    await quick.wait_for_url(RESERVATION)

    lost = seat(slow, cinema, 2)
    told = "Row A, seat 2 has just been taken by another customer. The rest of your choice is kept."
    await expect(slow.get_by_role("alert")).to_have_text(told)
    await expect(lost).not_to_be_checked()
    await expect(lost).to_be_disabled()
    await expect(lost).to_have_accessible_name("Row A, seat 2, regular, 10.00 USD, just taken by another customer")
    await expect(lost).to_be_focused()
    await expect(seat(slow, cinema, 1)).to_be_checked()
    await expect(summary(slow)).to_have_count(1)
    await slow.keyboard.press("Space")
    await expect(lost).not_to_be_checked()
    await slow.keyboard.press("ArrowRight")
    await expect(seat(slow, cinema, 3)).to_be_focused()
    for look in LOOKS:
        await slow.emulate_media(**look)
        assert await violations(slow) == [], look


async def test_a_held_seat_can_be_chosen_again_when_it_is_released(api: Api, page: Page) -> None:
    cinema, other = await room(api), await api.sign_up()
    held = await api.hold(other, cinema.showtime_id, cinema.seat_ids[:1])
    await opened(page, cinema)
    await expect(seat(page, cinema, 1)).to_have_accessible_name("Row A, seat 1, regular, 10.00 USD, held")
    await api.cancel(other, held.json["id"])
    await expect(seat(page, cinema, 1)).to_have_accessible_name("Row A, seat 1, regular, 10.00 USD, available")
    await choose(page, cinema, 1)
    await expect(summary(page)).to_have_count(1)


async def test_keys_move_through_the_room_and_choose(api: Api, page: Page) -> None:
    cinema, other = await room(api), await api.sign_up()
    await api.hold(other, cinema.showtime_id, [cinema.seat_ids[number - 1] for number in (2, 11, 15)])
    await opened(page, cinema)
    await seat(page, cinema, 1).focus()
    for key, number in (
        ("ArrowRight", 3),  # 2 is held
        ("ArrowRight", 4),
        ("ArrowLeft", 3),
        ("End", 10),
        ("ArrowRight", 10),
        ("ArrowDown", 20),
        ("Home", 12),  # 11 is held
        ("ArrowUp", 1),  # 2 is held, and of its neighbours the left one is first
        ("ArrowUp", 1),
    ):
        await page.keyboard.press(key)
        await expect(seat(page, cinema, number)).to_be_focused()
    await page.keyboard.press("Space")
    await expect(seat(page, cinema, 1)).to_be_checked()
    await page.keyboard.press("Enter")
    await expect(summary(page)).to_have_count(1)
    await page.keyboard.press("Tab")
    await expect(focused(page)).not_to_have_attribute("name", "seat_id")


async def test_the_focus_and_the_choice_stay_while_other_seats_are_taken(api: Api, page: Page) -> None:
    cinema, other = await room(api), await api.sign_up()
    await opened(page, cinema)
    await choose(page, cinema, 5)
    await seat(page, cinema, 6).focus()
    await api.hold(other, cinema.showtime_id, cinema.seat_ids[:4])
    await expect(seat(page, cinema, 4)).to_be_disabled()
    await expect(seat(page, cinema, 6)).to_be_focused()
    await expect(seat(page, cinema, 5)).to_be_checked()
    await expect(page.get_by_role("alert")).to_be_empty()


async def test_the_summary_has_tickets_and_the_total_and_goes_on_to_the_hold(api: Api, new_page: NewPage) -> None:
    cinema, page, person = await room(api), await new_page(), await api.sign_up()
    child = await api.make("/admin/ticket-types", {"name": "toddler", "price_factor": "0.35"})
    await opened(page, cinema)
    await choose(page, cinema, 3, 4, 5)
    await page.get_by_label("Ticket for Row A, seat 5").select_option(str(child["id"]))
    await page.get_by_role("button", name="Remove Row A, seat 3").click()
    await expect(page.get_by_role("status")).to_have_text("2 seats $13.50")
    for look in LOOKS:
        await page.emulate_media(**look)
        assert await violations(page) == [], look

    await page.get_by_role("button", name="Hold these seats").click()
    await page.get_by_label("E-mail address").fill(person.email)
    await page.get_by_label("Password").fill("correct horse battery")
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await expect(page.locator("[data-live]")).to_be_attached()
    await expect(page.get_by_role("status")).to_have_text("2 seats $13.50")
    await page.get_by_role("button", name="Hold these seats").click()
    await page.wait_for_url(RESERVATION)
    held = await api.call("GET", f"/reservations/{page.url.rpartition('/')[2]}", who=person)
    seats = [(each["seat_id"], each["ticket_type"]["name"]) for each in held.json["seats"]]
    assert seats == [(cinema.seat_ids[3], "standard"), (cinema.seat_ids[4], "toddler")]
    assert held.json["total_price"] == "13.50"


async def test_more_seats_than_can_be_held_are_refused_at_once(api: Api, page: Page) -> None:
    cinema = await room(api)
    await opened(page, cinema)
    await choose(page, cinema, *range(1, 11))
    await seat(page, cinema, 11).click()
    await expect(page.get_by_role("alert")).to_have_text("You can choose up to 10 seats.")
    await expect(seat(page, cinema, 11)).not_to_be_checked()
    await expect(summary(page)).to_have_count(10)


async def test_a_hold_without_seats_is_not_sent(api: Api, page: Page) -> None:
    cinema = await room(api)
    await opened(page, cinema)
    await page.get_by_role("button", name="Hold these seats").click()
    await expect(page.get_by_role("status")).to_have_text("Please choose at least one seat.")


@pytest.mark.parametrize("view", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_a_large_room_is_zoomed_and_moved_without_moving_the_page(api: Api, new_page: NewPage, view: Any) -> None:
    cinema, page = await room(api, rows=25, seats_per_row=40), await new_page(view)
    await opened(page, cinema)
    size = "document.querySelector('.seat').getBoundingClientRect().width"
    before = await page.evaluate(size)
    assert before >= 24
    await page.get_by_role("button", name="Larger").click()
    await page.get_by_role("button", name="Larger").click()
    assert await page.evaluate(size) > before
    last = seat(page, cinema, len(cinema.seat_ids))
    await last.focus()
    await expect(last).to_be_in_viewport()
    await last.check()
    await expect(summary(page)).to_have_count(1)
    assert await page.evaluate("document.documentElement.scrollWidth") <= view.width


async def test_the_summary_is_beside_the_map_on_a_desktop_and_its_button_in_sight_on_a_phone(
    api: Api, new_page: NewPage
) -> None:
    cinema, desktop, phone = await room(api), await new_page(), await new_page(PHONE)
    for page in (desktop, phone):
        await opened(page, cinema)
    map_box = await desktop.locator(".seat-map").bounding_box()
    side_box = await desktop.locator(".booking-side").bounding_box()
    assert map_box is not None
    assert side_box is not None
    assert side_box["x"] >= map_box["x"] + map_box["width"]
    await expect(phone.get_by_role("button", name="Hold these seats")).to_be_in_viewport()


async def test_two_fingers_enlarge_the_map(api: Api, new_page: NewPage) -> None:
    cinema, page = await room(api, rows=10, seats_per_row=30), await new_page(PHONE)
    await opened(page, cinema)
    size = "document.querySelector('.seat').getBoundingClientRect().width"
    before = await page.evaluate(size)
    box = await page.locator(".seat-map-scroll").bounding_box()
    assert box is not None
    touches, y = await page.context.new_cdp_session(page), box["y"] + 60
    for kind, distance in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80), ("touchEnd", 0)):
        points = [{"x": box["x"] + 150 + side * distance, "y": y, "id": side + 1} for side in (-1, 1)]
        await touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if distance else []})
    assert await page.evaluate(size) == pytest.approx(2 * before, abs=1)
    assert await page.evaluate("visualViewport.scale") == 1


async def test_own_seats_can_stay_in_an_exchange(api: Api, new_page: NewPage) -> None:
    cinema, page, person = await room(api), await new_page(), await api.sign_up()
    booked = await api.hold(person, cinema.showtime_id, cinema.seat_ids[:2])
    await api.confirm(person, booked.json["id"])
    await sign_in(page, person)
    await opened(page, cinema, f"?exchange={booked.json['id']}")
    await choose(page, cinema, 2)
    await expect(page.get_by_role("status")).to_have_text("1 seat $10.00 $10.00 less than before")
    await choose(page, cinema, 3)
    await expect(page.get_by_role("status")).to_have_text("2 seats $20.00 as much as before")
    await choose(page, cinema, 4)
    await expect(page.get_by_role("status")).to_have_text("3 seats $30.00 $10.00 more than before")
    await seat(page, cinema, 4).uncheck()
    assert await violations(page) == []
    await page.get_by_role("button", name="Exchange for these seats").click()
    await page.wait_for_url(f"**/my/reservations/{booked.json['id']}?done=exchanged")
    statuses = await api.statuses(cinema.showtime_id)
    assert [place for place, status in statuses.items() if status == "booked"] == cinema.seat_ids[1:3]


async def test_an_interrupted_feed_is_said_and_the_map_recovers_with_the_choice(api: Api, page: Page) -> None:
    cinema, other = await room(api), await api.sign_up()
    await opened(page, cinema)
    await choose(page, cinema, 5)
    await seat(page, cinema, 6).focus()
    notice = page.locator("[data-feed-notice]")
    await expect(notice).to_be_empty()
    await page.context.set_offline(True)
    await expect(notice).to_contain_text("this map may not be up to date")
    await expect(notice).to_be_visible()
    for look in LOOKS:
        await page.emulate_media(**look)
        assert await violations(page) == [], look
    await api.hold(other, cinema.showtime_id, cinema.seat_ids[3:5])
    await expect(seat(page, cinema, 4)).to_be_enabled()
    await page.context.set_offline(False)
    await expect(seat(page, cinema, 4)).to_be_disabled()
    await expect(notice).to_have_text("The connection is back, and the map is up to date.")
    await expect(seat(page, cinema, 5)).not_to_be_checked()
    await expect(page.get_by_role("alert")).to_contain_text("Row A, seat 5 has just been taken by another customer.")
    await expect(seat(page, cinema, 6)).to_be_focused()


async def test_a_feed_that_the_service_refuses_is_said_and_asked_for_again(api: Api, new_page: NewPage) -> None:
    cinema, other, page = await room(api), await api.sign_up(), await new_page(statuses={503})

    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, content_type="application/problem+json", body="{}")

    await page.route("**/events?*", refuse)
    await page.goto(f"/book/{cinema.showtime_id}")
    notice = page.locator("[data-feed-notice]")
    await expect(notice).to_contain_text("this map may not be up to date")
    await api.hold(other, cinema.showtime_id, cinema.seat_ids[:1])
    await page.unroute("**/events?*")
    await expect(seat(page, cinema, 1)).to_be_disabled()
    await expect(notice).to_have_text("The connection is back, and the map is up to date.")


async def test_a_sold_out_room_has_no_barriers(api: Api, page: Page) -> None:
    cinema, other = await room(api, rows=1, seats_per_row=3), await api.sign_up()
    await api.hold(other, cinema.showtime_id, cinema.seat_ids)
    await opened(page, cinema)
    assert await violations(page) == []


async def test_a_guest_books_without_javascript(api: Api, new_page: NewPage) -> None:
    cinema, page = await room(api), await new_page(replace(PHONE, javascript=False))
    child = await api.make("/admin/ticket-types", {"name": "baby", "price_factor": "0.25"})
    await page.goto(f"/book/{cinema.showtime_id}")
    await choose(page, cinema, 4, 5, 6)
    await page.get_by_role("button", name="Go on to the tickets").click()
    await page.get_by_label("Ticket for Row A, seat 6").select_option(str(child["id"]))
    await page.get_by_role("button", name="Update the total").click()
    await expect(page.get_by_text("$22.50")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_role("button", name="Hold these seats").click()
    await page.get_by_role("button", name="Book as a guest").click()
    await page.get_by_label("Your name").fill("A Guest")
    await page.get_by_label("E-mail address").fill("guest.of.the.seat.map@example.com")
    await page.get_by_role("main").get_by_role("button", name="Go on").click()
    await page.get_by_role("button", name="Hold these seats").click()
    await page.wait_for_url(RESERVATION)
    await page.get_by_role("button", name="Book for $22.50").click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    statuses = await api.statuses(cinema.showtime_id)
    assert [place for place, status in statuses.items() if status == "booked"] == cinema.seat_ids[3:6]
