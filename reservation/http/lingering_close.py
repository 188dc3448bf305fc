"""A lingering close: the end of a connection whose client may still send.

A socket that is closed while bytes are unread resets the connection, and a client that is told of it may lose the
answer, which it has not read yet (RFC 9112, 9.6). So the service ends its own side first and reads until the client
ends the other, for a second at most.
"""

import asyncio
from typing import Any

LINGER_S = 1.0


def end_sending(transport: asyncio.Transport) -> None:
    """Send what is written and the end of the stream; what the client still sends is read."""
    try:
        transport.write_eof()
        transport.resume_reading()
    except (OSError, NotImplementedError):  # the client is gone, or the stream has no end of one side
        transport.close()


class LingeringTransport:
    """A transport that is closed so at the first `close`, and at once at the second."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._closing: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        """End this side, and the other when the client has ended or the time is over."""
        if self._closing is None:
            end_sending(self._transport)
            self._closing = self._loop.call_later(LINGER_S, self._transport.close)
        else:
            self._closing.cancel()
            self._transport.close()
