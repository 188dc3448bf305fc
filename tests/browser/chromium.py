"""The browser: Debian's Chromium through Playwright, and what a person's screen and preferences are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from shutil import which
from typing import Literal

from playwright.async_api import Browser, BrowserContext, async_playwright, expect

CHROMIUM = next(filter(None, map(which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE_MS = 90_000
ARGUMENTS = (
    "--disable-quic",
    # The browser's own requests to its vendor end here; a page's requests to other hosts fail, and are seen.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


@dataclass(frozen=True, slots=True)
class View:
    """How a person looks at pages; lengths are CSS pixels. `dataclasses.replace` changes one thing."""

    width: int
    height: int
    pixel_ratio: float = 1
    touch: bool = False
    scheme: Literal["light", "dark"] = "light"
    forced_colors: bool = False
    reduced_motion: bool = False
    javascript: bool = True
    locale: str = "en-US"


DESKTOP = View(1280, 800)
PHONE = View(390, 844, pixel_ratio=2, touch=True)
NARROWEST = View(320, 640, pixel_ratio=2)  # what WCAG asks of reflow: a window of 1280 pixels at 400 %
ZOOMED = View(640, 400, pixel_ratio=2)  # DESKTOP at 200 %


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A headless browser. Everything that waits, waits for PATIENCE_MS at most."""
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, chromium_sandbox=False, timeout=2 * PATIENCE_MS
        )
        yield browser
        await browser.close()


async def context_of(browser: Browser, url: str, view: View) -> BrowserContext:
    """A new person's browser: its pages share cookies, and the paths they go to are of this service."""
    context = await browser.new_context(
        base_url=url,
        viewport={"width": view.width, "height": view.height},
        device_scale_factor=view.pixel_ratio,
        has_touch=view.touch,
        is_mobile=view.touch,
        color_scheme=view.scheme,
        forced_colors="active" if view.forced_colors else "none",
        reduced_motion="reduce" if view.reduced_motion else "no-preference",
        java_script_enabled=view.javascript,
        locale=view.locale,
        timezone_id="Europe/Berlin",
    )
    context.set_default_timeout(PATIENCE_MS)
    return context
