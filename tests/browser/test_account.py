"""A customer's account in a browser: the copy of the data, the link of a mail, and Back after the sign-out."""

import asyncio
import json
from pathlib import Path

from playwright.async_api import Page, expect

from tests.api import Api
from tests.browser.complaints import violations
from tests.browser.conftest import NewPage
from tests.browser.people import sign_in
from tests.faults.test_serving import Instance
from tests.mailbox import verification_token


async def test_the_data_are_downloaded_as_a_file(api: Api, page: Page) -> None:
    person = await api.sign_up()
    await sign_in(page, person)
    await page.goto("/my/account")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Get my data").click()
    file = await download.value
    assert file.suggested_filename == "my-data.json"
    document = await asyncio.to_thread(Path(await file.path()).read_bytes)
    assert json.loads(document)["account"]["email"] == person.email


async def test_the_link_of_a_mail_confirms_the_address(api: Api, site: Instance, page: Page) -> None:
    person = await api.sign_up()
    token = await verification_token(None, site.data_dir / "mail", person.email)
    await sign_in(page, person)
    await page.goto(f"/verify-email?token={token}")
    assert page.url.endswith("/verify-email")
    assert await violations(page) == []
    await page.get_by_role("button", name="Confirm the address").click()
    await expect(page.get_by_role("status")).to_have_text("Your e-mail address is confirmed.")


async def test_back_after_the_sign_out_shows_nothing_of_the_person(api: Api, new_page: NewPage) -> None:
    person, page = await api.sign_up(), await new_page()
    await sign_in(page, person)
    await page.goto("/my/account")
    await expect(page.get_by_text(person.email)).to_be_visible()
    await page.get_by_role("button", name="Sign out", exact=True).first.click()
    await page.wait_for_url("**/")
    await page.go_back()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(page.get_by_text(person.email)).to_be_hidden()
