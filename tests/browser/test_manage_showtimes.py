"""Showtimes in a browser: an overlap is shown while the form is filled in, and nothing is saved."""

from datetime import UTC, datetime, timedelta

from playwright.async_api import Page, expect

from tests.api import Api
from tests.browser.complaints import violations
from tests.browser.people import sign_in

DAY = (datetime.now(UTC) + timedelta(days=40)).date()


async def test_an_overlap_is_shown_while_the_form_is_filled_in(api: Api, page: Page) -> None:
    house = await api.make("/admin/cinemas", {"name": "A House", "timezone": "UTC"})
    movie_id, (room_id, _) = await api.movie(title="A Long Evening"), await api.auditorium(cinema_id=house["id"])
    times = {"starts_at": f"{DAY}T18:00:00Z", "ends_at": f"{DAY}T20:00:00Z"}
    await api.showtime(movie_id, room_id, **times)
    await sign_in(page, await api.admin())
    await page.goto(f"/manage/showtimes/new?auditorium_id={room_id}&day={DAY}")
    await page.get_by_label("Film").select_option(str(movie_id))
    await page.get_by_label("Time", exact=True).fill("19:00")
    check = page.locator("#check")
    await expect(check).to_contain_text("The room is not free then:")
    await expect(check.get_by_role("link", name="A Long Evening")).to_be_visible()
    assert await violations(page) == []
    await page.get_by_label("Time", exact=True).fill("20:00")
    await expect(check).to_contain_text("The room is free:")
    await page.get_by_label("Price").fill("9.50")
    found = await api.call("GET", f"/admin/showtimes?auditorium_id={room_id}", who=await api.admin())
    assert len(found.json["items"]) == 1
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_have_text("Created.")
    assert await violations(page) == []
