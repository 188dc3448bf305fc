"""The peer on FastAPI: its own environment, and its server."""

import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .bench import Bench, say
from .processes import Server, running_server
from .records import BenchmarkFailed
from .stand import Stand

STACK = "FastAPI + uvicorn + SQLAlchemy 1.4 (sync, psycopg2) + sync redis-py"
PEERS = Path(__file__).parent / "peers"
REQUIREMENTS = PEERS / "fastapi_sqlalchemy" / "requirements.txt"
# More threads would only wait for the interpreter's lock; each has its own connections.
THREADS = 16


def install(stand: Stand) -> Path:
    """Make its virtual environment, unless one with these requirements exists; return its folder of programs."""
    folder = stand.folder / "venv"
    stamp = folder / "requirements.txt"
    wanted = REQUIREMENTS.read_text()
    if not (stamp.exists() and stamp.read_text() == wanted):
        say("  installing the FastAPI peer")
        venv.create(folder, clear=True, with_pip=True)
        pip: list[str | Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        done = subprocess.run([*pip, "-r", REQUIREMENTS], check=False, capture_output=True, text=True)
        if done.returncode:
            raise BenchmarkFailed(f"the FastAPI peer could not be installed:\n{done.stderr}")
        stamp.write_text(wanted)
    return folder / "bin"


@contextmanager
def running_peer(bench: Bench, *, database: str, redis_url: str, workers: int) -> Iterator[Server]:
    """Run it for the duration of the block: uvloop, httptools, and no access log."""
    program = install(bench.stand) / "uvicorn"
    command: list[str | Path] = [
        program,
        "fastapi_sqlalchemy.main:app",
        *("--app-dir", PEERS, "--port", "{port}", "--workers", str(workers)),
        *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
    ]
    settings = bench.stand.settings(database_url=bench.stand.database_url(database), redis_url=redis_url)
    environment = {**settings, "THREADS": str(THREADS)}
    name = f"fastapi {workers} worker{'s' * (workers > 1)}"
    with running_server(name, command, folder=bench.stand.folder, environment=environment) as server:
        say(f"  {name}: pid {server.pid}, {server.url}")
        yield server
