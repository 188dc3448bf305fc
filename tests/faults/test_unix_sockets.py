"""Both stores by Unix sockets alone: the service and every command."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from reservation.commands.main import commands
from reservation.db import migrations as schema
from reservation.embedded import binaries, postgresql
from reservation.embedded.processes import ChildServer
from tests.conftest import SECRET, StartApi
from tests.faults.postgresql_pair import Server
from tests.live_feed import following
from tests.ports import free_port

PASSWORD = "s3cret-of-the-store"


@pytest.fixture
def postgresql_server(data_dir: Path, socket_folder: Path) -> Iterator[Server]:
    password = json.loads((data_dir / "secrets.json").read_text())["postgres_password"]
    server = Server(
        data_dir / "postgres", binaries.postgres_programs(None), password, free_port(), socket_folder=socket_folder
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def valkey_socket(socket_folder: Path, tmp_path: Path) -> Iterator[Path]:
    path, log = socket_folder / "valkey.sock", tmp_path / "valkey.log"
    config = f"port 0\nunixsocket {path}\nrequirepass {PASSWORD}\nsave ''\n"
    with ChildServer(
        [binaries.valkey_program(None), "-"],
        name="Valkey",
        stop_signals=(signal.SIGTERM,),
        patience_s=10.0,
        log=log,
        cwd=tmp_path,
        config=config.encode(),
    ) as server:
        assert server.wait_until(path.exists, 60.0), server.last_log_line()
        yield path


@pytest.fixture(params=["parameters", "login"])
def urls(request: pytest.FixtureRequest, postgresql_server: Server, valkey_socket: Path) -> Mapping[str, str]:
    """The settings of the stores: the login as parameters, or before an empty host."""
    if request.param == "parameters":
        return {
            "DATABASE_URL": postgresql_server.url,
            "REDIS_URL": f"unix://{valkey_socket}?password={PASSWORD}&db=0",
        }
    login = f"{postgresql.USER}:{postgresql_server.password}"
    where = f"host={quote(str(postgresql_server.socket_folder), safe='')}&port={postgresql_server.port}"
    return {
        "DATABASE_URL": f"postgresql://{login}@/{postgresql.DATABASE}?{where}",
        "REDIS_URL": f"unix://:{PASSWORD}@{valkey_socket}",
    }


def test_commands_use_unix_sockets(urls: Mapping[str, str], tmp_path: Path) -> None:
    environ = {**urls, "JWT_SECRET": SECRET}
    for command in (["migrate"], ["seed", "demo"], ["audit"], ["export", "movies", str(tmp_path / "movies.csv")]):
        done = CliRunner().invoke(commands, command, env=environ, catch_exceptions=False)
        assert done.exit_code == 0, (command, done.output)
    psql = [sys.executable, "-m", "reservation", "psql", "-Atc", "select inet_server_addr() is null"]
    asked = subprocess.run(psql, env={"PATH": os.defpath} | environ, capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stdout) == (0, "t\n"), asked.stderr


async def test_the_service_books_by_unix_sockets(start_api: StartApi, urls: Mapping[str, str]) -> None:
    schema.apply(urls["DATABASE_URL"])
    api = await start_api(**urls)
    api.database_url = urls["DATABASE_URL"]
    cinema, who = await api.cinema(), await api.sign_up()
    async with following(api, cinema.showtime_id) as stream:
        assert await stream.next() is not None
        held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:2])
        await stream.until(dict.fromkeys(cinema.seat_ids[:2], "held"))
    assert (await api.confirm(who, held.json["id"])).json["status"] == "confirmed"
    assert (await api.call("GET", "/ready")).status == 200
