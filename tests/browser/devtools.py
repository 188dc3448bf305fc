"""A headless Chromium, controlled over the DevTools protocol: JSON messages on a WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

PATIENCE_S = 60
ASK_EVERY_S = 0.05


class Tab:
    """One page, and the errors in its console."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self.complaints: list[str] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json()
            if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] in (
                "warning",
                "error",
            ):
                self.complaints.append(message["params"]["entry"]["text"])
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                result: dict[str, Any] = message["result"]
                return result

    async def run(self, script: str) -> Any:
        """The value of an expression on the page."""
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    async def until(self, script: str) -> Any:
        """Wait until an expression is true on the page; its value."""
        async with asyncio.timeout(PATIENCE_S):
            while not (value := await self.run(script)):
                await asyncio.sleep(ASK_EVERY_S)
        return value

    async def click(self, selector: str) -> None:
        """Wait for the element of a CSS selector and click it."""
        await self.until(f"!!{present(selector)}")
        await self.run(f"{present(selector)}.click()")

    async def type(self, selector: str, text: str) -> None:
        """Type into a field with key events."""
        await self.until(f"!!{present(selector)}")
        await self.run(f"{present(selector)}.focus()")
        await self.call("Input.insertText", text=text)


def present(selector: str) -> str:
    """The JavaScript expression for the element of a CSS selector, or null."""
    return f"document.querySelector({json.dumps(selector)})"


@asynccontextmanager
async def opened(program: str, arguments: Sequence[str], url: str, folder: Path) -> AsyncIterator[Tab]:
    """A new browser that shows this page."""
    profile = folder / "profile"
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{await _port(profile / 'DevToolsActivePort')}"
        async with ClientSession() as session:
            async with session.get(f"{address}/json/list") as response:
                [page] = [each for each in await response.json() if each["type"] == "page"]
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                await tab.call("Log.enable")
                await tab.call("Page.navigate", url=url)
                yield tab
    finally:
        process.kill()
        await process.wait()


async def _port(file: Path) -> int:
    """The browser's DevTools address, which it writes to a file when it listens."""
    async with asyncio.timeout(PATIENCE_S):
        while "\n" not in (written := await asyncio.to_thread(_read, file)):
            await asyncio.sleep(ASK_EVERY_S)
    return int(written.partition("\n")[0])


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
