"""The etcd, Patroni and HAProxy of docker-compose.ha.yml, started with their own files on this host's addresses."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg
import pytest

from reservation.db import migrations as schema
from reservation.embedded import postgresql
from reservation.embedded.binaries import postgres_programs
from reservation.embedded.processes import ChildServer
from tests.deploy.compose_ha import AT, HAPROXY, PATRONI, ROOT, SERVICES, numbered
from tests.deploy.test_haproxy import haproxy, moved
from tests.ports import free_port
from tests.programs import program
from tests.project.test_compose import make_secrets

WAIT_S = 180
# Which the script `start` reads from files.
PASSWORDS = dict.fromkeys(
    ("PATRONI_SUPERUSER_PASSWORD", "PATRONI_REPLICATION_PASSWORD", "PATRONI_RESTAPI_PASSWORD"), "secret"
)
NODES, ETCDS = numbered("postgres"), numbered("etcd")


@dataclass
class Hosts:
    """The ports of this host that stand for names and ports of containers, such as etcd1:2379."""

    ports: dict[str, int] = field(default_factory=dict)

    def here(self, text: str, own: str) -> str:
        """The text with addresses of this host; `own` is the container whose 0.0.0.0 is meant."""
        text = text.replace("0.0.0.0", own)  # noqa: S104 - it is replaced
        for name in (*NODES, *ETCDS):
            for port in ("5432", "8008", "2379", "2380"):
                address = f"{name}:{port}"
                if address in text:
                    text = text.replace(address, f"127.0.0.1:{self.ports.setdefault(address, free_port())}")
        return text


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    make_secrets(tmp_path)
    subprocess.run([tmp_path / "deploy/make-secrets", "ha"], check=True)
    return tmp_path / "secrets-ha"


def server(command: list[str], name: str, folder: Path, environment: dict[str, str]) -> ChildServer:
    given = [f"{key}={text}" for key, text in environment.items()]
    return ChildServer(
        ["env", *given, *command],
        name=name,
        stop_signals=(signal.SIGTERM,),
        patience_s=60,
        log=folder / f"{name}.log",
        cwd=folder,
    )


@contextmanager
def etcd_cluster(folder: Path, hosts: Hosts) -> Iterator[None]:
    """The three etcd, with the environment of the compose file."""
    with ExitStack() as stack:
        for name in ETCDS:
            given = {key: hosts.here(text, name) for key, text in SERVICES[name]["environment"].items()}
            given["ETCD_DATA_DIR"] = str(folder / name)
            stack.enter_context(server([program("etcd", package="etcd-server")], name, folder, given))
        yield


def patroni_files(folder: Path, secrets: Path, sockets: Path) -> None:
    """The folder /etc/patroni of the image, with its own path in the files."""
    etc = folder / "etc"
    etc.mkdir()
    for name in ("start", "post-bootstrap"):
        shutil.copy(ROOT / "deploy/patroni" / name, etc)
    script = json.dumps(shlex.quote(str(etc / "post-bootstrap")))  # a command line in YAML
    text = PATRONI.read_text().replace("/etc/patroni/post-bootstrap", script)
    text = text.replace("/var/run/postgresql", str(sockets))
    (etc / "patroni.yml").write_text(text)
    roles = (ROOT / "deploy/compose/roles.sql").read_text()
    (etc / "roles.sql").write_text(roles.replace(AT, shlex.quote(str(secrets))))


def patroni_environment(name: str, folder: Path, secrets: Path, hosts: Hosts) -> dict[str, str]:
    """That of the compose file, and what in the image is at fixed paths and ports."""
    programs = postgres_programs(None)
    given = {key: hosts.here(text, name) for key, text in SERVICES[name]["environment"].items()}
    return given | {
        "PATH": f"{Path(sys.executable).parent}:{programs}:{os.environ['PATH']}",
        "SECRETS": str(secrets),
        "ROLES": str(folder / "etc/roles.sql"),
        "PATRONI_ETCD3_HOSTS": hosts.here(",".join(f"{etcd}:2379" for etcd in ETCDS), name),
        "PATRONI_POSTGRESQL_BIN_DIR": str(programs),
        "PATRONI_POSTGRESQL_DATA_DIR": str(folder / name),
        "PATRONI_POSTGRESQL_LISTEN": hosts.here(f"{name}:5432", name),
        "PATRONI_POSTGRESQL_PGPASS": str(folder / f"{name}.pgpass"),
        "PATRONI_RESTAPI_LISTEN": hosts.here(f"{name}:8008", name),
    }


@pytest.fixture
def folder(tmp_path: Path, secrets: Path, socket_folder: Path) -> Path:
    patroni_files(tmp_path, secrets, socket_folder)
    return tmp_path


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; an error of the database is a no."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            if condition():
                return
        except psycopg.Error:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)


def asked(url: str, statement: str) -> object:
    with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None


def is_answered(url: str, statement: str, wanted: object) -> bool:
    return asked(url, statement) == wanted


def test_patroni_finds_its_configuration_valid(folder: Path, secrets: Path) -> None:
    """But for what is so on this host alone: both nodes have its address."""
    hosts = Hosts()
    patroni = Path(sys.executable).parent / "patroni"
    with etcd_cluster(folder, hosts):
        given = patroni_environment("postgres1", folder, secrets, hosts) | PASSWORDS
        command = [str(patroni), "--validate-config", str(folder / "etc/patroni.yml")]
        eventually(lambda: not _complaints(command, given, "etcd3.hosts"))
        assert _complaints(command, given, "") == []
        wrong = given | {"PATRONI_POSTGRESQL_BIN_DIR": "/nowhere"}
        assert _complaints(command, wrong, "bin_dir"), "it finds no error"


def _complaints(command: list[str], environment: dict[str, str], about: str) -> list[str]:
    result = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    lines = (result.stdout + result.stderr).splitlines()
    return [line for line in lines if about in line and "must not contain" not in line]


def test_the_servers_of_compose_become_a_cluster_with_the_roles_of_the_service(folder: Path, secrets: Path) -> None:
    """A synchronous standby, the service's login, migrations by the owner, and HAProxy that finds each server."""
    hosts, runner = Hosts(), postgresql._runner()
    with ExitStack() as stack:
        stack.enter_context(etcd_cluster(folder, hosts))
        postgresql._own(folder, runner)
        for name in NODES:
            given = patroni_environment(name, folder, secrets, hosts)
            start = [*runner.prefix, "sh", str(folder / "etc/start"), str(folder / "etc/patroni.yml")]
            stack.enter_context(server(start, name, folder, given))
        owner = hosts.here((secrets / "owner_url").read_text().strip(), "")
        eventually(partial(is_answered, owner, "select current_database()", "reservation"))
        state = "select string_agg(sync_state, ',') from pg_stat_replication"
        password = (secrets / "postgres_password").read_text().strip()
        admin = owner.replace(owner.split("@")[0], f"postgresql://postgres:{password}")
        eventually(partial(is_answered, admin, state, "sync"))
        assert schema.apply(owner)
        service = hosts.here((secrets / "database_url").read_text().strip(), "")
        assert asked(service, "select count(*) from users") == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            asked(service, "create table own (id integer)")
        ports = {"8000": free_port(), "5432": free_port(), "5433": free_port()}
        text = HAPROXY.read_text().replace("check port 8008", "check")
        servers = {name: hosts.ports[f"{name}:5432"] for name in NODES} | {"web1": free_port(), "web2": free_port()}
        text = moved(text, ports, servers, {name: hosts.ports[f"{name}:8008"] for name in NODES})
        stack.enter_context(haproxy(folder, text))
        login = service.split("@")[0]
        for port, is_standby in (("5432", False), ("5433", True)):
            url = f"{login}@127.0.0.1:{ports[port]}/reservation"
            eventually(partial(is_answered, url, "select pg_is_in_recovery()", is_standby))
