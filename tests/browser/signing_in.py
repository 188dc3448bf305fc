"""Sign in by the form, as a person does."""

from playwright.async_api import Page

from tests.api import PASSWORD, Person


async def sign_in(page: Page, person: Person, *, path: str = "/sign-in") -> None:
    """Fill in the form that a path leads to, and send it."""
    await page.goto(path)
    await page.get_by_label("E-mail address").fill(person.email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await page.wait_for_url(lambda url: "/sign-in" not in url)
