"""What people do in a browser before what a test is about."""

from playwright.async_api import Page

from reservation.web.sessions.browser_sessions import ACCESS_COOKIE, REFRESH_COOKIE
from tests.api import Api, Person


async def sign_in(page: Page, person: Person) -> None:
    """Sign in by the form; the page goes on at the start page."""
    await page.goto("/sign-in")
    await page.get_by_label("E-mail address").fill(person.email)
    await page.get_by_label("Password").fill(person.password)
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/")


async def session_cookies(api: Api, person: Person) -> dict[str, str]:
    """A new login session, as the cookies that the form sets."""
    session = await api.log_in(person.id, person.email, person.password)
    return {ACCESS_COOKIE: session.access_token, REFRESH_COOKIE: session.refresh_token}


async def begin_session(page: Page, api: Api, person: Person) -> None:
    """Sign in without pages: a session of its own, with the cookies that the form sets."""
    # By this protocol Secure cookies are only for an https address, though localhost has them in a response.
    url = str(api.client.make_url("/").with_scheme("https"))
    for name, token in (await session_cookies(api, person)).items():
        await page.context.add_cookies(
            [{"name": name, "value": token, "url": url, "httpOnly": True, "sameSite": "Lax"}]
        )
