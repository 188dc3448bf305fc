"""The embedded PostgreSQL: initdb on the first start, then a server on a free port for the duration of a block."""

import os
import pwd
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from .binaries import postgres_major
from .ports import running_on_free_port
from .processes import ChildServer, EmbeddedError, run_program, wait_until_gone

USER = "reservation"
DATABASE = "reservation"
NO_SEATS = 65_534
MAP_TO_NOBODY = ("--user", f"--map-user={NO_SEATS}", f"--map-group={NO_SEATS}")
INITDB_WAIT_S = 120.0
START_WAIT_S = 120.0  # crash recovery may have much WAL to replay
STOP_WAIT_S = 20.0
PREVIOUS_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class _Runner:
    """How to start PostgreSQL's programs, which refuse root: behind a command, or as another user."""

    prefix: tuple[str, ...]
    drop_to_uid: int | None

    @property
    def owner(self) -> int:
        """The user id, in this process's namespace, that has to own the data folder."""
        return os.geteuid() if self.drop_to_uid is None else self.drop_to_uid


@contextmanager
def running_postgres(data_dir: Path, bin_dir: Path, *, password: str, fast: bool) -> Iterator[str]:
    """Run PostgreSQL on data_dir/postgres for the duration of the block; gives the URL of its database."""
    folder = data_dir / "postgres"
    runner = _runner()
    if runner.drop_to_uid is not None:
        data_dir.chmod(data_dir.stat().st_mode | 0o011)  # execute, without read: to reach the folder below
    _initialise(data_dir, bin_dir, runner, password=password, fast=fast)
    _check_version(folder, bin_dir)
    _own(folder, runner)
    _clear_previous(folder)

    def start(port: int) -> ChildServer:
        return ChildServer(
            [*runner.prefix, bin_dir / "postgres", "-D", folder, *_options(bin_dir, port, fast=fast)],
            name="PostgreSQL",
            stop_signals=(signal.SIGINT, signal.SIGQUIT),  # fast, then immediate
            patience_s=STOP_WAIT_S,
            log=data_dir / "postgres.log",
            uid=runner.drop_to_uid,
        )

    with running_on_free_port(
        "PostgreSQL", start, lambda server, _: _is_ready(server, folder), wait_s=START_WAIT_S
    ) as port:
        address = f"postgresql://{USER}:{password}@127.0.0.1:{port}"
        yield _create_database(address, with_statistics=_has_statistics(bin_dir))


def _runner() -> _Runner:
    is_root = os.geteuid() == 0
    if not is_root and _has_name(os.geteuid()):
        return _Runner(prefix=(), drop_to_uid=None)
    # PostgreSQL refuses root and users without a name. In a user namespace that maps them to nobody it accepts them,
    # and the files still belong to them, so neither chown nor a new user is needed.
    unshare = shutil.which("unshare")
    true = shutil.which("true")
    if unshare is not None and true is not None:
        allowed, _ = run_program([unshare, *MAP_TO_NOBODY, true])
        if allowed:
            return _Runner(prefix=(unshare, *MAP_TO_NOBODY), drop_to_uid=None)
    return _Runner(prefix=(), drop_to_uid=NO_SEATS if is_root else None)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _own(folder: Path, runner: _Runner) -> None:
    if folder.stat().st_uid == runner.owner:
        return
    if os.geteuid() != 0:
        raise EmbeddedError(f"{folder} belongs to another user: choose another DATA_DIR")
    for parent, _, files in os.walk(folder):
        for path in (parent, *(os.path.join(parent, file) for file in files)):
            os.chown(path, runner.owner, runner.owner, follow_symlinks=False)


def _initialise(data_dir: Path, bin_dir: Path, runner: _Runner, *, password: str, fast: bool) -> None:
    """Run initdb in a temporary folder and rename that, so that an interrupted run leaves no half-made data folder."""
    folder = data_dir / "postgres"
    if folder.exists():
        return
    unfinished = data_dir / "postgres.unfinished"
    wait_until_gone(unfinished, "postgres", wait_s=PREVIOUS_WAIT_S)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    _own(unfinished, runner)
    with _password_file(data_dir, password, runner) as pwfile:
        options = ["-D", str(unfinished), "-U", USER, f"--pwfile={pwfile}", *_initdb_options(bin_dir, fast=fast)]
        with ChildServer(
            [*runner.prefix, bin_dir / "initdb", *options],
            name="initdb",
            stop_signals=(signal.SIGTERM,),
            patience_s=STOP_WAIT_S,
            log=data_dir / "postgres.log",
            uid=runner.drop_to_uid,
        ) as initdb:
            if initdb.wait(INITDB_WAIT_S) != 0:
                raise EmbeddedError(f"initdb failed: {initdb.last_log_line()}")
    unfinished.rename(folder)


@contextmanager
def _password_file(data_dir: Path, password: str, runner: _Runner) -> Iterator[Path]:
    path = data_dir / "password.unfinished"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(password)
    os.chown(path, runner.owner, -1)
    try:
        yield path
    finally:
        path.unlink()


def _initdb_options(bin_dir: Path, *, fast: bool) -> list[str]:
    # The builtin provider: Unicode case mapping, and a sort order that no update of the C library changes.
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    locale = builtin if postgres_major(bin_dir) >= 17 else ["--locale=C.UTF-8"]
    sync = ["--no-sync"] if fast else []
    # Each connection computes them, on both sides, and this password is random: no dictionary has it.
    iterations = ["--set=scram_iterations=1"] if postgres_major(bin_dir) >= 16 else []
    return [
        "--encoding=UTF8",
        *locale,
        "--auth=scram-sha-256",
        "--data-checksums",
        "--no-instructions",
        *iterations,
        *sync,
    ]


def _check_version(folder: Path, bin_dir: Path) -> None:
    made_by, here = int((folder / "PG_VERSION").read_text()), postgres_major(bin_dir)
    if made_by != here:
        raise EmbeddedError(
            f"{folder} was made by PostgreSQL {made_by} and this is {here}: "
            f"set POSTGRES_BIN_DIR to the programs of {made_by}, or choose another DATA_DIR"
        )


def _clear_previous(folder: Path) -> None:
    """Wait for the servers of a killed parent to end; a postmaster.pid that is left then is stale, and is removed.

    PostgreSQL would refuse to start if its pid belonged to any running process, which is common in containers.
    """
    wait_until_gone(folder, "postgres", wait_s=PREVIOUS_WAIT_S)
    if Path("/proc/self").exists():  # without /proc there was no check for running servers
        (folder / "postmaster.pid").unlink(missing_ok=True)


def _options(bin_dir: Path, port: int, *, fast: bool) -> list[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",  # the data folder's path may be too long for a socket's name
        "max_connections": "200",
        "shared_buffers": "256MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "logging_collector": "off",
        # Explicit: a confirm that was answered must survive a crash.
        "fsync": "off" if fast else "on",
        "full_page_writes": "off" if fast else "on",
        "synchronous_commit": "off" if fast else "on",
    }
    if postgres_major(bin_dir) >= 16:
        settings["scram_iterations"] = "4096"  # for roles that are added later, whose passwords people choose
    if _has_statistics(bin_dir):
        settings["shared_preload_libraries"] = "pg_stat_statements"
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _has_statistics(bin_dir: Path) -> bool:
    return any((bin_dir.parent / "lib").glob("**/pg_stat_statements.so"))


def _is_ready(server: ChildServer, folder: Path) -> bool:
    """Look as pg_ctl does: line 8 of this server's postmaster.pid is 'ready'."""
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(server.pid) and lines[7].strip() == "ready"


def _create_database(address: str, *, with_statistics: bool) -> str:
    """Create the database, and the extension for `reservation sql top`, where they are missing; gives the URL."""
    url = f"{address}/{DATABASE}?sslmode=disable"  # no TLS on the loopback interface, whatever PGSSLMODE is set to
    try:
        with psycopg.connect(url, dbname="postgres", autocommit=True, connect_timeout=10) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
                connection.execute(f"create database {DATABASE}")
        if with_statistics:
            with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
                connection.execute("create extension if not exists pg_stat_statements")
    except psycopg.Error as error:
        raise EmbeddedError(
            f"the embedded PostgreSQL refuses the connection: {' '.join(str(error).split())}"
        ) from error
    return url
