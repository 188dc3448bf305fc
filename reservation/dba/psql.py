"""psql on a database that is told by URL, without showing the password to everybody who looks at processes."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

SECRET = b"*"  # how libpq marks what no form should show


class CannotConnect(Exception):
    """psql cannot be told where the database is; the message says why."""


def run(program: Path, url: str, arguments: Sequence[str]) -> int:
    """Run psql until it ends; gives its exit status. Ctrl-C is for psql, which ends a query by it."""
    address, secrets = connection_of(url)
    command: list[str | Path] = [program, f"--dbname={address}", *arguments]
    # An address would win over the host in the URL, and asyncpg, by which the service connects, knows no such variable.
    outside = {name: value for name, value in os.environ.items() if name != "PGHOSTADDR"}
    before = signal.signal(signal.SIGINT, lambda *_: None)  # and not SIG_IGN, which psql would inherit
    try:
        status = subprocess.run(command, env={**outside, **secrets}, check=False).returncode  # noqa: S603 - no shell
    finally:
        signal.signal(signal.SIGINT, before)
    return status if status >= 0 else 128 - status


def connection_of(url: str) -> tuple[str, Mapping[str, str]]:
    """Split a URL into what may stand in a command line, and the environment that has the rest.

    All that is not secret is in the command line, where it wins over PGHOST, PGSERVICE and the like.
    """
    address: dict[str, str] = {}
    secrets: dict[str, str] = {}
    try:
        options = Conninfo.parse(url.encode())
    except psycopg.Error as error:
        raise CannotConnect(f"DATABASE_URL: {' '.join(str(error).split())}") from None
    for option in options:
        if option.val is None:
            continue
        name, value = option.keyword.decode(), option.val.decode()
        if option.dispchar != SECRET:
            address[name] = value
        elif option.envvar is None:
            raise CannotConnect(f"psql cannot be given {name} without showing it to others: set it in a service file")
        else:
            secrets[option.envvar.decode()] = value
    return make_conninfo("", **address), secrets
