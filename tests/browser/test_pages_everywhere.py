"""Every page of the site, for those who may open it, on every kind of screen: no barrier, no error, no foreign host."""

from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.api import Api
from tests.browser.chromium import DESKTOP, NARROWEST, PHONE, ZOOMED
from tests.browser.complaints import violations
from tests.browser.conftest import NewPage
from tests.browser.places import ADDRESSES, PAGES, ROUTES, Made, Who, make, opened

# How a page is opened, and what is then changed on the open page, since a stylesheet alone decides about it.
LIGHT: Any = {"color_scheme": "light"}
DARK: Any = {"color_scheme": "dark"}
FORCED: Any = {"forced_colors": "active"}
VIEWS = {
    "desktop": (DESKTOP, (LIGHT, DARK, LIGHT | FORCED)),
    "phone": (PHONE, (DARK,)),
    "phone without JavaScript": (replace(PHONE, javascript=False), (LIGHT,)),
}
every_page = pytest.mark.parametrize(("address", "who"), PAGES, ids=[address for address, _ in PAGES])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def made(api: Api) -> Made:
    """What the pages are about."""
    return await make(api, await api.sign_up())


def test_every_route_has_an_address() -> None:
    """A route with parameters is in ADDRESSES, and nothing is there that is no route."""
    assert {path for path in ROUTES if "{" in path} <= ADDRESSES.keys() <= ROUTES.keys()


@every_page
@pytest.mark.parametrize("how", VIEWS)
async def test_a_page_has_no_barriers(new_page: NewPage, made: Made, address: str, who: Who, how: str) -> None:
    view, looks = VIEWS[how]
    page = await new_page(view)
    await opened(page, made, who, address)
    for look in looks:
        await page.emulate_media(**look)
        assert await violations(page) == [], look


@every_page
async def test_a_page_never_scrolls_sideways(new_page: NewPage, made: Made, address: str, who: Who) -> None:
    page = await new_page(NARROWEST)
    await opened(page, made, who, address)
    sizes = {}
    for view in (NARROWEST, PHONE, ZOOMED):
        await page.set_viewport_size({"width": view.width, "height": view.height})
        sizes[view.width] = await page.evaluate("document.documentElement.scrollWidth")
    assert {width: wide for width, wide in sizes.items() if wide > width} == {}, await too_wide(page)


async def too_wide(page: Page) -> list[str]:
    """The elements that stick out at 320 pixels, the outermost first."""
    await page.set_viewport_size({"width": NARROWEST.width, "height": NARROWEST.height})
    found: list[str] = await page.evaluate(
        """() => [...document.querySelectorAll("body *")]
            .filter(each => each.getBoundingClientRect().right > innerWidth)
            .map(each => each.outerHTML.slice(0, 120))"""
    )
    return found[:10]


@every_page
async def test_nothing_moves_for_who_wants_no_motion(new_page: NewPage, made: Made, address: str, who: Who) -> None:
    page = await new_page(replace(DESKTOP, reduced_motion=True))
    await opened(page, made, who, address)
    moving = "document.getAnimations().filter(each => each.effect.getComputedTiming().duration > 10).length"
    assert await page.evaluate(moving) == 0
