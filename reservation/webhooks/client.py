"""Sends deliveries. What a connection leads to is checked when it is made, whatever the name resolved to before."""

import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from time import perf_counter

from aiohttp import (
    AddrInfoType,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    InvalidURL,
    ServerDisconnectedError,
    TCPConnector,
    ThreadedResolver,
)
from aiohttp.abc import AbstractResolver
from yarl import URL

from ..runtime.network_errors import in_words
from .addresses import Address, AllowedNetworks

CONNECT_S = 5.0
TOTAL_S = 15.0
MOST_ANSWER_BYTES = 4096  # read of an answer, so that its connection can be used again
MOST_ERROR_CHARS = 300
USER_AGENT = "reservation-webhooks"
NOT_PUBLIC = "{host} is not a public address, and not in WEBHOOK_ALLOWED_NETWORKS."
NOT_ALLOWED = "{host} is not in WEBHOOK_ALLOWED_NETWORKS: only there may the URL begin with http://."


class AddressRefused(OSError):
    """The address is not public, or without TLS at all, and not among WEBHOOK_ALLOWED_NETWORKS."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a delivery: the status, or without an answer, what failed."""

    status: int | None
    error: str | None
    duration_ms: int

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has accepted the delivery."""
        return self.status is not None and 200 <= self.status < 300


class WebhookClient:
    """An HTTP client that connects to allowed addresses only, and follows no redirect."""

    def __init__(self, allowed: AllowedNetworks, resolver: Callable[[], AbstractResolver] = ThreadedResolver) -> None:
        # Without TLS, only to what the operator has allowed.
        self._is_allowed = {"https": (allowed.has, NOT_PUBLIC), "http": (allowed.lists, NOT_ALLOWED)}
        self._resolver = resolver
        self._sessions: dict[str, ClientSession] = {}

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def post(self, url: str, body: str, headers: Mapping[str, str]) -> Reply:
        """Send a delivery; whatever happens is in the reply."""
        started = perf_counter()
        status, error = await self._outcome(URL(url), body.encode(), headers)
        return Reply(status, error, round((perf_counter() - started) * 1000))

    async def _outcome(self, url: URL, body: bytes, headers: Mapping[str, str]) -> tuple[int | None, str | None]:
        try:
            async with self._session(url.scheme).post(
                url, data=body, headers={"Content-Type": "application/json", **headers}, allow_redirects=False
            ) as response:
                with suppress(ClientError, TimeoutError):  # the status says whether it was accepted
                    await response.content.read(MOST_ANSWER_BYTES)
                accepted = 200 <= response.status < 300
                return response.status, None if accepted else f"HTTP status {response.status}"
        except ConnectionTimeoutError:
            return None, f"No connection within {CONNECT_S:.0f} s."
        except TimeoutError:
            return None, f"No answer within {TOTAL_S:.0f} s."
        except (ClientError, OSError, ValueError) as failed:
            return None, _shown(failed)

    def _session(self, scheme: str) -> ClientSession:
        if scheme not in self._sessions:
            self._sessions[scheme] = self._open_session(*self._is_allowed[scheme])
        return self._sessions[scheme]

    def _open_session(self, is_allowed: Callable[[Address], bool], refusal: str) -> ClientSession:
        def connecting_socket(info: AddrInfoType) -> socket.socket:
            family, kind, protocol, _, address = info
            host = str(address[0])
            if not is_allowed(ip_address(host.partition("%")[0])):
                raise AddressRefused(refusal.format(host=host))
            return socket.socket(family, kind, protocol)

        connector = TCPConnector(
            resolver=self._resolver(),
            use_dns_cache=False,
            limit=0,  # the deliveries that run at once are limited before
            socket_factory=connecting_socket,
        )
        return ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=TOTAL_S, sock_connect=CONNECT_S),
            headers={"User-Agent": USER_AGENT},
            auto_decompress=False,
            trust_env=False,
        )


def _shown(failed: BaseException) -> str:
    """What failed, in a line of a bounded length."""
    cause = failed.os_error if isinstance(failed, ClientConnectorError) else failed
    if isinstance(cause, AddressRefused):
        return str(cause)[:MOST_ERROR_CHARS]
    if isinstance(cause, InvalidURL):
        return "The URL is not valid."
    if isinstance(cause, ServerDisconnectedError):
        return "The connection was closed without an answer."
    if isinstance(cause, ClientResponseError | ClientPayloadError):
        return "The answer is not valid HTTP."
    return (in_words(failed) or "No connection, or it was lost.")[:MOST_ERROR_CHARS]
