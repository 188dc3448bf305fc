"""The service behind a pooler that lends a connection for a transaction: what must then be otherwise, and in place."""

from collections.abc import Mapping
from typing import Any

from .pool import Connection
from .repository import ops

# What PgBouncer takes at the start of a session, and sees to wherever the session's next transaction runs.
PASSED_ON = {"application_name", "timezone"}


def through_pgbouncer(options: Mapping[str, Any]) -> dict[str, Any]:
    """Change the options of a pool: no statement outlives its transaction, and no setting needs a session."""
    passed_on = {name: value for name, value in options["server_settings"].items() if name in PASSED_ON}
    return {**options, "server_settings": passed_on, "statement_cache_size": 0}


async def lacking(conn: Connection, wanted: Mapping[str, str]) -> list[str]:
    """Say of each session setting that the service would make, and cannot here, if PostgreSQL has it otherwise.

    A time limit, in ms, may be lower than wanted.
    """
    names = sorted(wanted.keys() - PASSED_ON)
    found = {each.name: each.setting for each in await ops.session_settings(conn, names=names)}
    return [
        f"{name} is {found[name]} and should be {wanted[name]}"
        for name in names
        if not _meets(found[name], wanted[name])
    ]


def _meets(found: str, wanted: str) -> bool:
    return 0 < int(found) <= int(wanted) if wanted.isdecimal() else found == wanted
