"""A lingering close: the end of a connection whose client may still send.

If a socket is closed while received bytes are unread, the kernel resets the connection. A client that gets the reset
may discard the answer before it has read it (RFC 9112, 9.6). So the service first ends its own side. Then it reads and
drops what the client sends, until the client ends its side, or for LINGER_S.
"""

import asyncio
from typing import Any, cast

from aiohttp.web_protocol import RequestHandler

LINGER_S = 1.0


def linger(connection: RequestHandler) -> None:
    """Let a connection take no further request, and end it by a lingering close after the response."""
    connection.close()
    transport: Any = connection.transport
    if transport is not None and not isinstance(transport, LingeringTransport):
        connection.transport = cast("asyncio.Transport", LingeringTransport(transport))


def close_lingering(transport: asyncio.Transport) -> asyncio.TimerHandle:
    """Send what is written and the end of the stream, and close when the client has ended, too, or the time is over."""
    try:
        transport.write_eof()
        transport.resume_reading()
    except (OSError, RuntimeError):  # the client is gone, or TLS cannot end one side
        transport.close()
    return asyncio.get_running_loop().call_later(LINGER_S, transport.close)


class LingeringTransport:
    """A transport whose first `close` lingers; the second one closes at once."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._closing: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        """End this side, and the other when the client has ended or the time is over."""
        if self._closing is None:
            self._closing = close_lingering(self._transport)
        else:
            self._closing.cancel()
            self._transport.close()
