"""Connections by psycopg, for migrations and for reading the schema, and what goes wrong with them in one line."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ..errors import OperatorError

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

CONNECT_WAIT_S = 10


class SchemaError(OperatorError):
    """The schema could not be read or changed; the message is one line for the operator."""


class DatabaseUnreachable(SchemaError):
    """PostgreSQL does not answer, or refuses the login; the message never shows the password."""


def connection_to(database_url: str) -> Connection:
    """Connect, each statement in a transaction of its own; raises DatabaseUnreachable."""
    parameters = parameters_of(database_url)
    try:
        return psycopg.connect(make_conninfo("", **parameters), autocommit=True)
    except psycopg.OperationalError as error:
        raise DatabaseUnreachable(f"cannot use PostgreSQL at {_hosts(parameters)}: {one_line(error)}") from error


def parameters_of(database_url: str) -> dict[str, Any]:
    """Give a URL as libpq's parameters; raises DatabaseUnreachable for one that it cannot read."""
    # Without details: what libpq cannot read, or takes for a port, may be a part of the password.
    invalid = DatabaseUnreachable("DATABASE_URL is not a valid PostgreSQL URL; is a character in it not %-encoded?")
    try:
        parameters = conninfo_to_dict(database_url)
    except psycopg.ProgrammingError:
        raise invalid from None
    # One port for each host of a list, where an empty one means the default.
    if not all(port.isdecimal() for port in str(parameters.get("port", "")).split(",") if port):
        raise invalid
    return {"connect_timeout": CONNECT_WAIT_S, "fallback_application_name": "reservation migrate", **parameters}


def database_name(database_url: str) -> str:
    """Which database a URL names, as host:port/name; without the user and the password."""
    parameters = parameters_of(database_url)
    return f"{_hosts(parameters)}/{parameters.get('dbname', '')}"


def _hosts(parameters: Mapping[str, Any]) -> str:
    """The servers as host:port, with a comma between them."""
    hosts = str(parameters.get("host", "localhost")).split(",")
    ports = str(parameters.get("port", "")).split(",")
    pairs = zip(hosts, ports if len(ports) == len(hosts) else ports[:1] * len(hosts), strict=True)
    return ",".join(f"{host}:{port or 5432}" for host, port in pairs)


def one_line(error: psycopg.Error) -> str:
    """Give the line that says why: what the server answered, or else the last attempt's failure."""
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith("\t")]
    answered = [line.partition("FATAL:")[2] for line in lines if "FATAL:" in line]
    return (answered or lines or ["no reason was given"])[-1].removeprefix("connection failed: ").strip()
