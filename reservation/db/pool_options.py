"""Options of the connections to PostgreSQL: those of the service's pool, and those of commands."""

import re
from typing import Any

import asyncpg
import orjson
from psycopg.conninfo import conninfo_to_dict

from ..settings import Settings
from .failover.server_choice import ServerChoice
from .failover.server_lines import ServerLines
from .pgbouncer import through_pgbouncer
from .statements import sql
from .timed_connection import TimedConnection
from .traced_connection import TracedConnection

IDLE_IN_TRANSACTION_S = 15
TOOL_WAIT_S = 60
COMMAND_MARGIN_S = 1.0
# Prepared statements are replaced after this time: a plan made while a table was empty would stay bad.
PLAN_LIFETIME_S = 10
# Whatever a DBA has set for the database or the role, statements mean the same, and idle connections stay.
SAME_EVERYWHERE = {
    # Locks are waited for, and what is read after one is what is there by then; no statement fails for a conflict.
    "default_transaction_isolation": "read committed",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "idle_session_timeout": "0",
}


def pool_options(settings: Settings, lines: ServerLines | None = None) -> dict[str, Any]:
    """How the service connects to PostgreSQL; `lines` are those of the pool's Database.

    Behind PgBouncer a connection does not stay with one server, so its timeline is not looked at.
    """
    options = {
        "dsn": settings.database_url,
        "connect": ServerChoice(None if settings.pgbouncer else lines or ServerLines()).connect,
        "connection_class": TracedConnection if settings.traces else TimedConnection,
        "min_size": min(2, settings.pool_size),
        "max_size": settings.pool_size,
        # A little longer than the server's own limit, whose error says more.
        "command_timeout": settings.statement_timeout_s + COMMAND_MARGIN_S,
        "timeout": settings.pool_wait_s,
        "max_cached_statement_lifetime": PLAN_LIFETIME_S,
        "init": _set_codecs if settings.pgbouncer else _prepare_session,
        "reset": _no_reset,
        "server_settings": pool_settings(settings),
    }
    return through_pgbouncer(options) if settings.pgbouncer else options


def pool_settings(settings: Settings) -> dict[str, str]:
    """The settings of each session of the service: its name, and limits on what runs and locks."""
    statement_ms = int(settings.statement_timeout_s * 1000)
    return {
        "application_name": "reservation",
        "statement_timeout": str(statement_ms),
        # Less than half, so that a wait for a lock fails as one (row_locked, not database_unavailable): the second in a
        # row's queue waits twice, for its turn and for the transaction before it.
        "lock_timeout": str(statement_ms * 2 // 5),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_S * 1000),
        "timezone": "UTC",
        **SAME_EVERYWHERE,
        # One plan a statement, whatever its arguments: planning a confirm costs more than running it. The plan must
        # not be a sequential scan, since the table may have been small when it was made.
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "jit": "off",  # enable_seqscan = off adds to the cost of some plans, which would start it
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
    """Server settings of the connections of seeding, the audit and the load generator.

    Their statements have no time limit; their lock waits and idle transactions have.
    """
    return SAME_EVERYWHERE | {
        "application_name": f"reservation {name}",
        "statement_timeout": "0",
        "lock_timeout": str(TOOL_WAIT_S * 1000),
        "idle_in_transaction_session_timeout": str(TOOL_WAIT_S * 1000),
    }


async def _no_reset(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Save the round trip of a RESET: the service leaves nothing in a session (tests/db/test_pool.py).

    asyncpg rolls back an open transaction before this.
    """


async def _prepare_session(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await _set_codecs(connection)
    await connection.execute(sql("ops/commit_durably"))


async def _set_codecs(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads
    )
