"""Every page of the site, for those who may open it, on every kind of screen: no barrier, no error, no foreign host."""

from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from tests.api import Api
from tests.browser.chromium import DESKTOP, NARROWEST, PHONE, ZOOMED
from tests.browser.complaints import violations
from tests.browser.conftest import NewPage
from tests.browser.places import ADDRESSES, PAGES, ROUTES, Made, Who, make, opened

LIGHT: Any = {"color_scheme": "light"}
DARK: Any = {"color_scheme": "dark"}
FORCED: Any = {"color_scheme": "light", "forced_colors": "active"}
STILL = replace(DESKTOP, reduced_motion=True)
# How a page is opened, and what is then changed on the open page, since stylesheets alone decide about it.
VIEWS = {
    "desktop": (STILL, (LIGHT, DARK, FORCED)),
    "phone": (PHONE, (DARK,)),
    "phone without JavaScript": (replace(PHONE, javascript=False), (LIGHT,)),
}
MOVING = "document.getAnimations().filter(each => each.effect.getComputedTiming().duration > 10).length"
TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth)
    .map(each => each.outerHTML.slice(0, 120)).slice(0, 10)"""
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
async def test_a_page_neither_scrolls_sideways_nor_moves(new_page: NewPage, made: Made, address: str, who: Who) -> None:
    """Down to 320 pixels, and at 200 %; it moves for those only who did not ask for reduced motion."""
    page = await new_page(STILL)
    await opened(page, made, who, address)
    assert await page.evaluate(MOVING) == 0
    for view in (ZOOMED, PHONE, NARROWEST):
        await page.set_viewport_size({"width": view.width, "height": view.height})
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= view.width, await page.evaluate(TOO_WIDE)
