"""The Redis client: a bounded pool of connections, with time limits."""

from ssl import SSLError
from typing import Any, TypeAlias

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError
from redis.backoff import ExponentialBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError as RedisConnectionError,
    MasterDownError,
    ReadOnlyError,
    TimeoutError as RedisTimeoutError,
)

from ..settings import Settings
from ..settings.values import CLUSTER_SCHEMES, SENTINEL_SCHEMES
from .redis_cluster import ClusterClient, cluster_client
from .redis_sentinel import sentinel_pool

REDIS_TIMEOUT_S = 2.0
REDIS_CONNECTIONS = 64

RedisClient: TypeAlias = Redis | ClusterClient


def redis_timeout_s(settings: Settings) -> float:
    """After how long without an answer a connection is given up: no sooner than a request stops to wait for one."""
    return max(REDIS_TIMEOUT_S, settings.redis_wait_ms / 1000)


def redis_client(settings: Settings) -> RedisClient:
    """A client that sends a command again if its connection broke, once: the scripts are safe to repeat.

    So it does if the server is no master any more: the host's name is resolved again, and may lead to the new one.
    Bytes that are not UTF-8 are replaced, so that such a message does not break the subscription.
    """
    url, timeout_s = settings.redis_url or "", redis_timeout_s(settings)
    options: dict[str, Any] = {
        "max_connections": REDIS_CONNECTIONS,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry_on_error": [ReadOnlyError, MasterDownError],
        "retry": Retry(ExponentialBackoff(cap=0.1, base=0.01), 1),
        "decode_responses": True,
        "encoding_errors": "replace",
        "client_name": "reservation",
        "driver_info": DriverInfo(),  # otherwise each connection reads the package's metadata, 2 ms on the event loop
    }
    scheme = url.partition("://")[0]
    if scheme in CLUSTER_SCHEMES:
        return cluster_client(url, **options)
    if scheme in SENTINEL_SCHEMES:
        return Redis.from_pool(sentinel_pool(url, timeout=timeout_s, **options))
    return Redis.from_pool(BlockingConnectionPool.from_url(url, timeout=timeout_s, **options))


def is_away(error: BaseException | None) -> bool:
    """Whether Redis cannot be connected to, does not answer, loads its data or has no master, all of which passes.

    Not that it refuses a login or a command, nor a failure of TLS, after which Redis may reset the connection.
    """
    if isinstance(error, RedisTimeoutError | TimeoutError | BusyLoadingError | MasterNotFoundError):
        return True
    cause = error.__cause__ or error.__context__ if isinstance(error, RedisConnectionError) else None
    return isinstance(cause, OSError) and not isinstance(cause, SSLError | ConnectionResetError)
