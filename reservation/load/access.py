"""How the target and, unless it is remote, its stores are reached."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from ..db.pool_options import tool_limits
from ..db.repository.load import Connection
from ..settings import Settings
from . import LoadError
from .client import Client
from .target import Target

FAULTS = {
    "name_not_resolved": "the name of its host cannot be resolved",
    "connection_refused": "connection refused; is the service running there?",
    "plain_http": "what answers there speaks no TLS; is it http:// instead of https://?",
    "tls_error": "its TLS certificate or handshake is not accepted; --insecure takes any certificate",
    "malformed_answer": "what answers there is not HTTP; is it https:// instead of http://?",
}


@dataclass(frozen=True, slots=True)
class TargetAccess:
    """The target, the settings of its stores or None for a remote target, and the file of tokens to use, if any.

    `metrics_token` is the METRICS_TOKEN of the target; empty if it is not known.
    """

    target: Target
    settings: Settings | None
    connections: int
    timeout_s: float
    tokens_file: Path | None
    metrics_token: str = field(default="", repr=False)

    def client(self, *, queue_timeout_s: float | None = None) -> Client:
        """A client of the target."""
        return Client(
            self.target, connections=self.connections, timeout_s=self.timeout_s, queue_timeout_s=queue_timeout_s
        )

    def report_settings(self) -> dict[str, Any]:
        """The report's settings that a run and a drill have in common."""
        return {
            "url": self.target.url,
            "connections": self.connections,
            "timeout_s": self.timeout_s,
            "remote": self.settings is None,
        }


async def check_reachable(client: Client) -> None:
    """Raise LoadError unless the target is alive."""
    answer = await client.call("GET", "/health")
    if answer.status != 200:
        cause = FAULTS.get(answer.fault, answer.fault) or answer.status
        raise LoadError(f"{client.target.url} does not answer /health: {cause}")


@asynccontextmanager
async def database_connection(settings: Settings, tool: str) -> AsyncIterator[Connection]:
    """A connection to the target's database, closed at the end."""
    conn: Connection = await asyncpg.connect(settings.database_url, server_settings=tool_limits(tool))
    try:
        yield conn
    finally:
        await conn.close()
