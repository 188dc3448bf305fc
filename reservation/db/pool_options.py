"""Options of the connections to PostgreSQL: those of the service's pool, and those of commands."""

import re
from typing import Any

import asyncpg
import orjson
from psycopg.conninfo import conninfo_to_dict

from ..settings import Settings
from .pgbouncer import through_pgbouncer

IDLE_IN_TRANSACTION_S = 15
TOOL_WAIT_S = 60
COMMAND_MARGIN_S = 1.0
# A plan that was made when PostgreSQL had just seen a table empty is bad for as long as it is kept.
PLAN_KEPT_S = 10


def pool_options(settings: Settings) -> dict[str, Any]:
    """How the service connects to PostgreSQL."""
    options = {
        "dsn": settings.database_url,
        "min_size": min(2, settings.pool_size),
        "max_size": settings.pool_size,
        # A little longer than the server's own limit, which says more clearly what happened.
        "command_timeout": settings.statement_timeout_s + COMMAND_MARGIN_S,
        "timeout": settings.pool_wait_s,
        "max_cached_statement_lifetime": PLAN_KEPT_S,
        "init": _prepare_connection,
        "reset": _leave_as_is,
        "server_settings": pool_settings(settings),
    }
    return through_pgbouncer(options) if settings.pgbouncer else options


def pool_settings(settings: Settings) -> dict[str, str]:
    """How each session of the service is set: it names itself, and nothing runs or locks for ever."""
    statement_ms = int(settings.statement_timeout_s * 1000)
    return {
        "application_name": "reservation",
        "statement_timeout": str(statement_ms),
        "lock_timeout": str(statement_ms),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_S * 1000),
        "timezone": "UTC",
        # Every statement has one plan, whatever its arguments: to plan a confirm costs more than to run it. That
        # plan must not be to read whole tables, whose size was not known when it was made.
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "jit": "off",  # what the planner is kept from has a price that would set it off
        **({"role": settings.database_role} if settings.database_role else {}),
    }


def why_refused(settings: Settings, error: BaseException) -> str:
    """Why PostgreSQL did not open a connection with `pool_options`; for DATABASE_ROLE also what to do about it."""
    reason, role = str(error).partition("\n")[0], settings.database_role
    if not role or f'role "{role}"' not in reason:
        return reason
    if not isinstance(error, asyncpg.InsufficientPrivilegeError):
        return f"DATABASE_ROLE: {reason}"
    login = str(conninfo_to_dict(settings.database_url or "").get("user", "the login of DATABASE_URL"))
    return f"DATABASE_ROLE: {reason}; run as a DBA: grant {_identifier(role)} to {_identifier(login)};"


def _identifier(name: str) -> str:
    return name if re.fullmatch("[a-z_][a-z0-9_]*", name) else f'"{name}"'


def tool_limits(name: str) -> dict[str, str]:
    """Server settings of a tool's own connection: seeding, the audit and the load kit, which do not sell.

    What they ask may take its time; but nobody should wait for them for long, nor they for anybody.
    """
    return {
        "application_name": f"reservation {name}",
        "statement_timeout": "0",
        "lock_timeout": str(TOOL_WAIT_S * 1000),
        "idle_in_transaction_session_timeout": str(TOOL_WAIT_S * 1000),
    }


async def _leave_as_is(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Spare the round trip of a RESET: no code of ours leaves anything in a session (tests/db/test_pool.py).

    A transaction that is still open is rolled back by asyncpg before this.
    """


async def _prepare_connection(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads
    )
