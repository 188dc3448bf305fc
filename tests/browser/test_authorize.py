"""The Authorize button of /docs: after e-mail address and password, the page's requests are signed in."""

import json

from playwright.async_api import Page, expect

from tests.api import PASSWORD, Api
from tests.browser.conftest import NewPage


async def authorize(page: Page, email: str, password: str) -> None:
    await page.goto("/docs")
    await page.locator(".auth-wrapper .authorize").click()
    await page.locator("#oauth_username").fill(email)
    await page.locator("#oauth_password").fill(password)
    await page.locator(".auth-container:has(#oauth_username) button.authorize").click()


async def test_the_authorize_dialog_logs_in(api: Api, page: Page) -> None:
    person = await api.sign_up()
    await authorize(page, person.email, PASSWORD)
    await expect(page.get_by_label("Remove authorization")).to_be_visible()
    await page.locator(".dialog-ux .close-modal").click()
    me = page.locator("[id$=operations-Accounts-me]")
    await me.locator(".opblock-summary-control").click()
    await me.locator(".try-out__btn").click()
    await me.locator(".execute").click()
    body = await me.locator(".live-responses-table .microlight").first.inner_text()
    assert json.loads(body)["email"] == person.email


async def test_the_authorize_dialog_shows_a_wrong_password(api: Api, new_page: NewPage) -> None:
    person, page = await api.sign_up(), await new_page(statuses={401})
    await authorize(page, person.email, "a wrong one")
    await expect(page.locator(".auth-container .errors")).to_contain_text("invalid_grant")
