"""Parses the values of settings; each function makes a parser or is one, and raises InvalidSettings."""

import os
import re
from collections.abc import Callable
from email.message import EmailMessage
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import idna

from .environment import InvalidSettings

# From a variable's name and its text, None where it has none and no default, to its value; raises InvalidSettings.
Parse: TypeAlias = Callable[[str, str | None], Any]

# Parameters of the stores' URLs that name files for TLS; libpq also takes sslrootcert=system.
FILE_PARAMETERS = {"sslrootcert", "sslcert", "sslkey", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
PLAIN_SCHEMES = ("redis", "rediss", "unix")
SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
PORTS = {"http": 80, "https": 443}
IPV6_ORIGIN = re.compile(r"https?://\[[0-9a-f:]+\](:[0-9]+)?")


def text(_: str, raw: str | None) -> str | None:
    return raw


def path(_: str, raw: str | None) -> Path | None:
    return None if raw is None else Path(raw).absolute()


def integer(low: int, high: int, *, unit_s: int = 1) -> Parse:
    """A whole number within bounds, times `unit_s`: the variable may count minutes, the setting counts seconds."""

    def parse(name: str, raw: str | None) -> int:
        try:
            value = int(raw or "")
        except ValueError:
            raise InvalidSettings(f"{name} must be a whole number, not {raw!r}") from None
        if not low <= value <= high:
            raise InvalidSettings(f"{name} must be between {low} and {high}, not {value}")
        return value * unit_s

    return parse


def choice(*choices: str) -> Parse:
    def parse(name: str, raw: str | None) -> str:
        value = (raw or "").lower()
        if value not in choices:
            raise InvalidSettings(f"{name} must be one of {', '.join(choices)}, not {value!r}")
        return value

    return parse


def switch(*, off: str, on: str) -> Parse:
    either = choice(off, on)
    return lambda name, raw: either(name, raw) == on


def ratio(name: str, raw: str | None) -> float:
    """A number from 0 to 1."""
    try:
        number = float(raw or "")
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:  # neither is NaN
        raise InvalidSettings(f"{name} must be a number from 0 to 1, not {raw!r}")
    return number


def currency(name: str, raw: str | None) -> str:
    value = raw or ""
    if not (len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()):
        raise InvalidSettings(f"{name} must be an ISO 4217 code such as USD, not {value!r}")
    return value


def mail_from(name: str, raw: str | None) -> str | None:
    """An e-mail address, with or without a name before it."""
    if raw is None:
        return None
    try:
        message = EmailMessage()
        message["From"] = raw
        [address] = message["From"].addresses
        is_valid = bool(address.username and address.domain) and raw.isprintable()
    except (ValueError, IndexError):
        is_valid = False
    if not is_valid:
        raise InvalidSettings(f"{name} must be an address such as Box Office <tickets@example.org>, not {raw!r}")
    return raw


def url(*schemes: str, several_hosts: bool = False) -> Parse:
    """A URL of one of these schemes; with `several_hosts`, hosts may be listed as in libpq: h1:5432,h2:5432."""

    def parse(name: str, raw: str | None) -> str | None:
        if raw is None:
            return None
        try:
            parts = urlsplit(raw)
            address = parts.netloc.rpartition("@")[2]
            ports = [urlsplit(f"//{host}").port for host in (address.split(",") if several_hosts else [address])]
            is_valid = parts.scheme in schemes and 0 not in ports
        except ValueError:
            is_valid = False
        if not is_valid:  # the message does not repeat the URL: it may contain a password
            raise InvalidSettings(f"{name} must be a URL such as {schemes[0]}://host:port/name")
        for parameter, path in parse_qsl(parts.query):
            if parameter in FILE_PARAMETERS and path != "system" and not os.path.isfile(path):
                raise InvalidSettings(f"{name} names a file that is not there: {parameter}={path}")
        return raw

    return parse


_plain_redis_url = url(*PLAIN_SCHEMES)
_sentinel_url = url(*SENTINEL_SCHEMES, several_hosts=True)
_cluster_url = url(*CLUSTER_SCHEMES, several_hosts=True)


def redis_url(name: str, raw: str | None) -> str | None:
    """A URL of one Redis, of nodes of a cluster, or of the Sentinels and the name of the service that they watch."""
    if raw is None:
        return None
    scheme = raw.partition("://")[0]
    if scheme in CLUSTER_SCHEMES:
        return _redis_cluster_url(name, raw)
    if scheme not in SENTINEL_SCHEMES:
        if scheme not in PLAIN_SCHEMES:
            schemes = ", ".join((*PLAIN_SCHEMES, *SENTINEL_SCHEMES, *CLUSTER_SCHEMES))
            raise InvalidSettings(
                f"{name} must be a URL such as redis://host:port/name, with one of these schemes: {schemes}"
            )
        _plain_redis_url(name, raw)
        return raw
    _sentinel_url(name, raw)
    parts = urlsplit(raw)
    service = parts.path.strip("/")
    if not parts.hostname or not service or "/" in service:
        raise InvalidSettings(f"{name} must name Sentinels and a service: redis+sentinel://host1,host2:26379/service")
    return raw


def _redis_cluster_url(name: str, raw: str) -> str:
    _cluster_url(name, raw)
    parts = urlsplit(raw)
    if not parts.hostname or parts.path.strip("/") or "db" in dict(parse_qsl(parts.query)):
        raise InvalidSettings(f"{name} must name nodes and no database: redis+cluster://host1:6379,host2:6379")
    return raw


def split_list(raw: str | None) -> list[str]:
    return [part.strip() for part in (raw or "").split(",") if part.strip()]


def origins(name: str, raw: str | None) -> tuple[str, ...]:
    found = tuple(part.rstrip("/") for part in split_list(raw))
    for origin in found:
        if origin != "*" and origin != (sent := _as_browsers_send(origin)):
            example = sent or "https://example.org"
            raise InvalidSettings(f"{name} must list origins as browsers send them, such as {example}, not {origin!r}")
    return found


def _as_browsers_send(origin: str) -> str | None:
    """Scheme, host in ASCII and lower case, and the port unless it is the scheme's own; None for what is no origin."""
    try:
        parts = urlsplit(origin)
        host, port = idna.encode(parts.hostname or "", uts46=True).decode(), parts.port
    except ValueError:  # an IPv6 address, or no host at all
        return origin if IPV6_ORIGIN.fullmatch(origin) else None
    if parts.scheme not in ("http", "https"):
        return None
    return f"{parts.scheme}://{host}" + ("" if port in (None, PORTS[parts.scheme]) else f":{port}")


def networks(name: str, raw: str | None) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(map(ip_network, split_list(raw)))
    except ValueError as error:
        raise InvalidSettings(f"{name} must list addresses or networks such as 10.0.0.0/8: {error}") from None
