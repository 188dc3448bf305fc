"""Occupancy in a browser: new figures come by themselves, and the focus stays where it is."""

from playwright.async_api import Page, expect

from tests.api import Api
from tests.browser.people import sign_in


async def test_a_sale_shows_without_a_reload_and_the_focus_stays(page: Page, api: Api) -> None:
    movie_id = await api.movie(title="A Running Sale")
    cinema = (await api.call("GET", "/cinemas")).json["items"][0]
    room, seats = await api.auditorium(1, 4, cinema_id=cinema["id"])
    showtime = await api.showtime(movie_id, room)
    await sign_in(page, await api.admin())
    await page.goto(f"/manage/occupancy?cinema_id={cinema['id']}")
    link = page.locator(f"#show-{showtime}")
    row = page.get_by_role("row").filter(has=link)
    await expect(row.get_by_role("cell").last).to_have_text("4")
    await link.focus()
    customer = await api.sign_up()
    await api.hold(customer, showtime, seats[:3])
    await expect(row.get_by_role("cell").last).to_have_text("1")
    await expect(link).to_be_focused()
