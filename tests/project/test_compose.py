"""The compose file: its services, their secrets, rights and limits."""

import asyncio
import os
import re
import shlex
import shutil
import stat
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import psycopg
import pytest
import redis
import yaml
from psycopg.sql import SQL, Identifier

from reservation.db import migrations as schema
from reservation.db.repository import ops
from reservation.dba.client_programs import output
from reservation.embedded import Embedded
from reservation.embedded.binaries import client_program, valkey_program
from reservation.embedded.ports import is_taken
from reservation.settings import Settings
from tests.ports import free_port
from tests.project.test_deployment import parse
from tests.project.test_settings import SECRETS as SECRET_SETTINGS, known_names

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

OURS = ("migrate", "web")
OWNERS_ONLY = {"MIGRATE_DATABASE_URL"}
EMBEDDED_ONLY = {"DATA_DIR", "POSTGRES_BIN_DIR", "VALKEY_SERVER"}
SECRETS = {path.rpartition("/")[2] for path in (given["file"] for given in COMPOSE["secrets"].values())}
AT = "/run/secrets"
START_WAIT_S = 30
VALUES = {"PORT": "8000", "WORKERS": "2"}
LOGINS = {"migrate": ("reservation", "owner_password"), "web": ("reservation_service", "service_password")}
IMAGE = re.compile(r"[a-z/]+:\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}")
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:[-?])?[^}]*\}")


def filled_in(service: str, values: dict[str, str]) -> dict[str, str]:
    """A service's environment as compose makes it of these variables."""
    environment: dict[str, Any] = SERVICES[service]["environment"]
    made: dict[str, str] = {}
    for name, template in environment.items():
        if template is not None:
            made[name] = VARIABLE.sub(lambda match: values[match[1]], str(template))
        elif name in values:
            made[name] = values[name]
    return made


def setting(variable: str) -> str:
    """The setting that a variable gives, by itself or by a file."""
    return variable if variable in known_names() else variable.removesuffix("_FILE")


def make_secrets(folder: Path) -> None:
    """Run the script in a copy of the tree's folder."""
    (folder / "deploy").mkdir(exist_ok=True)
    script = shutil.copy(ROOT / "deploy" / "make-secrets", folder / "deploy")
    subprocess.run([script], check=True)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The folder of secrets that the script makes."""
    folder = tmp_path / "host"
    folder.mkdir()
    make_secrets(folder)
    return folder / "secrets"


def read(secrets: Path, name: str) -> str:
    return (secrets / name).read_text().strip()


def with_secrets(environment: dict[str, str], secrets: Path) -> dict[str, str]:
    """The environment, with the paths of secrets as they are on this host."""
    return {name: text.replace(AT, str(secrets)) for name, text in environment.items()}


def as_login(url: str, login: str, password: str) -> str:
    """The URL of a database, for another login."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{login}:{password}@{host}").geturl()


def test_every_image_of_others_has_a_version_and_a_digest() -> None:
    """So two installations, or two builds, have the same bytes; the tag alone may name others tomorrow."""
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    images = [given["image"] for name, given in SERVICES.items() if name not in OURS]
    assert (len(bases), len(images)) == (2, len(SERVICES) - len(OURS))
    assert len({*bases}) == 1, "the stages have different images"
    assert [name for name in [*bases, *images] if not IMAGE.fullmatch(name)] == []
    assert all(SERVICES[name]["image"].endswith(":local") and "build" in SERVICES[name] for name in OURS)


@pytest.mark.parametrize("service", OURS)
def test_variables_of_the_compose_file_are_settings(service: str) -> None:
    assert {*map(setting, SERVICES[service]["environment"])} <= known_names()


def test_web_passes_every_setting_that_applies_to_it_and_each_secret_as_a_file() -> None:
    environment = SERVICES["web"]["environment"]
    assert {*map(setting, environment)} == known_names() - EMBEDDED_ONLY - OWNERS_ONLY
    assert {f"{name}_FILE" for name in SECRET_SETTINGS} - environment.keys() == {f"{name}_FILE" for name in OWNERS_ONLY}


@pytest.mark.parametrize("service", OURS)
def test_the_environment_of_a_service_makes_valid_settings(service: str, secrets: Path) -> None:
    settings = Settings.from_env(with_secrets(filled_in(service, {"HOLD_TTL_SECONDS": "60"}), secrets))
    login, password = LOGINS[service]
    assert settings.database_url == f"postgresql://{login}:{read(secrets, password)}@postgres:5432/reservation"
    assert settings.redis_url == f"redis://:{read(secrets, 'valkey_password')}@valkey:6379/0"
    assert settings.jwt_secret == read(secrets, "jwt_secret")
    assert settings.hold_ttl_s == (60 if service == "web" else 600)  # `migrate` has settings of its own


def test_compose_requires_the_secrets(secrets: Path) -> None:
    """As files, which a script makes: none in the environment of the host."""
    assert {path.name for path in secrets.iterdir()} == SECRETS == COMPOSE["secrets"].keys()
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert len({path.read_text() for path in secrets.iterdir()}) == len(SECRETS)
    used = {name for name, _ in VARIABLE.findall((ROOT / "docker-compose.yml").read_text())}
    assert used == {"PORT", "WORKERS"}


def test_secrets_that_are_there_stay(secrets: Path) -> None:
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    make_secrets(secrets.parent)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before


def test_a_container_has_only_the_secrets_that_it_needs() -> None:
    assert {name: set(given["secrets"]) for name, given in SERVICES.items()} == {
        "postgres": {"postgres_password", "owner_password", "service_password"},
        "valkey": {"valkey_password"},
        "migrate": {"owner_url", "redis_url", "jwt_secret"},
        "web": {"database_url", "redis_url", "jwt_secret"},
    }
    for name, given in SERVICES.items():
        used = {*re.findall(rf"{AT}/(\w+)", yaml.safe_dump(given))}
        if name == "postgres":
            used |= {*re.findall(rf"{AT}/(\w+)", (ROOT / "deploy/compose/roles.sql").read_text())}
        assert used == set(given["secrets"]), name


def test_a_container_has_only_the_environment_that_it_needs() -> None:
    """Secrets with a value here are paths; what an operator may give besides goes to one container."""
    environments = {name: given.get("environment", {}) for name, given in SERVICES.items()}
    assert environments["postgres"].keys() == {"POSTGRES_DB", "POSTGRES_PASSWORD_FILE"}
    assert environments["valkey"] == {}
    own = {"MIGRATE_DATABASE_URL", "MIGRATE_DATABASE_URL_FILE"}
    shared = {"DATABASE_URL_FILE", "REDIS_URL_FILE", "JWT_SECRET_FILE", "CLEANING_MINUTES", "SQL_DIR", "LOG_LEVEL"}
    assert environments["migrate"].keys() == own | shared
    assert environments["migrate"].keys() & environments["web"].keys() == shared
    for environment in environments.values():
        secrets = {name: text for name, text in environment.items() if setting(name) in SECRET_SETTINGS and text}
        assert all(name.endswith("_FILE") and text.startswith(f"{AT}/") for name, text in secrets.items())


@pytest.mark.parametrize("name", sorted({*SECRET_SETTINGS} - {"DATABASE_URL", "REDIS_URL", "JWT_SECRET"}))
def test_a_secret_of_the_operator_is_read_from_the_file_that_is_named(name: str, secrets: Path) -> None:
    service = "migrate" if name in OWNERS_ONLY else "web"
    (secrets / "own").write_text("0123456789abcdef\n")
    given = {f"{name}_FILE": f"{AT}/own"}
    read_from = Settings.given(with_secrets(filled_in(service, given), secrets))[name]
    assert read_from == ("0123456789abcdef", str(secrets / "own"))


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_containers_are_limited_and_their_logs_rotate(service: str) -> None:
    given = SERVICES[service]
    assert re.fullmatch(r"\d+[mg]", given["mem_limit"])
    assert 0 < given["pids_limit"] <= 1024
    assert {"max-size", "max-file"} <= given["logging"]["options"].keys()


async def test_the_service_of_compose_connects_as_the_service_role(
    servers: Embedded, empty_database_url: str, secrets: Path
) -> None:
    """The real script of the roles, the migrations as the owner, and the rights of the service's login."""
    database = empty_database_url.rpartition("/")[2]
    script = (ROOT / "deploy/compose/roles.sql").read_text().replace(AT, shlex.quote(str(secrets)))
    script = re.sub(r"database reservation\b", f"database {database}", script)
    script = re.sub(r"\breservation\b", "compose_owner", script)  # the tests' superuser has the name of the owner
    names = ("reservation_app", "reservation_readonly")
    for name in names:  # of the whole server, which other tests use
        script = script.replace(f"create role {name} nologin;", "")
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        for name in names:
            if not connection.execute("select from pg_roles where rolname = %s", [name]).fetchall():
                connection.execute(SQL("create role {} nologin").format(Identifier(name)))
    roles = secrets.parent / "roles.sql"
    roles.write_text(script)
    try:
        given = ["--no-psqlrc", "--quiet", "--file", str(roles)]
        await asyncio.to_thread(output, client_program("psql", None), empty_database_url, given)
        await asyncio.to_thread(
            schema.apply, as_login(empty_database_url, "compose_owner", read(secrets, "owner_password"))
        )
        service = await asyncpg.connect(
            as_login(empty_database_url, "reservation_service", read(secrets, "service_password"))
        )
        try:
            assert await ops.role_without_booking_rights(service) is None
            assert not await service.fetchval("select rolsuper from pg_roles where rolname = current_user")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute("create table own (id integer)")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute("delete from users")
        finally:
            await service.close()
    finally:
        with psycopg.connect(empty_database_url, autocommit=True) as admin:
            admin.execute(f"alter database {database} owner to current_user")
            admin.execute("alter schema public owner to current_user")
            admin.execute("drop owned by compose_owner cascade")
            admin.execute("drop owned by reservation_service")
            admin.execute("drop role reservation_service")
            admin.execute("drop role compose_owner")


def test_web_starts_after_its_stores_and_migrations() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["web"]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "postgres": {"condition": "service_healthy"},
        "valkey": {"condition": "service_healthy"},
    }
    assert SERVICES["migrate"]["restart"] == "no"
    assert all("healthcheck" in SERVICES[store] for store in ("postgres", "valkey"))


@pytest.mark.parametrize("service", OURS)
def test_commands_of_the_compose_file_exist(service: str) -> None:
    parse(*(VARIABLE.sub("2", word) for word in SERVICES[service]["command"]))


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_containers_run_without_extra_privileges(service: str) -> None:
    given = SERVICES[service]
    assert given["read_only"] is True
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "network_mode"} & given.keys()
    assert service in OURS or given["user"] not in ("root", "0")
    assert all(port.startswith("127.0.0.1:") for port in given.get("ports", ()))


def start_command(service: str) -> list[str]:
    """The words that a container is started with, as compose hands them on."""
    words = SERVICES[service].get("command", [])
    return [VARIABLE.sub(lambda match: VALUES[match[1]], word).replace("$$", "$") for word in words]


def health_command(service: str) -> list[str]:
    """The words of a container's health check."""
    kind, *words = SERVICES[service].get("healthcheck", {}).get("test", ["NONE"])
    words = [word.replace("$$", "$") for word in words]
    return ["sh", "-c", *words] if kind == "CMD-SHELL" else words


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_no_secret_is_in_any_command_line(service: str, tmp_path: Path, secrets: Path) -> None:
    """Each command runs with programs on its PATH that write their arguments to a file."""
    log = tmp_path / "arguments"
    for program in ("valkey-server", "valkey-cli", "pg_isready", "serve", "migrate"):
        fake = tmp_path / program
        fake.write_text(f'#!/bin/sh\nprintf "%s " {program} "$@" >>"{log}"\necho PONG\n')
        fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.defpath}"}
    for words in filter(None, (start_command(service), health_command(service))):
        command = [word.replace(AT, shlex.quote(str(secrets))) for word in words]
        log.write_text("")
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        called = log.read_text()
        assert called, "none of the programs was called"
        written = f"{called} {' '.join(command)}"
        assert [name for name in SECRETS if read(secrets, name) in written] == []


def test_valkey_requires_the_password_given(tmp_path: Path) -> None:
    """The real server, started by the documented command, but for the port."""
    (tmp_path / "valkey-server").symlink_to(valkey_program(None))
    port, password = free_port(), "0123456789abcdef"
    [shell, option, script] = start_command("valkey")
    script = script.replace("save ", f"port {port}\nbind 127.0.0.1\nsave ", 1).replace(AT, shlex.quote(str(tmp_path)))
    (tmp_path / "valkey_password").write_text(password + "\n")
    environment = {"PATH": f"{tmp_path}:{os.defpath}"}
    server = subprocess.Popen([shell, option, script], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_WAIT_S
        while not is_taken(port):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert password not in Path(f"/proc/{server.pid}/cmdline").read_text()
        with redis.Redis(port=port, password=password) as client:
            settings = client.config_get("save", "appendonly", "maxmemory", "maxmemory-policy")
            assert settings == {
                "save": "", "appendonly": "no", "maxmemory": str(256 * 2**20), "maxmemory-policy": "noeviction"
            }  # fmt: skip
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    finally:
        server.terminate()
        server.wait(START_WAIT_S)


def test_only_web_has_a_port() -> None:
    assert COMPOSE["networks"]["stores"]["internal"] is True
    assert SERVICES["web"]["networks"] == ["stores", "front"]
    assert all(given["networks"] == ["stores"] for name, given in SERVICES.items() if name != "web")
    assert [name for name, given in SERVICES.items() if "ports" in given] == ["web"]
