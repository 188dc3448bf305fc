"""PgBouncer in transaction mode: the pool's options for it, and the settings that its role must have."""

from collections.abc import Mapping
from typing import Any

from .pool import Connection
from .repository import ops

# The settings that PgBouncer takes at the start of a session and applies to each connection that it assigns.
TRACKED_BY_PGBOUNCER = {"application_name", "timezone", "DateStyle", "standard_conforming_strings"}
OF_PGBOUNCER = {"idle_session_timeout"}  # PgBouncer replaces a connection that PostgreSQL has closed


def through_pgbouncer(options: Mapping[str, Any]) -> dict[str, Any]:
    """Change a pool's options: no statement is kept prepared, and no setting is made for the session."""
    tracked = {name: value for name, value in options["server_settings"].items() if name in TRACKED_BY_PGBOUNCER}
    return {**options, "server_settings": tracked, "statement_cache_size": 0}


async def wrong_settings(conn: Connection, wanted: Mapping[str, str]) -> list[str]:
    """Name each setting that the service cannot make here, and that PostgreSQL has with another value.

    A time limit, in ms, may be lower than wanted. Of synchronous_commit every value but off is right.
    """
    wanted = {**wanted, "synchronous_commit": "on"}
    names = sorted(wanted.keys() - TRACKED_BY_PGBOUNCER - OF_PGBOUNCER)
    found = {each.name: each.setting for each in await ops.session_settings(conn, names=names)}
    return [
        f"{name} is {found[name]} and should be {wanted[name]}"
        for name in names
        if not _meets(name, found[name], wanted[name])
    ]


def _meets(name: str, found: str, wanted: str) -> bool:
    if name == "synchronous_commit":
        return found != "off"
    return 0 < int(found) <= int(wanted) if name.endswith("_timeout") else found == wanted
