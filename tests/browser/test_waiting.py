"""A place in the queue of a waiting room: on every kind of screen, and how it leads to the seats by itself."""

import json
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.api import Api, Cinema
from tests.browser.barriers import VIEWS, Looks
from tests.browser.complaints import violations
from tests.browser.people import begin_session
from tests.browser.test_seat_map import room
from tests.faults.test_serving import Instance
from tests.waiting.test_room import set_admissions


@pytest.fixture
def redis_url(site: Instance) -> str:
    """The service's Redis."""
    return str(json.loads((site.data_dir / "servers.json").read_text())["redis_url"])


@pytest_asyncio.fixture(loop_scope="session")
async def queue(api: Api, redis_url: str) -> Cinema:
    """A showtime on sale, whose waiting room admits no customer."""
    cinema = await room(api, waiting_room=True)
    await set_admissions(redis_url, cinema, running=False)
    return cinema


@pytest.mark.parametrize("how", VIEWS)
async def test_a_place_in_the_queue_has_no_barriers_and_fits_its_screen(
    browser: Browser, api: Api, service: str, queue: Cinema, how: str
) -> None:
    async with AsyncExitStack() as stack:
        address = f"/book/{queue.showtime_id}"
        assert await Looks(browser, api, service, stack).check(address, how, await api.sign_up()) == address


async def test_the_page_shows_the_seats_once_the_customer_is_admitted(
    page: Page, api: Api, queue: Cinema, redis_url: str
) -> None:
    await begin_session(page, api, await api.sign_up())
    await page.goto(f"/book/{queue.showtime_id}")
    await expect(page.get_by_text("Your place in the queue: 1")).to_be_visible()
    assert await page.locator("[data-seat-map]").count() == 0
    await set_admissions(redis_url, queue, running=True)
    await expect(page.locator("[data-seat-map]")).to_be_visible()
    assert await violations(page) == []
