"""An administrator's week, from an empty house to a showtime that is called off, and what customers see."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from playwright.async_api import Page, Route, expect

from tests.api import Api, Person
from tests.browser.complaints import violations
from tests.browser.conftest import NewPage
from tests.browser.people import begin_session, sign_in

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date()
NEXT_WEEK = TOMORROW + timedelta(days=7)
FILM, HOUSE, ROOM = "The Lighthouse Keeper's Week", "The Week House", "Blue Room"


async def press(page: Page, button: str) -> None:
    """A click on a button, or a link that looks like one."""
    await page.get_by_role("main").get_by_role("button", name=button, exact=True).click()


@dataclass(frozen=True, slots=True)
class Week:
    """The administrator's page, a customer's page, and the film that both look at."""

    manager: Page
    customer: Page
    person: Person
    film_id: int

    async def open_programme(self, day: date) -> None:
        """The administrator goes to the timeline of the house on a day."""
        await self.manager.goto("/manage/showtimes")
        await self.manager.get_by_label("Cinema").select_option(HOUSE)
        await self.manager.locator("input[name=day]").fill(day.isoformat())
        await press(self.manager, "Show")
        await expect(self.manager.get_by_role("heading", level=2)).to_contain_text(HOUSE)

    async def open_showtime(self, time: str) -> None:
        """The administrator opens a showtime of the day that is shown."""
        row = self.manager.get_by_role("row").filter(has_text=time)
        await row.get_by_role("link", name=FILM).click()
        await expect(self.manager.get_by_role("heading", level=1)).to_have_text(FILM)

    async def offered(self) -> list[str]:
        """The times that the customer can choose on the film's page."""
        await self.customer.goto(f"/films/{self.film_id}")
        times = await self.customer.locator("a.showtime .showtime-time").all_inner_texts()
        return [time.replace("\u202f", " ") for time in times]


async def _create_film(page: Page) -> int:
    await page.goto("/manage/films/new")
    await page.get_by_label("Title").fill(FILM)
    await page.get_by_label("Running time in minutes").fill("100")
    await page.get_by_label("Genres").fill("Drama, Mystery")
    await press(page, "Save")
    await expect(page.get_by_role("status")).to_have_text("Created.")
    await page.get_by_label("Title").fill(FILM)
    await press(page, "Search")
    link = page.get_by_role("link", name=FILM)
    return int(str(await link.get_attribute("href")).rpartition("/")[2])


async def _create_room(page: Page) -> None:
    """The house, its room, and the room's seats in the editor: four regular seats, and four premium ones."""
    await page.goto("/manage/cinemas/new")
    await page.get_by_label("Name").fill(HOUSE)
    await page.get_by_label("Time zone").fill("UTC")
    await press(page, "Save")
    await expect(page.get_by_role("heading", name=HOUSE)).to_be_visible()
    await page.get_by_role("article").filter(has_text=HOUSE).get_by_role("button", name="New room").click()
    await page.get_by_label("Name").fill(ROOM)
    await page.get_by_label("Most seats").fill("8")
    await press(page, "Save and draw the seats")
    await page.get_by_role("grid").focus()
    await page.keyboard.type("AA_PP")
    await page.keyboard.press("Enter")
    await page.keyboard.type("AA_PP")
    await press(page, "Check and show what changes")
    await expect(page.get_by_text("8 seats are added:")).to_be_visible()
    assert await violations(page) == []
    await press(page, "Save the plan")
    await expect(page.get_by_text("Saved.")).to_be_visible()


async def _create_showtime(week: Week, time: str) -> None:
    page = week.manager
    await week.open_programme(TOMORROW)
    await press(page, "New showtime")
    await page.get_by_label("Film").select_option(label=f"{FILM} (100)")
    await page.get_by_label("Time", exact=True).fill(time)
    await page.get_by_label("Price").fill("10.00")
    await expect(page.locator("#check")).to_contain_text("The room is free:")
    await press(page, "Save")
    await expect(page.get_by_role("status")).to_have_text("Created.")


async def _copy_week(week: Week) -> None:
    page = week.manager
    await week.open_programme(TOMORROW)
    await press(page, "Copy days")
    await expect(page.get_by_label("First day of the copy")).to_have_value(NEXT_WEEK.isoformat())
    await press(page, "Copy")
    await expect(page.get_by_role("status")).to_have_text("2 showtimes were copied.")
    assert await violations(page) == []


async def _move_next_weeks_first(week: Week) -> None:
    """To a time at which the room is not free, which is said, and then to another one."""
    page = week.manager
    await week.open_programme(NEXT_WEEK)
    await week.open_showtime("6:00\u202fPM")
    await page.get_by_label("Time", exact=True).fill("20:30")
    check = page.locator("#check")
    await expect(check).to_contain_text("The room is not free then:")
    await expect(check.get_by_role("link", name=FILM)).to_be_visible()
    assert await violations(page) == []
    assert await week.offered() == ["6:00 PM", "9:00 PM", "6:00 PM", "9:00 PM"]
    await page.get_by_label("Time", exact=True).fill("17:00")
    await expect(check).to_contain_text("The room is free:")
    await press(page, "Save")
    await expect(page.get_by_role("status")).to_have_text("Saved.")


async def _change_price(week: Week) -> int:
    """Of tomorrow's second showtime, whose id is the answer."""
    page = week.manager
    await week.open_programme(TOMORROW)
    await week.open_showtime("9:00\u202fPM")
    showtime_id = int(page.url.rpartition("/")[2])
    await page.get_by_label("Price").fill("12.50")
    await press(page, "Save")
    await expect(page.get_by_role("status")).to_have_text("Saved.")
    return showtime_id


async def _book(week: Week, showtime_id: int) -> None:
    """The customer books two seats at the new price while the administrator watches them sell."""
    manager, customer = week.manager, week.customer
    await manager.goto("/manage/occupancy")
    await manager.get_by_role("link", name=HOUSE).click()
    row = manager.get_by_role("row").filter(has=manager.locator(f"#show-{showtime_id}"))
    await expect(row.get_by_role("cell").last).to_have_text("8")
    await customer.goto(f"/book/{showtime_id}")
    for number in (1, 2):
        name = f"Row A, seat {number}, regular, 12.50 USD, available"
        await customer.get_by_role("checkbox", name=name).check()
    await press(customer, "Hold these seats")
    await press(customer, "Book for $25.00")
    await expect(customer.get_by_text("Your code for questions at the box office")).to_be_visible()
    await expect(row.get_by_role("cell").last).to_have_text("6")
    assert await violations(manager) == []


async def _call_off(week: Week, showtime_id: int) -> None:
    page = week.manager
    await page.goto(f"/manage/showtimes/{showtime_id}")
    await press(page, "Cancel the showtime")
    await expect(page.get_by_text("1 reservation is cancelled with it. 1 customer is concerned.")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_label("Reason").fill("The projector is broken.")
    await press(page, "Cancel the showtime")
    await expect(page.get_by_text("1 reservation was cancelled with it.")).to_be_visible()
    assert await violations(page) == []


async def test_a_form_that_is_sent_twice_creates_one_film(api: Api, new_page: NewPage) -> None:
    page = await new_page()
    await sign_in(page, await api.admin())
    await page.goto("/manage/films/new")
    await page.get_by_label("Title").fill("Once Is Enough")
    await page.get_by_label("Running time in minutes").fill("100")
    sent: list[str] = []
    clicked = asyncio.Event()

    async def deliver(route: Route) -> None:
        sent.append(route.request.method)
        await clicked.wait()
        await route.continue_()

    await page.route("**/manage/films/new", deliver)
    await page.get_by_role("button", name="Save").focus()
    async with page.expect_request("**/manage/films/new"):
        await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    clicked.set()
    await expect(page.get_by_role("status")).to_have_text("Created.")
    assert sent == ["POST"]
    found = await api.call("GET", "/movies?q=Once+Is+Enough")
    assert len(found.json["items"]) == 1


async def test_what_an_administrator_does_in_a_week_is_what_customers_see(api: Api, new_page: NewPage) -> None:
    manager, customer, person = await new_page(), await new_page(), await api.sign_up()
    await sign_in(manager, await api.admin())
    await begin_session(customer, api, person)
    week = Week(manager, customer, person, await _create_film(manager))
    await customer.goto(f"/films/{week.film_id}")
    await expect(customer.get_by_text("There are no showtimes of this film yet.")).to_be_visible()
    await _create_room(manager)
    for time in ("18:00", "21:00"):
        await _create_showtime(week, time)
    assert await week.offered() == ["6:00 PM", "9:00 PM"]
    await _copy_week(week)
    assert await week.offered() == ["6:00 PM", "9:00 PM", "6:00 PM", "9:00 PM"]
    await _move_next_weeks_first(week)
    assert await week.offered() == ["6:00 PM", "9:00 PM", "5:00 PM", "9:00 PM"]
    showtime_id = await _change_price(week)
    await _book(week, showtime_id)
    ticket = customer.url
    await _call_off(week, showtime_id)
    await customer.goto(ticket)
    await expect(customer.get_by_role("heading", name="The cinema has cancelled this showtime")).to_be_visible()
    await expect(customer.get_by_text("The projector is broken.")).to_be_visible()
    assert await violations(customer) == []
    assert await week.offered() == ["6:00 PM", "5:00 PM", "9:00 PM"]
    await customer.goto(f"/book/{showtime_id}")
    await expect(customer.get_by_text("The projector is broken.")).to_be_visible()
