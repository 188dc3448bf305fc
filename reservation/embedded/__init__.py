"""PostgreSQL and Valkey from wheels, started when no URL is set, so that the service runs without set-up."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..settings import Settings
from .binaries import postgres_programs, valkey_program
from .postgresql import running_postgres
from .processes import EmbeddedError
from .valkey import running_valkey

__all__ = ["DataDirInUse", "Embedded", "EmbeddedError", "attach", "embedded_servers", "stores"]

LOCK_WAIT_S = 1.0  # attach() takes the lock briefly to find out whether it is free
ATTACH_WAIT_S = 60.0  # a first start creates the database


class DataDirInUse(EmbeddedError):
    """Another instance runs its servers in the data folder; the message names the folder."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The addresses of the embedded servers, and the secret that signs tokens."""

    database_url: str
    redis_url: str
    jwt_secret: str


@dataclass(frozen=True, slots=True)
class _Secrets:
    """Generated once for a data folder; the servers on it accept no others."""

    postgres_password: str
    valkey_password: str
    jwt_secret: str


@contextmanager
def stores(settings: Settings, *, attach_to_running: bool) -> Iterator[Settings]:
    """Give the settings with database_url, redis_url and jwt_secret filled in.

    URLs that are set stay. Otherwise they are those of a running instance on the data folder (if `attach_to_running`),
    or of servers that run for the duration of the block. A JWT_SECRET that is set has precedence over the generated
    one. Raises EmbeddedError.
    """
    if not settings.embedded:
        yield settings
        return
    running = attach(settings.data_dir) if attach_to_running else None
    own = embedded_servers(
        settings.data_dir, postgres_bin_dir=settings.postgres_bin_dir, valkey_server=settings.valkey_server
    )
    with nullcontext(running) if running else own as servers:
        yield replace(
            settings,
            database_url=servers.database_url,
            redis_url=servers.redis_url,
            jwt_secret=settings.jwt_secret or servers.jwt_secret,
        )


@contextmanager
def embedded_servers(
    data_dir: Path, *, postgres_bin_dir: Path | None = None, valkey_server: Path | None = None, fast: bool = False
) -> Iterator[Embedded]:
    """Run PostgreSQL and Valkey on the data folder for the duration of the block; from the main thread only.

    They end with this process, however it ends. `fast` turns fsync, full_page_writes and synchronous_commit off: a
    crash may lose or corrupt everything, so it is for throw-away data only.
    Raises EmbeddedError, and DataDirInUse if another instance runs on the folder.
    """
    bin_dir, program = postgres_programs(postgres_bin_dir), valkey_program(valkey_server)
    data_dir = data_dir.absolute()
    with _locked(data_dir):
        _servers_file(data_dir).unlink(missing_ok=True)  # left by an instance that was killed
        known = _secrets(data_dir)
        with (
            running_postgres(data_dir, bin_dir, password=known.postgres_password, fast=fast) as database_url,
            running_valkey(data_dir, program, password=known.valkey_password) as redis_url,
        ):
            embedded = Embedded(database_url, redis_url, known.jwt_secret)
            _write_private(_servers_file(data_dir), asdict(embedded))
            try:
                yield embedded
            finally:
                _servers_file(data_dir).unlink(missing_ok=True)


def attach(data_dir: Path) -> Embedded | None:
    """The servers that a running instance started on the data folder; None if none runs."""
    deadline = time.monotonic() + ATTACH_WAIT_S
    while _is_locked(data_dir):
        try:
            return Embedded(**json.loads(_servers_file(data_dir).read_text()))
        except FileNotFoundError:
            if time.monotonic() > deadline:
                raise DataDirInUse(f"the instance that uses {data_dir} is not ready: see its log") from None
            time.sleep(0.05)  # it is starting or stopping
    return None


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Make the folder and hold its lock, which the kernel releases when the process ends."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (data_dir / "lock").open("ab", buffering=0)
    except OSError as error:
        raise EmbeddedError(f"{error.filename}: {error.strerror}; choose another DATA_DIR") from error
    with lock:
        # The lock is held until the last copy of the descriptor is closed, so a forked worker closes its copy.
        os.register_at_fork(after_in_child=lock.close)
        deadline = time.monotonic() + LOCK_WAIT_S
        while not _try_lock(lock.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise DataDirInUse(f"the data folder {data_dir} is in use by another running instance")
            time.sleep(0.02)
        yield


def _is_locked(data_dir: Path) -> bool:
    try:
        with (data_dir / "lock").open("rb") as lock:
            return not _try_lock(lock.fileno(), fcntl.LOCK_SH)
    except FileNotFoundError:
        return False
    except PermissionError as error:
        raise EmbeddedError(f"{error.filename}: {error.strerror}; choose another DATA_DIR") from error


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _secrets(data_dir: Path) -> _Secrets:
    path = data_dir / "secrets.json"
    if path.exists():
        return _Secrets(**json.loads(path.read_text()))
    made = _Secrets(secrets.token_hex(24), secrets.token_hex(24), secrets.token_hex(32))
    _write_private(path, asdict(made))
    return made


def _servers_file(data_dir: Path) -> Path:
    return data_dir / "servers.json"


def _write_private(path: Path, content: dict[str, str]) -> None:
    """Write a file that only its owner can read; a crash leaves all of it or nothing."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
