"""A real receiver of webhooks, which verifies each delivery as its clients would."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

LOOPBACK = "127.0.0.0/8"


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery as it came in."""

    headers: dict[str, str]
    text: str

    @property
    def id(self) -> str:
        """The message's id, the same in all repeats."""
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        """The type of the event."""
        return str(json.loads(self.text)["type"])

    @property
    def reservation_id(self) -> str:
        """The reservation that the event is about."""
        return str(json.loads(self.text)["data"]["reservation"]["id"])

    def verified(self, secret: str) -> dict[str, Any]:
        """The body; raises WebhookVerificationError if the signature is not of this secret."""
        body: dict[str, Any] = Webhook(secret).verify(self.text, self.headers)
        return body


@dataclass(slots=True)
class Receiver:
    """Answers 204, or what `answers` has; `hang` lets it keep requests without an answer until it is set."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: deque[int] = field(default_factory=deque)
    headers: dict[str, str] = field(default_factory=dict)
    go_on: asyncio.Event | None = None  # none is answered before it is set
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    at_once: int = 0
    most_at_once: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        """Receive a delivery."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.received.append(Received(headers, await request.text()))
            async with self.arrived:
                self.arrived.notify_all()
            if self.go_on is not None:
                await self.go_on.wait()
            return web.Response(status=self.answers.popleft() if self.answers else 204, headers=self.headers)
        finally:
            self.at_once -= 1

    async def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait for an arrival after which it is so."""
        async with self.arrived:
            await self.arrived.wait_for(is_so)


@asynccontextmanager
async def receiving(**settings: Any) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(**settings)
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.handle)
    server = TestServer(app, shutdown_timeout=1)
    await server.start_server()
    receiver.url = str(server.make_url("/events"))
    try:
        yield receiver
    finally:
        if receiver.go_on is not None:
            receiver.go_on.set()
        await server.close()
