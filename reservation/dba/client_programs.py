"""PostgreSQL's client programs, psql and pg_dump, on a database URL whose password is not put into argv."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from ..errors import OperatorError

SECRET = b"*"  # libpq's mark for an option that holds a secret


class CannotConnect(OperatorError):
    """The URL cannot be passed to a client program; the message says why."""


class ClientFailed(OperatorError):
    """A client program failed; the message is the first line of its errors."""


def needs_tls(url: str) -> bool:
    """Whether the URL demands a connection with TLS."""
    return conninfo_to_dict(url).get("sslmode") in ("require", "verify-ca", "verify-full")


def run_psql(program: Path, url: str, arguments: Sequence[str]) -> int:
    """Run psql until it exits; returns its exit status. Ctrl-C cancels psql's query, not this process."""
    command, environment = _command(program, url)
    before = signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which psql would inherit
    try:
        status = subprocess.run([*command, *arguments], env=environment, check=False).returncode  # noqa: S603 - a list, no shell
    finally:
        signal.signal(signal.SIGINT, before)
    return status if status >= 0 else 128 - status


def output(program: Path, url: str, arguments: Sequence[str]) -> str:
    """Run a client program and return its output; raises ClientFailed."""
    command, environment = _command(program, url)
    done = subprocess.run(  # noqa: S603 - a list of arguments, which no shell reads
        [*command, *arguments], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise ClientFailed((done.stderr.strip() or f"{program.name}: exit status {done.returncode}").splitlines()[0])
    return done.stdout


def _command(program: Path, url: str) -> tuple[list[str], dict[str, str]]:
    address, secrets = split_url(url)
    # PGHOSTADDR would win over the host in the URL; asyncpg, which the service connects with, ignores it.
    inherited = {name: value for name, value in os.environ.items() if name != "PGHOSTADDR"}
    return [str(program), f"--dbname={address}"], {**inherited, **secrets}


def split_url(url: str) -> tuple[str, Mapping[str, str]]:
    """Split a URL into a connection string without secrets, and the environment variables with the secrets.

    The connection string wins over PGHOST, PGSERVICE and the like. Raises CannotConnect.
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
            raise CannotConnect(f"{name} has no environment variable, and argv is public: set it in a service file")
        else:
            secrets[option.envvar.decode()] = value
    return make_conninfo("", **address), secrets
