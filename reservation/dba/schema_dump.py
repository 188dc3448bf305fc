"""A database's schema as pg_dump writes it, without what differs between versions, servers and runs."""

import re
from pathlib import Path

from ..embedded.binaries import client_program
from .client_programs import needs_tls, output

HEAD = """\
-- The schema that the migrations make, written by `make schema`. Read it here; change it with a migration.
-- `reservation schema` prints the same for any database: compare the two to find changes made by hand.

"""
OPTIONS = ("--schema-only", "--no-owner", "--encoding=UTF8", "--exclude-table=*._yoyo_*", "--exclude-table=*.yoyo_lock")
_REMOVED = re.compile(
    r"^--\n(?:-- .*\n)+--\n"  # the name of each object
    r"|^-- Dumped .*\n"
    r"|^\\(?:un)?restrict .*\n"
    r"|^SET \w+ = .*;\n"
    r"|^SELECT pg_catalog\.set_config\(.*\n"
    r"|^(?:CREATE|COMMENT ON) EXTENSION .*pg_stat_statements.*\n"  # a choice of the server
    # A counter of the server; a pg_dump that is older than the server prints it.
    r"|^ALTER TABLE .* SET \(pg_attver=\d+\);\n",
    re.MULTILINE,
)
# Default privileges name the role that ran the migrations.
_MIGRATOR = re.compile(r'^(ALTER DEFAULT PRIVILEGES) FOR ROLE (?:"(?:[^"]|"")+"|\S+)', re.MULTILINE)


def script(database_url: str, *, bin_dir: Path | None = None) -> str:
    """The schema as a script that makes it in an empty database: no data, no owners, no tables of yoyo.

    Runs the pg_dump of `bin_dir`, of the embedded PostgreSQL, or on the PATH, in this order. The role must be able to
    read every table, and the server must not be newer than pg_dump. Raises ClientFailed, CannotConnect, EmbeddedError.
    """
    dumped = output(client_program("pg_dump", bin_dir, with_tls=needs_tls(database_url)), database_url, OPTIONS)
    text = _MIGRATOR.sub(r"\1", _REMOVED.sub("", dumped))
    return HEAD + re.sub(r"\n{3,}", "\n\n", text).replace(" ON TABLES  TO ", " ON TABLES TO ").strip() + "\n"
