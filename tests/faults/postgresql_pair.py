"""Two PostgreSQL servers: a primary and its streaming standby, which a test promotes."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from reservation.embedded import binaries, postgresql
from reservation.embedded.processes import ChildServer
from tests.ports import free_port

START_S = 120.0


@dataclass(slots=True)
class Server:
    """A PostgreSQL on a data folder; `start` also after a `stop`, on the same port."""

    folder: Path
    bin_dir: Path
    password: str
    port: int
    process: ChildServer | None = None
    socket_folder: Path | None = None  # in place of TCP

    @property
    def url(self) -> str:
        """The URL of the service's database on this server."""
        if self.socket_folder is not None:
            address = f"host={self.socket_folder}&port={self.port}"
            return f"postgresql:///{postgresql.DATABASE}?{address}&user={postgresql.USER}&password={self.password}"
        login = f"{postgresql.USER}:{self.password}"
        return f"postgresql://{login}@127.0.0.1:{self.port}/{postgresql.DATABASE}?sslmode=disable"

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        runner = postgresql._runner()
        postgresql._own(self.folder, runner)
        # Each commit is in the WAL when it is answered, so that a test can wait until the standby has it.
        options = [*postgresql._options(self.bin_dir, self.port, fast=True), "-c", "synchronous_commit=on"]
        if self.socket_folder is not None:
            options += ["-c", f"unix_socket_directories={self.socket_folder}", "-c", "listen_addresses="]
        self.process = ChildServer(
            [*runner.prefix, self.bin_dir / "postgres", "-D", self.folder, *options],
            name="PostgreSQL",
            stop_signals=(signal.SIGINT, signal.SIGQUIT),
            patience_s=postgresql.STOP_WAIT_S,
            log=self.folder.parent / f"{self.folder.name}.log",
            uid=runner.drop_to_uid,
        )
        assert self.process.wait_until(self._answers, START_S), self.process.last_log_line()

    def _answers(self) -> bool:
        try:
            self.run("select 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Shut the server down, if it runs."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def run(self, statement: str) -> object:
        """Run a statement; its first value, if it has rows."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(statement.encode())
            row = found.fetchone() if found.description else None
            return row[0] if row else None


@dataclass(slots=True)
class Pair:
    """A primary and its standby."""

    first: Server
    second: Server

    async def caught_up(self) -> None:
        """Return when the standby has all that the primary has committed."""
        written = self.first.run("select pg_current_wal_flush_lsn()")
        async with asyncio.timeout(START_S):
            while not self.second.run(f"select pg_last_wal_replay_lsn() >= '{written}'"):
                await asyncio.sleep(0.05)

    async def fence(self) -> None:
        """Promote the standby; the old primary goes on with its connections open, and takes no writes any more."""
        self.first.run("alter system set default_transaction_read_only = on")
        self.first.run("select pg_reload_conf()")
        await self.caught_up()
        self.second.run("select pg_promote()")

    async def switch_over(self) -> None:
        """Promote the standby; the old primary starts again as its standby."""
        await self.caught_up()
        await asyncio.to_thread(self.first.stop)
        self.second.run("select pg_promote()")
        (self.first.folder / "standby.signal").touch()
        with (self.first.folder / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{self.second.url}'\n")
        self.first.start()


@contextmanager
def running_pair(data_dir: Path, password: str) -> Iterator[Pair]:
    """Run the PostgreSQL of a stopped instance's data folder, and a standby of it."""
    programs = binaries.postgres_programs(None)  # which has made the folder
    first = Server(data_dir / "postgres", programs, password, free_port())
    second = Server(data_dir / "standby", programs, password, free_port())
    try:
        first.start()
        runner = postgresql._runner()
        second.folder.mkdir(mode=0o700)
        postgresql._own(second.folder, runner)
        base_backup = [programs / "pg_basebackup", "-D", second.folder, "-R", "-c", "fast", "-d", first.url]
        subprocess.run(
            [*runner.prefix, *map(str, base_backup)],
            env={"PATH": os.defpath},
            check=True,
            capture_output=True,
            user=runner.drop_to_uid,
        )
        second.start()
        yield Pair(first, second)
    finally:
        first.stop()
        second.stop()
