"""`make screenshots`: the site as Chromium shows the demo, into docs/images/screens.

Names given as arguments choose some of SCREENS.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.async_api import Browser, Page

from reservation.seed import demo
from tests.browser.chromium import CHROMIUM, DESKTOP, PHONE, View, context_of, launched
from tests.browser.places import Made, Who, make, opened
from tests.browser.site import api_of, url_of
from tests.faults.test_serving import Instance, serving

FOLDER = Path(__file__).parents[2] / "docs/images/screens"
COLORS = 256  # as many as a PNG with a palette has
LARGEST = 200_000  # bytes
DARK_DESKTOP, DARK_PHONE = replace(DESKTOP, scheme="dark"), replace(PHONE, scheme="dark")


@dataclass(frozen=True, slots=True)
class Screen:
    """A picture: the file's name, the page (names in braces are fields of Made), and what is done on it before."""

    name: str
    address: str
    view: View = DESKTOP
    who: Who = "visitor"
    steps: Callable[[Page], Awaitable[None]] | None = None
    whole_page: bool = False


async def _three_seats(page: Page) -> None:
    for number in (5, 6, 7):
        await page.get_by_role("checkbox", name=f"Row D, seat {number},").check()


async def _next_day(page: Page) -> None:
    await page.get_by_role("link", name="→").click()


SCREENS: Sequence[Screen] = (
    Screen("whats-on", "/"),
    Screen("whats-on-dark", "/", DARK_DESKTOP),
    Screen("whats-on-phone", "/", PHONE),
    Screen("film-dark", "/films/{movie_id}", DARK_DESKTOP),
    Screen("seats", "/book/{showtime_id}", steps=_three_seats),
    Screen("seats-phone-dark", "/book/{showtime_id}", DARK_PHONE),
    Screen("seats-forced-colors", "/book/{showtime_id}", replace(DESKTOP, forced_colors=True)),
    Screen("held-phone", "/my/reservations/{held_id}", PHONE, who="customer"),
    Screen("reservation", "/my/reservations/{sold_id}", who="customer"),
    Screen("account", "/my/account", who="customer"),
    Screen("sign-in-phone-dark", "/sign-in", DARK_PHONE),
    Screen("box-office-sale", "/box-office/sale/{showtime_id}", who="staff"),
    Screen("timeline", "/manage/showtimes", who="admin", steps=_next_day),
    Screen("seat-plan-dark", "/manage/rooms/{auditorium_id}/seats", DARK_DESKTOP, who="admin"),
    Screen("manage", "/manage", who="admin"),
    Screen("api", "/docs"),
)


async def take(screens: Sequence[Screen], site: Instance) -> None:
    """Write the pictures of these screens, all of one demo."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with api_of(site) as api, launched() as browser:
        customer = await api.log_in(0, demo.CUSTOMER_EMAIL, demo.CUSTOMER_PASSWORD)
        made = await make(api, customer)
        for screen in screens:
            picture = small(await shot(browser, url_of(site), screen, made))
            (FOLDER / f"{screen.name}.png").write_bytes(picture)
            print(f"{screen.name}.png {len(picture):,} bytes")
            if len(picture) > LARGEST:
                raise SystemExit(f"{screen.name}.png has more than {LARGEST:,} bytes")


async def shot(browser: Browser, url: str, screen: Screen, made: Made) -> bytes:
    """The picture of a screen."""
    async with await context_of(browser, url, replace(screen.view, reduced_motion=True)) as context:
        page = await context.new_page()
        await opened(page, made, screen.who, screen.address)
        if screen.steps is not None:
            await screen.steps(page)
        await page.evaluate("document.fonts.ready.then(() => null)")
        return await page.screenshot(full_page=screen.whole_page, animations="disabled")


def small(picture: bytes) -> bytes:
    """A PNG with a palette."""
    with Image.open(BytesIO(picture)) as image, BytesIO() as file:
        image.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(file, "png", optimize=True)
        return file.getvalue()


def main(names: Sequence[str]) -> None:
    """Take the pictures of these names, or all."""
    known = {screen.name: screen for screen in SCREENS}
    if unknown := set(names) - known.keys():
        raise SystemExit(f"there is no {', '.join(sorted(unknown))}: choose from {', '.join(known)}")
    if CHROMIUM is None:
        raise SystemExit("no Chromium found: apt-get install chromium")
    with TemporaryDirectory() as folder, serving(Path(folder) / "data", "--demo") as site:
        asyncio.run(take([known[name] for name in names or known], site))


if __name__ == "__main__":
    main(sys.argv[1:])
