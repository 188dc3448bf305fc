"""The machine, the versions and the commit of a run."""

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import redis

from .fastapi_peer import REQUIREMENTS
from .stand import Stand

ROOT = Path(__file__).parents[1]
PACKAGES = ("aiohttp", "uvloop", "asyncpg", "redis", "orjson")
PEER_PACKAGES = ("fastapi", "uvicorn", "pydantic", "sqlalchemy", "psycopg2-binary", "redis")
SERVICE = ("reservation", "sql", "migrations")
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")


def describe(stand: Stand, *, against: str) -> dict[str, str]:
    """What a reader needs to know to interpret the figures."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "last commit of the service": _git("log", "-1", "--format=%h", "--", *SERVICE),
        "compared with": against,
        "processor": _line("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(_line('/proc/meminfo', 'MemTotal').split()[0]) / 1024**2:.1f} GiB",
        "load average of 15 minutes": f"{os.getloadavg()[2]:.1f}",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        **_stores(stand),
        "wrk": _first_line(["wrk", "-v"]).removeprefix("wrk ").split(" Copyright")[0],
        "redis-benchmark": _first_line(["redis-benchmark", "--version"]).removeprefix("redis-benchmark "),
        "FastAPI peer": ", ".join(f"{name} {pin}" for name, pin in peer_pins().items()),
    }


def peer_pins() -> dict[str, str]:
    """The important versions of the FastAPI peer."""
    pins = dict(re.findall(r"^([a-z0-9-]+)(?:\[\w+\])?==(\S+)$", REQUIREMENTS.read_text(), re.MULTILINE))
    return {name: pins[name] for name in PEER_PACKAGES}


def _stores(stand: Stand) -> dict[str, str]:
    with stand.connect("postgres") as connection:
        shown = {}
        for name in ("server_version", *DURABILITY):
            row = connection.execute("select current_setting(%s)", [name]).fetchone()
            shown[name] = str(row[0]) if row else ""
    with redis.Redis.from_url(stand.servers.redis_url) as client:
        server = client.info("server")
    kind = str(server.get("server_name", "redis"))
    durable = ", ".join(f"{name} {shown[name]}" for name in DURABILITY)
    return {
        "PostgreSQL": f"{shown['server_version']} ({durable})",
        "Redis": f"{kind} {server.get(f'{kind}_version', server.get('redis_version'))} (no persistence)",
    }


def _commit() -> str:
    commit = _git("rev-parse", "--short", "HEAD")
    return f"{commit} with changes" if _git("status", "--porcelain", "--untracked-files=no") else commit


def _git(*arguments: str) -> str:
    git = shutil.which("git")
    return "unknown" if git is None else _first_line([git, "-C", str(ROOT), *arguments])


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=10)
    return (done.stdout.splitlines() or [""])[0].strip()


def _line(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        found, _, value = line.partition(":")
        if found.strip() == name:
            return value.strip()
    return ""
