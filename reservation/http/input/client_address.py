"""The client's address, by which attempts are limited; an IPv6 address is cut to its /64."""

from collections.abc import Collection, Iterator
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import structlog
from aiohttp import web

from ..app_keys import SETTINGS

IPV6_PREFIX_BITS = 64  # one customer gets at least a /64, and may use any address in it (RFC 6177)
UNKNOWN = "unknown"  # a connection without an address, such as a Unix socket

log = structlog.stdlib.get_logger("reservation.http")


def client_address(request: web.Request) -> str:
    """The address that sent the request, an IPv6 one as its /64.

    It is the peer of the connection. If that is one of TRUSTED_PROXIES, it is the right-most entry of X-Forwarded-For
    that is not; the entries to the left of it may be forged.
    """
    trusted = request.app[SETTINGS].trusted_proxies
    if not trusted:
        if "X-Forwarded-For" in request.headers:
            _warn_once()
        return _peer(request.remote or "")  # not parsed and formatted for each request
    found = _parse(request.remote or "")
    for entry in _forwarded_for(request):
        if found is None or not any(found in network for network in trusted):
            break
        forwarded = _parse(entry)
        if forwarded is None:  # an unreadable entry: count all such requests of the proxy as one client
            break
        found = forwarded
    return _key(found)


@lru_cache(4096)
def _peer(remote: str) -> str:
    """The address of a peer that is no proxy."""
    return _key(_parse(remote))


@lru_cache(4096)
def is_public(address: str) -> bool:
    """Whether a client's address is one of the internet: another one is of the own network, or of a proxy's in it."""
    return address != UNKNOWN and ip_network(address).is_global


def peer_key(peer: str, trusted: Collection[IPv4Network | IPv6Network]) -> str:
    """The address of a connection, an IPv6 one as its /64; empty for a trusted proxy, which many clients share."""
    found = _parse(peer)
    return "" if found is None or any(found in network for network in trusted) else _key(found)


def _key(address: IPv4Address | IPv6Address | None) -> str:
    if address is None:
        return UNKNOWN
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, IPV6_PREFIX_BITS), strict=False))
    return str(address)


@cache
def _warn_once() -> None:
    """Warn the operator: behind a proxy that is not in TRUSTED_PROXIES, all clients share one address and its limits.

    Only once a process, since any client can send the header.
    """
    hint = (
        "if this service is behind a proxy, name it in TRUSTED_PROXIES: else its clients count as one address, with"
        " CONNECTIONS_PER_ADDRESS connections and the limits of one"
    )
    log.warning("forwarded_for_ignored", hint=hint)


def _forwarded_for(request: web.Request) -> Iterator[str]:
    """The entries of all X-Forwarded-For headers, the nearest proxy's first."""
    for header in reversed(request.headers.getall("X-Forwarded-For", ())):
        yield from reversed(header.split(","))


@lru_cache(4096)  # parsing takes some 4 us
def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """An address, with or without port and brackets; None for anything else. An IPv4-mapped address becomes IPv4."""
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
