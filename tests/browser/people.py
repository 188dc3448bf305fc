"""What people do in a browser before what a test is about."""

from playwright.async_api import Page

from tests.api import Person


async def sign_in(page: Page, person: Person) -> None:
    """Sign in by the form; the page goes on at the start page."""
    await page.goto("/sign-in")
    await page.get_by_label("E-mail address").fill(person.email)
    await page.get_by_label("Password").fill(person.password)
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/")
