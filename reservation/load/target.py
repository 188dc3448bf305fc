"""The service under load: its address, and the bytes of requests to it."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from . import LoadError

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """The address that requests go to; `prefix` is the path before the service's own."""

    url: str
    host: str
    port: int
    prefix: str
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str, *, verify: bool = True) -> "Target":
        """Take a URL apart; without `verify` any certificate is accepted. Raises LoadError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise LoadError(f"{url!r} is no URL: {error}") from None
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise LoadError(f"an address must be like http://host:port or https://host, not {url!r}")
        tls = None
        if parts.scheme == "https":
            tls = ssl.create_default_context()
            if not verify:
                tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        return cls(url.rstrip("/"), parts.hostname, port or DEFAULT_PORTS[parts.scheme], parts.path.rstrip("/"), tls)

    def request(
        self, method: str, path: str, *, token: str = "", body: bytes = b"", etag: str = "", idempotency_key: str = ""
    ) -> bytes:
        """A whole HTTP/1.1 request; the body, if any, is JSON."""
        head = f"{method} {self.prefix}{path} HTTP/1.1\r\n{self._headers}Accept: application/json\r\n"
        if token:
            head += f"Authorization: Bearer {token}\r\n"
        if etag:
            head += f"If-None-Match: {etag}\r\n"
        if idempotency_key:
            head += f"Idempotency-Key: {idempotency_key}\r\n"
        if body:
            head += "Content-Type: application/json\r\n"
        if method != "GET":
            head += f"Content-Length: {len(body)}\r\n"
        return f"{head}\r\n".encode() + body

    def stream_request(self, path: str) -> bytes:
        """A request for Server-Sent Events, by HTTP/1.0, so that they come without chunks."""
        return f"GET {self.prefix}{path} HTTP/1.0\r\n{self._headers}Accept: text/event-stream\r\n\r\n".encode()

    @property
    def _headers(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"Host: {host}:{self.port}\r\nUser-Agent: reservation-load\r\n"
