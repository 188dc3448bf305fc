"""Redis behind Sentinel: `redis+sentinel://user:password@host1:26379,host2:26379/service?db=0`.

The login, the database and the other parameters are those of Redis; `sentinel_username` and `sentinel_password` are the
login to the Sentinels, if they have one. `rediss+sentinel://` uses TLS for both.
"""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Sentinel
from redis.asyncio.connection import AbstractConnection, SSLConnection
from redis.asyncio.sentinel import MasterNotFoundError, SentinelConnectionPool, SentinelManagedConnection
from redis.exceptions import RedisError

from .redis_hosts import Address, hosts_and_options

SENTINEL_PORT = 26379
SENTINEL_TIMEOUT_S = 0.5  # a Sentinel that does not answer delays each new connection by so much


class UnknownService(RedisError):
    """The Sentinels answer, and know no service of this name: REDIS_URL is wrong."""


class _Sentinels(Sentinel):
    """Asks all Sentinels at once and takes what the newest election says: one that was cut off may name an old one."""

    async def discover_master(self, service_name: str) -> Address:
        """The master's address; raises MasterNotFoundError, also while a master that failed has no successor."""
        asked = (sentinel.sentinel_masters() for sentinel in self.sentinels)
        answers: list[Any] = await asyncio.gather(*asked, return_exceptions=True)
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        for error in errors:
            if not isinstance(error, RedisError | OSError | TimeoutError):
                raise error
        masters = [answer for answer in answers if not isinstance(answer, BaseException)]
        states = [known[service_name] for known in masters if service_name in known]
        if masters and not states:
            raise UnknownService(f"Sentinel knows no service {service_name!r}")
        epoch = max((state["config-epoch"] for state in states), default=0)
        for state in states:
            if state["config-epoch"] == epoch and self.check_master_state(state, service_name):
                return state["ip"], state["port"]
        raise MasterNotFoundError(f"Sentinel has no master for {service_name!r}; errors: {errors}")


class SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """A bounded pool of connections to the master; each new connection asks the Sentinels where it is."""

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back; one to an old master is closed first, and asks for the new one when it is used."""
        if isinstance(connection, SentinelManagedConnection):
            address = (connection.host, connection.port)
            if address != self.master_address:
                await connection.disconnect()
        await super().release(connection)

    async def aclose(self) -> None:
        """Close all connections, those to the Sentinels, too."""
        await super().aclose()
        await self.sentinel_manager.aclose()


def sentinel_pool(url: str, **options: Any) -> SentinelPool:
    """The pool of a URL, with the options of redis-py's BlockingConnectionPool."""
    addresses, of_url = hosts_and_options(url, default_port=SENTINEL_PORT)
    of_redis = {**options, **of_url}
    uses_tls = of_redis.pop("connection_class", None) is SSLConnection
    of_sentinel = {name: value for name, value in of_redis.items() if uses_tls and name.startswith("ssl_")} | {
        "ssl": uses_tls,
        "username": of_redis.pop("sentinel_username", None),
        "password": of_redis.pop("sentinel_password", None),
        "socket_timeout": SENTINEL_TIMEOUT_S,
        "socket_connect_timeout": SENTINEL_TIMEOUT_S,
        "decode_responses": True,
        "driver_info": options.get("driver_info"),
    }
    sentinels = _Sentinels(addresses, sentinel_kwargs=of_sentinel)  # type: ignore[no-untyped-call]  # redis-py's own
    return SentinelPool(urlsplit(url).path.strip("/"), sentinels, ssl=uses_tls, **of_redis)  # type: ignore[no-untyped-call]  # so
