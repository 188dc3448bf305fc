"""Opens what runs the scripts: on one Redis, or on the masters of a cluster."""

from typing import TypeAlias

from ..runtime.redis_client import RedisClient
from ..runtime.redis_cluster import ClusterClient
from .cluster_runner import ClusterScriptRunner
from .script_runner import ScriptRunner

Runner: TypeAlias = ScriptRunner | ClusterScriptRunner


def open_runner(redis: RedisClient, *, wait_s: float | None = None) -> Runner:
    """A runner with connections of its own; `wait_s` is the longest that a caller waits for a hung Redis."""
    if isinstance(redis, ClusterClient):
        return ClusterScriptRunner(redis, wait_s=wait_s)
    return ScriptRunner(redis, wait_s=wait_s)
