"""`python -m benchmarks.pages`: time, weight and Largest Contentful Paint of every page of the embedded demo.

Words given as arguments choose the pages whose addresses contain one of them. Needs Chromium; takes some minutes.
"""

import asyncio
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from playwright.async_api import Browser, Page

from tests.browser.chromium import CHROMIUM, PHONE, context_of, launched
from tests.browser.people import session_cookies
from tests.browser.places import PAGES, Made, Who, make, opened
from tests.browser.site import api_of, url_of
from tests.faults.test_serving import Instance, serving

from .report import table

REQUESTS, WARM_UP = 200, 20
LOADS = 5
PATIENCE_S = 60
SLOWDOWN = 4  # of the browser's CPU
MOST_RENDER_MS, MOST_BYTES, MOST_LCP_MS = 50, 150_000, 1_000
TOTAL = re.compile(r"total;dur=([\d.]+)")
LCP = """() => new Promise(found => new PerformanceObserver(list => found(list.getEntries().at(-1).startTime))
    .observe({type: "largest-contentful-paint", buffered: true}))"""


@dataclass(frozen=True, slots=True)
class Measured:
    """A page: the server's p95 by its Server-Timing, the bytes of a first load, and the median of the LCP."""

    address: str
    render_ms: float
    weight: int
    lcp_ms: float

    @property
    def cells(self) -> tuple[str, ...]:
        """Its line of the table; what is more than asked is bold."""
        return (
            self.address,
            _cell(self.render_ms, MOST_RENDER_MS, "{:.1f}"),
            _cell(self.weight, MOST_BYTES, "{:,.0f}"),
            _cell(self.lcp_ms, MOST_LCP_MS, "{:.0f}"),
        )


def _cell(value: float, most: float, form: str) -> str:
    return form.format(value) if value < most else f"**{form.format(value)}**"


async def measure(site: Instance, words: Sequence[str]) -> list[Measured]:
    """Measure pages one after the other."""
    chosen = [(address, who) for address, who in PAGES if not words or any(word in address for word in words)]
    async with api_of(site) as api, launched() as browser:
        made = await make(api, await api.sign_up())
        return [await measured(browser, url_of(site), made, address, who) for address, who in chosen]


async def measured(browser: Browser, url: str, made: Made, address: str, who: Who) -> Measured:
    """One page: requests without a browser's work, then loads by a new phone each."""
    render_ms = await _render_ms(made, address, who)
    loads = [await _load(browser, url, made, address, who) for _ in range(LOADS)]
    found = Measured(address, render_ms, max(weight for weight, _ in loads), median(lcp for _, lcp in loads))
    print(*found.cells, sep="  ", flush=True)
    return found


async def _render_ms(made: Made, address: str, who: Who) -> float:
    times, cookies = [], await session_cookies(made.api, made.people[who]) if who in made.people else {}
    headers = {"Cookie": "; ".join(f"{name}={token}" for name, token in cookies.items()), "Accept": "text/html"}
    for _ in range(WARM_UP + REQUESTS):
        async with made.api.client.get(made.address(address), headers=headers) as answer:
            await answer.read()
            answer.raise_for_status()
            [total] = TOTAL.findall(answer.headers["Server-Timing"])
            times.append(float(total))
    return quantiles(times[WARM_UP:], n=20)[-1]


async def _load(browser: Browser, url: str, made: Made, address: str, who: Who) -> tuple[int, float]:
    """Bytes as transferred, with all that the page brings along, and the LCP in ms."""
    async with await context_of(browser, url, PHONE) as context:
        page = await context.new_page()
        weights = await _weighed(page)
        await opened(page, made, who, address)
        async with asyncio.timeout(PATIENCE_S):
            return sum(weights), float(await page.evaluate(LCP))


async def _weighed(page: Page) -> list[int]:
    """The bytes of each response that ends from now on, while the browser's CPU is slowed down."""
    weights: list[int] = []
    debugger = await page.context.new_cdp_session(page)
    debugger.on("Network.loadingFinished", lambda event: weights.append(int(event["encodedDataLength"])))
    await debugger.send("Network.enable")
    await debugger.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    return weights


def main(words: Sequence[str]) -> None:
    """Print the table; exit with status 1 if anything is more than asked."""
    if CHROMIUM is None:
        sys.exit("no Chromium found: apt-get install chromium")
    with TemporaryDirectory() as folder, serving(Path(folder) / "data", "--demo") as site:
        found = asyncio.run(measure(site, words))
    head = (
        "page",
        f"server, p95 of {REQUESTS} (< {MOST_RENDER_MS} ms)",
        f"first load (< {MOST_BYTES:,} bytes)",
        f"LCP at a CPU of 1/{SLOWDOWN} (< {MOST_LCP_MS:,} ms)",
    )
    print("\n" + table(head, [page.cells for page in found]))
    sys.exit(any("**" in cell for page in found for cell in page.cells))


if __name__ == "__main__":
    main(sys.argv[1:])
