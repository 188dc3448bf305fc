"""URLs of several hosts of Redis: nodes of a cluster, or Sentinels."""

from typing import Any, TypeAlias
from urllib.parse import urlsplit

from redis.asyncio.connection import parse_url

Address: TypeAlias = tuple[str, int]


def hosts_and_options(url: str, *, default_port: int) -> tuple[list[Address], dict[str, Any]]:
    """The hosts of a URL, and redis-py's options of a connection to any of them."""
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    one_host = parts._replace(scheme=parts.scheme.partition("+")[0], netloc=f"{login}@redis", path="")
    options: dict[str, Any] = {**parse_url(one_host.geturl())}
    del options["host"]
    named = [urlsplit(f"//{host}") for host in hosts.split(",")]
    return [(each.hostname or "", each.port or default_port) for each in named], options
