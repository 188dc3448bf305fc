"""The service under load: its address, and the bytes of requests to it."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from . import LoadError

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go; `prefix` is the path before the service's own."""

    url: str
    host: str
    port: int
    prefix: str
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str, *, verify: bool = True) -> "Target":
        """Take a URL apart; without `verify` any certificate will do. Raises LoadError."""
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

    def request(self, method: str, path: str, *, token: str = "", body: bytes = b"", etag: str = "") -> bytes:
        """A whole HTTP/1.1 request; the body, if any, is JSON."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [
            f"{method} {self.prefix}{path} HTTP/1.1",
            f"Host: {host}:{self.port}",
            "User-Agent: reservation-load",
            "Accept: application/json",
        ]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        if etag:
            lines.append(f"If-None-Match: {etag}")
        if body:
            lines.append("Content-Type: application/json")
        if body or method not in ("GET", "HEAD"):
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body
