"""What must not happen on a page: errors in its console, requests that fail, requests to other hosts, barriers."""

import re
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, Response, WebError

AXE = Path(__file__).parents[2] / ".venv/axe/node_modules/axe-core/axe.min.js"
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
# Ends all transitions, since axe would measure intermediate colours. In a context without JavaScript timers do not run,
# but axe waits for timers of 0 ms; promises run, so they stand in for these.
PREPARE = """() => {
  for (const each of document.getAnimations()) try { each.finish() } catch { each.cancel() }
  if (matchMedia("(scripting: none)").matches) window.setTimeout = todo => { Promise.resolve().then(todo) }
}"""
# With forced colors the browser chooses the colors, and axe reads one that is not forced (-webkit-text-fill-color).
RUN = """options => axe.run(document, {
  ...options, rules: {"color-contrast": {enabled: !matchMedia("(forced-colors: active)").matches}}
})"""
# What Chromium, and htmx, write of each response from 400 on, which are judged by their status.
STATUS = re.compile(r"(Failed to load resource: the server responded with a status of|Response Status Error Code) \d+")
# What htmx writes of a request that it, or a browser that leaves the page, gives up for another one. Of a request that
# fails it writes htmx:sendError as well.
GIVEN_UP = re.compile(r"htmx:(afterRequest|sendAbort|abort)\b")
# The browser itself aborts requests when a page is left or a script closes its event stream.
ABORTED = "net::ERR_ABORTED"


class Complaints:
    """All errors on the pages of a context from its start on, as text.

    A violated Content-Security-Policy is an error in the console, with or without JavaScript.
    """

    def __init__(self, context: BrowserContext, url: str, *, statuses: AbstractSet[int]) -> None:
        self.found: list[str] = []
        self._origin = f"{url}/"
        self._statuses = statuses
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not (STATUS.match(message.text) or GIVEN_UP.match(message.text)):
            self.found.append(f"console, {message.type}: {message.text}")

    def _error(self, error: WebError) -> None:
        self.found.append(f"script: {error.error}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self._origin, "data:", "blob:", "about:")):
            self.found.append(f"another host: {request.method} {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != ABORTED:
            self.found.append(f"failed: {request.method} {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._statuses:
            self.found.append(f"status {response.status}: {response.request.method} {response.url}")


async def violations(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA on a page as it is now, a line for each element.

    The source runs by the debugger, which the page's Content-Security-Policy does not concern.
    """
    await page.evaluate(PREPARE)
    await page.evaluate(AXE.read_text())
    options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"], "preload": False}
    found = await page.evaluate(RUN, options)
    return [_told(rule, node) for rule in found["violations"] for node in rule["nodes"]]


def _told(rule: dict[str, Any], node: dict[str, Any]) -> str:
    why = " ".join(node["failureSummary"].split())
    return f"{rule['id']} ({rule['impact']}) at {' '.join(map(str, node['target']))}: {why}; {node['html'][:200]}"
