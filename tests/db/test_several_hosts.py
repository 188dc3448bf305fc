"""A DATABASE_URL with several hosts: the service, the migrations and every tool use the one that answers."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from click.testing import CliRunner

from reservation.commands.main import commands
from reservation.db import migrations as schema
from reservation.db.psycopg_connections import DatabaseUnreachable, database_name
from tests.conftest import SECRET, StartApi
from tests.ports import free_port

QUERIES = ["", "target_session_attrs=read-write"]
WithDeadHost = Callable[[str], str]


@pytest.fixture(params=QUERIES, ids=["any", "read-write"])
def with_dead_host(request: pytest.FixtureRequest) -> WithDeadHost:
    """Puts a host that refuses connections before the one of a URL."""

    def change(url: str) -> str:
        parts = urlsplit(url)
        login, _, host = parts.netloc.rpartition("@")
        query = "&".join(filter(None, (parts.query, request.param)))
        return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{free_port()},{host}", query=query))

    return change


async def test_the_service_books_on_the_host_that_answers(
    start_api: StartApi, database_url: str, with_dead_host: WithDeadHost
) -> None:
    api = await start_api(DATABASE_URL=with_dead_host(database_url))
    who, cinema = await api.sign_up(), await api.cinema()
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:2])
    assert (await api.confirm(who, held.json["id"])).status == 200


def test_migrations_run_on_the_host_that_answers(empty_database_url: str, with_dead_host: WithDeadHost) -> None:
    url = with_dead_host(empty_database_url)
    assert schema.apply(url) == sorted(schema.known_migrations())
    schema.require_current(url)
    assert schema.rollback(url, 1) == [max(schema.known_migrations())]


def test_commands_use_the_host_that_answers(
    database_url: str, redis_url: str, tmp_path: Path, with_dead_host: WithDeadHost
) -> None:
    environ = {"DATABASE_URL": with_dead_host(database_url), "REDIS_URL": redis_url, "JWT_SECRET": SECRET}
    for command in (["migrate"], ["seed", "demo"], ["audit"], ["export", "movies", str(tmp_path / "movies.csv")]):
        assert CliRunner().invoke(commands, command, env=environ, catch_exceptions=False).exit_code == 0, command
    done = subprocess.run(
        [sys.executable, "-m", "reservation", "psql", "-Atc", "select count(*) from users"],
        env={"PATH": os.defpath} | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_the_error_names_all_hosts_when_none_answers() -> None:
    ports = free_port(), free_port()
    url = f"postgresql://u:s3cret@127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}/d"
    with pytest.raises(DatabaseUnreachable) as caught:
        schema.require_current(url)
    assert f"127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}: " in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://u:p@h1:1,h2:2/d", "h1:1,h2:2/d"),
        ("postgresql://h1,h2/d", "h1:5432,h2:5432/d"),
        ("postgresql://h1,h2:7/d", "h1:5432,h2:7/d"),
        ("postgresql:///d", "localhost:5432/d"),
    ],
)
def test_database_name_has_all_hosts(url: str, name: str) -> None:
    assert database_name(url) == name
