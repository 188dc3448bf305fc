"""A place in a waiting room: how the page that waits leads to the seats by itself."""

import asyncio
from datetime import UTC, datetime, timedelta

from playwright.async_api import Route, expect

from tests.api import Api
from tests.browser.complaints import violations
from tests.browser.conftest import NewPage
from tests.browser.people import begin_session
from tests.browser.test_seat_map import room

PATIENCE_S = 60
LONGEST_WAIT_MS = 61_000  # the page asks again at least every minute


async def test_the_page_shows_the_seats_once_the_customer_is_admitted(new_page: NewPage, api: Api) -> None:
    """The sale starts earlier than it was to; the first time that the page asks, the service refuses."""
    now, page = datetime.now(UTC), await new_page(statuses={503})
    refused = list[str]()

    async def refuse_once(route: Route) -> None:
        if refused:
            await route.continue_()
        else:
            refused.append(route.request.url)
            await route.fulfill(status=503, content_type="application/problem+json", body="{}")

    cinema = await room(api, waiting_room=True, on_sale_at=(now + timedelta(hours=1)).isoformat())
    admin, path = await api.admin(), f"/admin/showtimes/{cinema.showtime_id}"
    showtime = (await api.call("GET", path, who=admin)).json
    names = ("movie_id", "auditorium_id", "starts_at", "ends_at", "base_price", "waiting_room")
    await begin_session(page, api, await api.sign_up())
    await page.clock.install()
    await page.goto(f"/book/{cinema.showtime_id}")
    await expect(page.get_by_text("The sale begins")).to_be_visible()
    assert await page.locator("[data-seat-map]").count() == 0
    await page.route(f"**/book/{cinema.showtime_id}", refuse_once)

    earlier = {name: showtime[name] for name in names} | {"on_sale_at": (now - timedelta(minutes=1)).isoformat()}
    assert (await api.call("PUT", path, earlier, who=admin)).status == 200

    async with asyncio.timeout(PATIENCE_S):
        while not await page.locator("[data-seat-map]").is_visible():
            await page.clock.fast_forward(LONGEST_WAIT_MS)
            await asyncio.sleep(0.2)
    assert refused
    assert await violations(page) == []
