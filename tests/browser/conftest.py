"""One running service with the demo's data and one browser for each process of a run.

All of it lives in the event loop of the session, in which the tests of this folder run, too.
"""

import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.api import Api
from tests.browser.chromium import CHROMIUM, DESKTOP, View, context_of, launched
from tests.browser.complaints import AXE, Complaints
from tests.browser.site import api_of, url_of
from tests.conftest import folder_of_servers
from tests.faults.test_serving import Instance, serving

FOLDER = Path(__file__).parent
IN_SESSION_LOOP = pytest.mark.asyncio(loop_scope="session")

NewPage = Callable[..., Coroutine[Any, Any, Page]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of this folder in the session's event loop, in which the browser is."""
    for item in items:
        if FOLDER in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(IN_SESSION_LOOP, append=False)


@pytest.fixture(scope="session", autouse=True)
def _needed() -> None:
    """Skip without a browser, but fail where BROWSER_REQUIRED is set, as .ci/run does."""
    if CHROMIUM is None:
        missing = "no Chromium found: apt-get install chromium"
        pytest.fail(missing) if os.environ.get("BROWSER_REQUIRED") else pytest.skip(missing)
    if not AXE.exists():
        pytest.fail("axe-core is missing: make .venv/axe.stamp")


@pytest.fixture(scope="session")
def site(_needed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """`reservation serve --demo` on servers of its own, which no other test empties; without limits on holds."""
    with folder_of_servers(tmp_path_factory) as folder, serving(folder / "data", "--demo", background=True) as instance:
        yield instance


@pytest.fixture(scope="session")
def service(site: Instance) -> str:
    """The service's URL."""
    return url_of(site)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(site: Instance) -> AsyncIterator[Api]:
    """A client of the service's API, to make what a test needs and to see what became of it."""
    async with api_of(site) as api:
        yield api


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(_needed: None) -> AsyncIterator[Browser]:
    """The browser."""
    async with launched() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def new_page(browser: Browser, service: str) -> AsyncIterator[NewPage]:
    """Opens a page as a new person, with a view; `statuses` from 400 on are those that the test expects.

    When the test has ended, anything else that went wrong on these pages fails it.
    """
    opened: list[Complaints] = []
    async with AsyncExitStack() as stack:

        async def new(view: View = DESKTOP, *, statuses: set[int] | None = None) -> Page:
            context = await stack.enter_async_context(await context_of(browser, service, view))
            opened.append(Complaints(context, service, statuses=statuses or set()))
            return await context.new_page()

        yield new
        found = [complaint for complaints in opened for complaint in complaints.found]
    assert found == []


@pytest_asyncio.fixture(loop_scope="session")
async def page(new_page: NewPage) -> Page:
    """A page on a desktop."""
    return await new_page()
