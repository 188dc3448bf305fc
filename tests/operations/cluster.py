"""PostgreSQL servers for the recipes: of either version, with the roles that a production server has."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from reservation.db import migrations as schema
from reservation.embedded.binaries import postgres_programs
from tests.operations.recipes import DEBIAN_15, as_postgres
from tests.ports import free_port
from tests.programs import missing

DATABASE = "reservation"
SUPERUSER = "postgres"
WAIT_S = 120.0


class Cluster:
    """A data folder, and the port of its server."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs, self.port = folder, programs, free_port()

    def program(self, name: str, *arguments: str | Path) -> None:
        """Run a program of PostgreSQL; a failure raises."""
        done = subprocess.run(
            [*as_postgres(), self.programs / name, *arguments],
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # a server that is started keeps a pipe open
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=WAIT_S,
        )
        assert done.returncode == 0, f"{name} failed: {self.log()}"

    def log(self) -> str:
        """The end of the server's log."""
        path = self.folder.with_suffix(".log")
        return path.read_text()[-2000:] if path.exists() else ""

    def create(self) -> None:
        """Make the data folder; it takes logins of this machine without a password."""
        self.program(
            "initdb", "-D", self.folder, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
            "--data-checksums", "--no-sync",
        )  # fmt: skip
        self.configure(listen_addresses="127.0.0.1", unix_socket_directories="", port=str(self.port))

    def configure(self, **settings: str) -> None:
        """Append to postgresql.conf."""
        with (self.folder / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        log = self.folder.with_suffix(".log")
        self.program("pg_ctl", "-D", self.folder, "-l", log, "-w", "-t", "100", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server, if it runs."""
        if (self.folder / "postmaster.pid").exists():
            self.program("pg_ctl", "-D", self.folder, "-w", "-m", mode, "stop")

    def url(self, login: str = "reservation", database: str = DATABASE) -> str:
        """The database's URL for a login."""
        return f"postgresql://{login}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def run(self, statement: str, *, database: str = DATABASE) -> object:
        """Run a statement as superuser; its first value, if it has rows."""
        with psycopg.connect(self.url(SUPERUSER, database), autocommit=True) as connection:
            found = connection.execute(statement.encode())
            row = found.fetchone() if found.description else None
            return row[0] if row else None

    def create_database(self) -> None:
        """The owner's login, the service's own, the database with its schema, and an extension."""
        self.run("create role reservation login createrole", database="postgres")
        self.run("create database reservation owner reservation", database="postgres")
        if self.run("select count(*) from pg_available_extensions where name = 'pg_stat_statements'"):
            self.run("create extension pg_stat_statements")
        schema.apply(self.url())
        self.run("create role reservation_web login in role reservation_app")


@contextmanager
def running(*clusters: Cluster) -> Iterator[None]:
    """Stop the servers at the end of the block, however it ends."""
    try:
        yield
    finally:
        for cluster in clusters:
            cluster.stop("immediate")


@contextmanager
def primary(folder: Path, programs: Path, **settings: str) -> Iterator[Cluster]:
    """A running server with the service's database, for the duration of the block."""
    cluster = Cluster(folder, programs)
    cluster.create()
    cluster.configure(**settings)
    with running(cluster):
        cluster.start()
        cluster.create_database()
        yield cluster


def embedded_programs() -> Path:
    """The programs of the embedded PostgreSQL."""
    return postgres_programs(None)


def old_programs() -> Path:
    """Those of PostgreSQL 15."""
    if not (DEBIAN_15 / "pg_ctl").is_file():
        missing("PostgreSQL 15 is not installed (Debian: postgresql-15)")
    return DEBIAN_15


def programs_16() -> Path:
    """Those of PostgreSQL 16, without its extensions."""
    found = find_spec("pgserver")
    if found is None or found.origin is None:
        missing("PostgreSQL 16 is not installed (PyPI: pgserver)")
    return Path(found.origin).parent / "pginstall" / "bin"
