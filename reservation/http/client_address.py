"""Whose request it is, as far as the network tells: one word for everybody behind one line."""

from collections.abc import Iterator
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import structlog
from aiohttp import web

from .app_keys import SETTINGS

IPV6_LINE_BITS = 64  # what one line is given at least: its addresses in there cost nothing (RFC 6177)
NO_SEATS = "unknown"  # a connection without an address, such as a Unix socket

log = structlog.stdlib.get_logger("reservation.http")


def client_address(request: web.Request) -> str:
    """The address that sent the request, an IPv6 one as its /64.

    The other end of the connection, unless that is one of TRUSTED_PROXIES: then the right-most entry of
    X-Forwarded-For that is not such a proxy, too. What stands to the left of it, anybody can have written.
    """
    trusted = request.app[SETTINGS].trusted_proxies
    found = _parse(request.remote or "")
    if not trusted and "X-Forwarded-For" in request.headers:
        _warn_once()
    for entry in _forwarded_for(request) if trusted else ():
        if found is None or not any(found in network for network in trusted):
            break
        nearer = _parse(entry)
        if nearer is None:  # the proxy itself does not say; all that comes through it that way is one client
            break
        found = nearer
    return NO_SEATS if found is None else _line(found)


@cache
def _warn_once() -> None:
    """Behind a proxy that is not named, all clients share one address and its limits: whoever set it up should know.

    Once a process, since anybody can send that header.
    """
    log.warning("forwarded_for_ignored", hint="if this service is behind a proxy, name it in TRUSTED_PROXIES")


def _forwarded_for(request: web.Request) -> Iterator[str]:
    """The entries of all X-Forwarded-For, those of the nearest proxy first."""
    for header in reversed(request.headers.getall("X-Forwarded-For", ())):
        yield from reversed(header.split(","))


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """An address, also with a port or in brackets; None for anything else. IPv4 within IPv6 is IPv4."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _line(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, IPV6_LINE_BITS), strict=False))
    return str(address)
