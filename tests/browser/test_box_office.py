"""The box office in a browser: a whole sale by keyboard alone."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from tests.api import PASSWORD, Api, Person
from tests.browser.chromium import DESKTOP, NARROWEST, PHONE, View
from tests.browser.complaints import violations
from tests.browser.conftest import NewPage


async def _showtime(api: Api) -> tuple[int, str]:
    """A showtime of a cinema of its own, which is sold now; gives the cinema's id and the film's title."""
    cinema = await api.make("/admin/cinemas", {"name": "A House", "timezone": "Europe/Berlin"})
    room, _ = await api.auditorium(cinema_id=cinema["id"])
    begins = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    ends = (begins + timedelta(hours=2)).isoformat()
    await api.showtime(await api.movie(), room, starts_at=begins.isoformat(), ends_at=ends, sales_end_at=ends)
    return int(cinema["id"]), "A Film"


async def _sign_in(page: Page, person: Person) -> None:
    await page.goto("/sign-in?next=/box-office")
    await page.fill("#field-email", person.email)
    await page.fill("#field-password", PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sell tickets")


async def _at_its_box_office(api: Api, page: Page) -> Person:
    cinema_id, _ = await _showtime(api)
    seller = await api.staff()
    await _sign_in(page, seller)
    await page.select_option("#field-cinema_id", str(cinema_id))
    await page.get_by_role("button", name="Change").click()
    await expect(page.get_by_role("textbox", name="Number of the showtime")).to_be_focused()
    return seller


@pytest.mark.parametrize("javascript", [True, False])
async def test_a_sale_of_two_seats_takes_five_keys(api: Api, new_page: NewPage, javascript: bool) -> None:
    page = await new_page(View(1280, 800, javascript=javascript))
    await _at_its_box_office(api, page)
    await page.keyboard.press("1")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("textbox", name="Seats")).to_be_focused()
    await page.keyboard.press("2")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("To pay: $20.00")
    await expect(page.get_by_role("button", name="Confirm the sale")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Sold:")
    await expect(page.get_by_role("textbox", name="Number of the showtime")).to_be_focused()


async def test_keys_choose_a_showtime_type_anywhere_and_go_back(api: Api, page: Page) -> None:
    seller = await _at_its_box_office(api, page)
    number = page.get_by_role("textbox", name="Number of the showtime")
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("link", name="A Film")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(number).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("7")
    await expect(number).to_have_value("7")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("textbox", name="Seats")).to_be_focused()
    await page.keyboard.type("a1-3, b2")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Confirm the sale")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("textbox", name="Seats")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(number).to_be_focused()
    found = await api.call("GET", "/reservations", who=seller)
    assert [each["status"] for each in found.json["items"]] == ["cancelled"]


@pytest.mark.parametrize(
    "view",
    [
        DESKTOP,
        *[pytest.param(view, marks=pytest.mark.long) for view in (PHONE, NARROWEST, View(1280, 800, scheme="dark"))],
    ],
)
async def test_every_page_of_the_box_office_is_without_barriers(api: Api, new_page: NewPage, view: View) -> None:
    page = await new_page(view, statuses={422})
    await _at_its_box_office(api, page)

    async def check() -> None:
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    await check()
    await page.keyboard.type("1\n")
    await expect(page.get_by_role("textbox", name="Seats")).to_be_focused()
    await check()
    await page.keyboard.type("Z99\n")
    await expect(page.get_by_text("There is no seat Z99.")).to_be_visible()
    await check()
    await page.get_by_role("textbox", name="Seats").fill("3")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("To pay: $30.00")
    await check()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Sold:")
    await check()
    await page.get_by_role("link", name="Open this reservation").click()
    await page.get_by_text("Cancel seats, or the whole reservation").click()
    await check()
    await page.get_by_role("link", name="Reservations").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Reservations")
    await check()
