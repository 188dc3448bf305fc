"""TLS to both stores, with servers and clients that prove who they are; also over reconnects, and for every command."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
import pytest
from click.testing import CliRunner

from reservation.commands.main import commands
from reservation.db import migrations as schema
from reservation.db.psycopg_connections import DatabaseUnreachable
from reservation.embedded import binaries, postgresql
from reservation.embedded.processes import ChildServer
from reservation.settings import InvalidSettings
from reservation.start_checks import CannotStart
from tests.api import Api
from tests.conftest import SECRET, StartApi
from tests.faults.certificates import Certificates, make_certificates
from tests.faults.proxy import Proxy
from tests.faults.test_failover import until_ready
from tests.faults.test_outages import until_confirmed
from tests.live_feed import following
from tests.ports import free_port

USES_TLS = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
PASSWORD = "s3cret-of-the-stores"
REDIS_SERVER = shutil.which("redis-server")
SYSTEM_POSTGRES = binaries._system_postgres()

pytestmark = pytest.mark.skipif(
    REDIS_SERVER is None or not SYSTEM_POSTGRES or shutil.which("openssl") is None,
    reason="TLS needs Debian's packages postgresql, redis-server and openssl: the embedded servers have no TLS",
)


def in_url(parameters: Mapping[str, object]) -> str:
    """The parameters as libpq reads them, which takes + for itself."""
    return urlencode(parameters, quote_via=quote)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"), client=postgresql.USER)


@pytest.fixture(scope="module")
def postgresql_url(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated PostgreSQL that takes TLS only, with a client's certificate and the password; without parameters."""
    data_dir = tmp_path_factory.mktemp("postgresql")
    with postgresql.running_postgres(data_dir, SYSTEM_POSTGRES[0], password=PASSWORD, fast=True) as url:
        folder = data_dir / "postgres"
        for each in (certificates.authority, *certificates.pair("server")):
            shutil.copy(each, folder)
            os.chown(folder / each.name, folder.stat().st_uid, folder.stat().st_gid)
        files = {"ssl_ca_file": "authority.pem", "ssl_cert_file": "server.pem", "ssl_key_file": "server.key"}
        with psycopg.connect(url, autocommit=True) as connection:
            for name, value in (files | {"ssl": "on"}).items():
                connection.execute(f"alter system set {name} = '{value}'".encode())
            rules = "hostssl all all all scram-sha-256 clientcert=verify-full\nhost all all all reject\n"
            (folder / "pg_hba.conf").write_text(rules)
            connection.execute("select pg_reload_conf()")
        address = url.partition("?")[0].replace("127.0.0.1", "localhost")
        schema.apply(f"{address}?{in_url(postgresql_options(certificates))}")
        yield address


@pytest.fixture(scope="module")
def redis_url(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that takes TLS only, with a client's certificate and the password; without parameters."""
    assert REDIS_SERVER is not None
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    certificate, key = certificates.pair("server")
    config = f"""\
bind 127.0.0.1
port 0
tls-port {port}
tls-cert-file "{certificate}"
tls-key-file "{key}"
tls-ca-cert-file "{certificates.authority}"
requirepass {PASSWORD}
save ""
"""
    with ChildServer(
        [REDIS_SERVER, "-"],
        name="Redis",
        stop_signals=(signal.SIGTERM,),
        patience_s=10.0,
        log=folder / "redis.log",
        cwd=folder,
        config=config.encode(),
    ) as server:
        up = server.wait_until(lambda: "Ready to accept" in (folder / "redis.log").read_text(), 60.0)
        assert up, server.last_log_line()
        yield f"rediss://:{PASSWORD}@localhost:{port}/0"


def postgresql_options(certificates: Certificates, **other: object) -> dict[str, object]:
    certificate, key = certificates.pair("client")
    own = {"sslmode": "verify-full", "sslrootcert": certificates.authority, "sslcert": certificate, "sslkey": key}
    return own | other


def redis_options(certificates: Certificates, **other: object) -> dict[str, object]:
    certificate, key = certificates.pair("client")
    own = {"ssl_cert_reqs": "required", "ssl_ca_certs": certificates.authority}
    return own | {"ssl_certfile": certificate, "ssl_keyfile": key} | other


@pytest.fixture
def urls(postgresql_url: str, redis_url: str, certificates: Certificates) -> Mapping[str, str]:
    """The settings of the two stores."""
    return {
        "DATABASE_URL": f"{postgresql_url}?{in_url(postgresql_options(certificates))}",
        "REDIS_URL": f"{redis_url}?{in_url(redis_options(certificates))}",
    }


async def buy(api: Api) -> None:
    """Hold, follow the map and confirm; again and again while the stores are out of reach."""
    cinema, who = await api.cinema(), await api.sign_up()
    async with following(api, cinema.showtime_id) as stream:
        first = await stream.next()
        assert first is not None
        held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:2])
        assert held.status == 201, held.text
        await stream.until(dict.fromkeys(cinema.seat_ids[:2], "held"))
    assert (await until_confirmed(api, who, held.json["id"])).json["status"] == "confirmed"


async def test_the_service_books_over_tls_also_after_its_connections_broke(
    start_api: StartApi, urls: Mapping[str, str]
) -> None:
    async with Proxy(urls["DATABASE_URL"]) as database, Proxy(urls["REDIS_URL"]) as redis:
        proxied = {
            "DATABASE_URL": database.url.replace("127.0.0.1", "localhost"),
            "REDIS_URL": redis.url.replace("127.0.0.1", "localhost"),
        }
        api = await start_api(**proxied)
        api.database_url = urls["DATABASE_URL"]
        await buy(api)
        for store in (database, redis):
            await store.cut()
            assert (await api.call("GET", "/showtimes")).status == (503 if store is database else 200)
            await store.open()
        await until_ready(api, 200, "ready")
        await buy(api)


def test_commands_use_tls(urls: Mapping[str, str], tmp_path: Path) -> None:
    environ = {**urls, "JWT_SECRET": SECRET}
    for command in (["migrate"], ["seed", "demo"], ["audit"], ["export", "movies", str(tmp_path / "movies.csv")]):
        done = CliRunner().invoke(commands, command, env=environ, catch_exceptions=False)
        assert done.exit_code == 0, (command, done.output)
    psql = [
        sys.executable,
        "-m",
        "reservation",
        "psql",
        "-Atc",
        "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
    ]
    environ["PATH"] = f"{SYSTEM_POSTGRES[0]}{os.pathsep}{os.defpath}"
    done_psql = subprocess.run(psql, env=environ, capture_output=True, text=True, check=False)
    assert (done_psql.returncode, done_psql.stdout) == (0, "t\n"), done_psql.stderr


Wrong = Callable[[Mapping[str, str], Certificates], dict[str, str]]


def other_authority(urls: Mapping[str, str], certificates: Certificates) -> dict[str, str]:
    return {name: url.replace("authority.pem", "stranger.pem") for name, url in urls.items()}


def other_host(urls: Mapping[str, str], _: Certificates) -> dict[str, str]:
    return {name: url.replace("@localhost:", "@127.0.0.1:") for name, url in urls.items()}


def no_client_certificate(urls: Mapping[str, str], certificates: Certificates) -> dict[str, str]:
    database, redis = (url.partition("?")[0] for url in urls.values())
    authority = certificates.authority
    return {
        "DATABASE_URL": f"{database}?{in_url({'sslmode': 'verify-full', 'sslrootcert': authority})}",
        "REDIS_URL": f"{redis}?{in_url({'ssl_ca_certs': authority})}",
    }


WRONG = [other_authority, other_host, no_client_certificate]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
async def test_a_wrong_certificate_or_host_stops_the_start(
    start_api: StartApi, urls: Mapping[str, str], certificates: Certificates, wrong: Wrong, name: str
) -> None:
    with pytest.raises(CannotStart) as refused:
        await start_api(**{**urls, name: wrong(urls, certificates)[name]})
    await asyncio.sleep(0.1)  # connections that were closed end in the next rounds of the loop
    said = str(refused.value)
    assert said.startswith("PostgreSQL cannot be reached: " if name == "DATABASE_URL" else "Redis cannot be reached: ")
    # Redis closes the connection after the handshake: the client may not see its alert.
    assert "certificate" in said.lower() or (name, wrong) == ("REDIS_URL", no_client_certificate)
    assert PASSWORD not in said


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_certificate_or_host_stops_a_migration(
    urls: Mapping[str, str], certificates: Certificates, wrong: Wrong
) -> None:
    with pytest.raises(DatabaseUnreachable) as refused:
        schema.apply(wrong(urls, certificates)["DATABASE_URL"])
    assert "certificate" in str(refused.value)
    assert PASSWORD not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
async def test_a_missing_file_stops_the_start_and_is_named(
    start_api: StartApi, urls: Mapping[str, str], name: str
) -> None:
    with pytest.raises(InvalidSettings, match=f"{name} names a file that is not there: .*nobody.pem$"):
        await start_api(**{**urls, name: urls[name].replace("authority.pem", "nobody.pem")})
