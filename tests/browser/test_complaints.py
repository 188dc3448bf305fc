"""What these tests rely on: everything that is wrong with a page is seen, with and without JavaScript."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser

from tests.browser.chromium import DESKTOP, context_of
from tests.browser.complaints import Complaints, violations

PAGE = """<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1>
<link rel="stylesheet" href="/missing.css">
<p style="color: #ddd">an inline style</p>
<p><font color="#dddddd">hardly to be read</font></p>
<img src="http://elsewhere.example/x.png" alt="a picture">
</main></html>"""


@pytest_asyncio.fixture(loop_scope="session")
async def bad_site() -> AsyncIterator[str]:
    """A server of one page, on which a lot is wrong."""

    async def page(_: web.Request) -> web.Response:
        policy = {"Content-Security-Policy": "style-src 'self'; script-src 'none'"}
        return web.Response(text=PAGE, content_type="text/html", headers=policy)

    app = web.Application()
    app.router.add_get("/", page)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


@pytest.mark.parametrize("javascript", [True, False])
async def test_everything_that_is_wrong_with_a_page_is_seen(browser: Browser, bad_site: str, javascript: bool) -> None:
    async with await context_of(browser, bad_site, replace(DESKTOP, javascript=javascript)) as context:
        seen = Complaints(context, bad_site, statuses=set())
        page = await context.new_page()
        await page.goto("/")
        found = await violations(page)
    kinds = sorted(complaint.partition(":")[0] for complaint in seen.found)
    assert kinds == ["another host", "console, error", "console, error", "failed", "status 404"], seen.found
    assert [line.partition(" ")[0] for line in found] == ["color-contrast"]
    assert all("style-src 'self'" in text or "ERR_NAME_NOT" in text for text in seen.found if "console" in text)
    assert "another host: GET http://elsewhere.example/x.png" in seen.found
    assert f"status 404: GET {bad_site}/missing.css" in seen.found
