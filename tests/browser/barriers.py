"""The look at a page on every kind of screen: no barrier, no error, no foreign host."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from playwright.async_api import Browser, BrowserContext, Page

from tests.api import Api, Person
from tests.browser.chromium import DESKTOP, NARROWEST, PHONE, ZOOMED, context_of
from tests.browser.complaints import Complaints, violations
from tests.browser.people import begin_session

# Each look has its own colours to check; with forced colours the browser sees to them.
VIEWS = {
    "desktop": replace(DESKTOP, reduced_motion=True),
    "dark phone": replace(PHONE, scheme="dark"),
    "phone without JavaScript": replace(PHONE, javascript=False),
}
MOVING = "document.getAnimations().filter(each => each.effect.getComputedTiming().duration > 10).length"
TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth)
    .map(each => each.outerHTML.slice(0, 120)).slice(0, 10)"""
# Scripts that change nothing that is seen.
UNSEEN = ("send_once",)


async def changes_by_scripts(page: Page) -> bool:
    """Whether a page may differ without JavaScript; if it has no scripts, its other views have shown all of it."""
    scripts = await page.locator("script[src]").evaluate_all("each => each.map(({src}) => src)")
    return any(not any(name in src for name in UNSEEN) for src in scripts)


@dataclass(slots=True)
class Looks:
    """The browser of each person with each view, signed in once; what it has loaded, it keeps for the next page."""

    browser: Browser
    api: Api
    service: str
    stack: AsyncExitStack
    known: dict[tuple[str, str], tuple[BrowserContext, Complaints]] = field(default_factory=dict)

    async def check(self, address: str, how: str, who: Person | None) -> str:
        """Assert that a page has no barriers and fits its screen; gives the address to which it has led."""
        context, complaints = await self._browser_of(how, who)
        page = await context.new_page()
        response = await page.goto(address)
        assert response is not None
        assert response.status == 200
        shown = page.url.removeprefix(self.service)
        # A page that loads itself again gets no answer, and so stays as it is, however long the look takes.
        await page.route(lambda url: url == self.service + shown, lambda _: None)
        if VIEWS[how].javascript or await changes_by_scripts(page):
            barriers = await violations(page)
            assert barriers == [], "\n".join(barriers)
        if VIEWS[how].reduced_motion:
            assert await page.evaluate(MOVING) == 0
            for view in (ZOOMED, PHONE, NARROWEST):
                await page.set_viewport_size({"width": view.width, "height": view.height})
                width = await page.evaluate("document.documentElement.scrollWidth")
                assert width <= view.width, await page.evaluate(TOO_WIDE)
        await page.close()
        found, complaints.found = complaints.found, []
        assert found == []
        return shown

    async def _browser_of(self, how: str, who: Person | None) -> tuple[BrowserContext, Complaints]:
        key = (how, who.email if who else "")
        if key not in self.known:
            context = await self.stack.enter_async_context(await context_of(self.browser, self.service, VIEWS[how]))
            self.known[key] = context, Complaints(context, self.service, statuses=set())
            if who is not None:
                await begin_session(await context.new_page(), self.api, who)
        return self.known[key]
