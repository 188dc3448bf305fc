"""Every page of the site, for those who may open it, on every kind of screen: no barrier, no error, no foreign host."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.api import Api
from tests.browser.barriers import VIEWS, Looks
from tests.browser.places import ADDRESSES, PAGES, PARTS, ROUTES, Made, Who, make

pytestmark = pytest.mark.long

every_page = pytest.mark.parametrize(("address", "who"), PAGES, ids=[address for address, _ in PAGES])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def made(api: Api) -> Made:
    """What the pages are about."""
    return await make(api, await api.sign_up())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def looks(browser: Browser, service: str, api: Api) -> AsyncIterator[Looks]:
    """The browsers."""
    async with AsyncExitStack() as stack:
        yield Looks(browser, api, service, stack)


def test_every_route_has_an_address() -> None:
    """The route of a page with parameters is in ADDRESSES, and nothing is there or in PARTS that is no route."""
    assert {path for path in ROUTES if "{" in path} - PARTS <= ADDRESSES.keys() <= ROUTES.keys()
    assert ROUTES.keys() >= PARTS


@every_page
@pytest.mark.parametrize("how", VIEWS)
async def test_a_page_has_no_barriers_and_fits_its_screen(
    looks: Looks, made: Made, address: str, who: Who, how: str
) -> None:
    """Nor does it scroll sideways down to 320 pixels, nor move for those who asked for reduced motion."""
    await looks.check(made.address(address), how, made.people.get(who))
