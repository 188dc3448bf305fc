"""Every page of the site, for those who may open it, on every kind of screen: no barrier, no error, no foreign host."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from tests.api import Api
from tests.browser.chromium import DESKTOP, NARROWEST, PHONE, ZOOMED, context_of
from tests.browser.complaints import Complaints, violations
from tests.browser.people import begin_session
from tests.browser.places import ADDRESSES, PAGES, PARTS, ROUTES, Made, Who, make

# Each look has its own colours to check; with forced colours the browser sees to them.
VIEWS = {
    "desktop": replace(DESKTOP, reduced_motion=True),
    "dark phone": replace(PHONE, scheme="dark"),
    "phone without JavaScript": replace(PHONE, javascript=False),
}
MOVING = "document.getAnimations().filter(each => each.effect.getComputedTiming().duration > 10).length"
TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth)
    .map(each => each.outerHTML.slice(0, 120)).slice(0, 10)"""
# Scripts that change nothing that is seen.
UNSEEN = ("send_once",)


async def changes_by_scripts(page: Page) -> bool:
    """Whether a page may differ without JavaScript; if it has no scripts, its other views have shown all of it."""
    scripts = await page.locator("script[src]").evaluate_all("each => each.map(({src}) => src)")
    return any(not any(name in src for name in UNSEEN) for src in scripts)


every_page = pytest.mark.parametrize(("address", "who"), PAGES, ids=[address for address, _ in PAGES])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def made(api: Api) -> Made:
    """What the pages are about."""
    return await make(api, await api.sign_up())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browsers(
    browser: Browser, service: str, api: Api, made: Made
) -> AsyncIterator[Callable[[Who, str], Awaitable[tuple[BrowserContext, Complaints]]]]:
    """The browser of each person with each view, signed in once; what it has loaded, it keeps for the next page."""
    known: dict[tuple[Who, str], tuple[BrowserContext, Complaints]] = {}

    async def of(who: Who, how: str) -> tuple[BrowserContext, Complaints]:
        if (who, how) not in known:
            context = await context_of(browser, service, VIEWS[how])
            known[who, how] = context, Complaints(context, service, statuses=set())
            if who in made.people:
                await begin_session(await context.new_page(), api, made.people[who])
        return known[who, how]

    yield of
    for context, _ in known.values():
        await context.close()


def test_every_route_has_an_address() -> None:
    """The route of a page with parameters is in ADDRESSES, and nothing is there or in PARTS that is no route."""
    assert {path for path in ROUTES if "{" in path} - PARTS <= ADDRESSES.keys() <= ROUTES.keys()
    assert ROUTES.keys() >= PARTS


@every_page
@pytest.mark.parametrize("how", VIEWS)
async def test_a_page_has_no_barriers_and_fits_its_screen(
    browsers: Callable[[Who, str], Awaitable[tuple[BrowserContext, Complaints]]],
    made: Made,
    address: str,
    who: Who,
    how: str,
) -> None:
    """Nor does it scroll sideways down to 320 pixels, nor move for those who asked for reduced motion."""
    context, complaints = await browsers(who, how)
    page = await context.new_page()
    response = await page.goto(made.address(address))
    assert response is not None
    assert response.status == 200
    if VIEWS[how].javascript or await changes_by_scripts(page):
        assert await violations(page) == []
    if VIEWS[how].reduced_motion:
        assert await page.evaluate(MOVING) == 0
        for view in (ZOOMED, PHONE, NARROWEST):
            await page.set_viewport_size({"width": view.width, "height": view.height})
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= view.width, await page.evaluate(TOO_WIDE)
    await page.close()
    found, complaints.found = complaints.found, []
    assert found == []
