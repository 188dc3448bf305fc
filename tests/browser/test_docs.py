"""The pages that show the API, in a browser: they render under their policy, without other hosts."""

import asyncio
import json
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from shutil import which

import pytest

from reservation.app import TABLES

CHROMIUM = next(filter(None, map(which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE_S = 90
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    # The browser's own requests to its vendor are blocked; the page's requests are in the log in any case.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--virtual-time-budget=20000",
    "--enable-logging=stderr",
    "--dump-dom",
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found: apt-get install chromium")


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of opening a page."""

    text: str
    console: list[str]
    requested: set[str]


async def visit(url: str, folder: Path) -> Seen:
    """Open a page in a new browser and wait until it is idle."""
    net_log = folder / "net.json"
    process = await asyncio.create_subprocess_exec(
        str(CHROMIUM),
        *ARGUMENTS,
        f"--user-data-dir={folder / 'profile'}",
        f"--log-net-log={net_log}",
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    console = [line for line in err.decode(errors="replace").splitlines() if ":CONSOLE" in line]
    return Seen(unescape(out.decode()), console, _requested(net_log))


def _requested(net_log: Path) -> set[str]:
    """The addresses that a page requested; the browser's own requests have no origin."""
    events = json.loads(net_log.read_text())["events"]
    given = [event.get("params", {}) for event in events]
    return {params["url"] for params in given if params.get("initiator", "not an origin") != "not an origin"}


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_a_page_renders_without_other_hosts(service: str, tmp_path: Path, path: str) -> None:
    base = service.rstrip("/")
    seen = await visit(base + path, tmp_path)
    summaries = {operation.summary for table in TABLES for operation in table.operations}
    assert {summary for summary in summaries if summary not in seen.text} == set()
    assert seen.console == []
    assert f"{base}/openapi.json" in seen.requested
    assert {url for url in seen.requested if not url.startswith(f"{base}/")} == set()
