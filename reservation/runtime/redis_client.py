"""The client of Redis: pooled connections with bounded waits."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from ..settings import Settings

REDIS_TIMEOUT_S = 2.0
REDIS_CONNECTIONS = 64


def redis_client(settings: Settings) -> Redis:
    """A client with bounded waits; a command whose connection broke is tried once more, which our scripts allow."""
    pool = BlockingConnectionPool.from_url(
        settings.redis_url or "",
        max_connections=REDIS_CONNECTIONS,
        timeout=REDIS_TIMEOUT_S,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        retry=Retry(ExponentialBackoff(cap=0.1, base=0.01), 1),
        decode_responses=True,
        client_name="reservation",
    )
    return Redis.from_pool(pool)
