"""The lock files, the image and the compose file, and the pages of docs/ about them."""

import json
import os
import re
import subprocess
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from click import Command, Context, Group

from reservation.commands.main import COMMANDS, commands
from reservation.embedded.binaries import valkey_program
from reservation.embedded.ports import is_taken
from reservation.http.openapi.problems import all_problem_types
from reservation.settings import Settings
from tests.ports import free_port
from tests.project.test_settings import SECRET, known_names

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCS = ROOT / "docs"

OURS = ("migrate", "web")
EMBEDDED_ONLY = {"DATA_DIR", "POSTGRES_BIN_DIR", "VALKEY_SERVER"}
SECRETS = {"JWT_SECRET", "POSTGRES_PASSWORD", "VALKEY_PASSWORD"}
START_WAIT_S = 30
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:[-?])?[^}]*\}")


def dockerfile() -> list[tuple[str, str]]:
    """The last stage's instructions, with their lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    last = text[text.rindex("\nFROM ") :].strip().splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in last)]


def instruction(name: str) -> str:
    """The argument of an instruction that the last stage has once."""
    [found] = [rest for word, rest in dockerfile() if word == name]
    return found


def pins(name: str) -> dict[str, str]:
    """Package by package, the version that a lock has."""
    return dict(
        re.findall(r"^([a-z0-9.-]+)(?:\[[^]]*\])?==([^\s;]+)", (ROOT / "deploy" / name).read_text(), re.MULTILINE)
    )


def canonical(requirements: list[str]) -> set[str]:
    """The packages' names as they stand in locks."""
    return {re.split(r"[^A-Za-z0-9._-]", text)[0].lower().replace("_", "-") for text in requirements}


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


def test_locks_have_the_same_versions() -> None:
    run = pins("requirements.lock")
    assert pins("requirements-server.lock").items() <= run.items()
    assert run.items() <= pins("requirements-dev.lock").items()


def test_locks_have_every_dependency_of_the_project() -> None:
    project, extras = PROJECT["project"], PROJECT["project"]["optional-dependencies"]
    needed = canonical(project["dependencies"]) | canonical(PROJECT["build-system"]["requires"])
    embedded = canonical(extras["embedded"])
    server = pins("requirements-server.lock").keys()
    assert needed <= server
    assert not embedded & server
    assert needed | embedded <= pins("requirements.lock").keys()
    assert needed | embedded | canonical(extras["dev"]) <= pins("requirements-dev.lock").keys()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-server.lock", "requirements-dev.lock"])
def test_a_lock_has_only_names_versions_and_hashes(name: str) -> None:
    text = (ROOT / "deploy" / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=sha256:)", text, re.MULTILINE)
    blocks = re.findall(r"^\S.*(?:\n .*)*", text, re.MULTILINE)
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_image_does_not_run_as_root() -> None:
    uid, _, gid = instruction("USER").partition(":")
    assert (int(uid), int(gid)) == (10_001, 10_001)
    assert f"--uid {uid}" in instruction("RUN")


def test_image_starts_and_stops_the_service() -> None:
    assert json.loads(instruction("ENTRYPOINT")) == ["reservation"]
    parse("serve", *json.loads(instruction("CMD"))[1:])
    assert json.loads(instruction("CMD"))[0] == "serve"
    assert instruction("STOPSIGNAL") == "SIGTERM"
    assert instruction("EXPOSE") == "8000"
    assert "'http://127.0.0.1:8000/health'" in instruction("HEALTHCHECK")


def test_image_has_the_projects_version() -> None:
    assert f'image.version="{PROJECT["project"]["version"]}"' in instruction("LABEL")


def test_image_sets_known_settings_only() -> None:
    ordinary = {"PATH", "PYTHONUNBUFFERED"}
    assert set(re.findall(r"\b([A-Z_]+)=", instruction("ENV"))) - ordinary <= known_names()


def test_the_build_context_has_only_the_files_allowed() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    allowed = {rule[1:] for rule in rules if rule[0] == "!"}
    assert rules[0] == "*"
    assert {path for path in allowed if not (ROOT / path).exists()} == set()
    folders = {folder.partition("/")[0] for folder in PROJECT["tool"]["setuptools"]["package-dir"].values()}
    assert folders | {"pyproject.toml", *PROJECT["project"]["license-files"]} <= allowed


@pytest.mark.parametrize("service", OURS)
def test_variables_of_the_compose_file_are_settings(service: str) -> None:
    assert SERVICES[service]["environment"].keys() <= known_names()


def test_web_passes_every_setting_that_applies_to_it() -> None:
    assert SERVICES["web"]["environment"].keys() == known_names() - EMBEDDED_ONLY


@pytest.mark.parametrize("service", OURS)
def test_the_environment_of_a_service_makes_valid_settings(service: str) -> None:
    values = dict.fromkeys(SECRETS, SECRET) | {"HOLD_TTL_SECONDS": "60"}
    settings = Settings.from_env(filled_in(service, values))
    assert settings.database_url == f"postgresql://reservation:{SECRET}@postgres:5432/reservation"
    assert settings.redis_url == f"redis://:{SECRET}@valkey:6379/0"
    assert (settings.jwt_secret, settings.hold_ttl_s) == (SECRET, 60)


def test_compose_requires_the_secrets() -> None:
    used = set(VARIABLE.findall((ROOT / "docker-compose.yml").read_text()))
    assert {name for name, mark in used if mark == ":?"} == SECRETS
    assert {name for name, mark in used if mark != ":?"} == {"PORT", "WORKERS"}


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
    return [VARIABLE.sub(lambda match: secret_values()[match[1]], word).replace("$$", "$") for word in words]


def health_command(service: str) -> list[str]:
    """The words of a container's health check."""
    kind, *words = SERVICES[service].get("healthcheck", {}).get("test", ["NONE"])
    return ["sh", "-c", *words] if kind == "CMD-SHELL" else words


def secret_values() -> dict[str, str]:
    return {name: f"{name}-{SECRET}" for name in SECRETS} | {"PORT": "8000", "WORKERS": "2"}


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_no_secret_is_in_any_command_line(service: str, tmp_path: Path) -> None:
    """Each command runs with programs on its PATH that write their arguments to a file."""
    log = tmp_path / "arguments"
    for program in ("valkey-server", "valkey-cli", "pg_isready", "serve", "migrate"):
        fake = tmp_path / program
        fake.write_text(f'#!/bin/sh\nprintf "%s " {program} "$@" >>"{log}"\necho PONG\n')
        fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.defpath}"} | filled_in(service, secret_values())
    for command in filter(None, (start_command(service), health_command(service))):
        log.write_text("")
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        called = log.read_text()
        assert called, "none of the programs was called"
        written = f"{called} {' '.join(command)}"
        assert [name for name, value in secret_values().items() if name in SECRETS and value in written] == []


def test_valkey_requires_the_password_given(tmp_path: Path) -> None:
    """The real server, started by the documented command, but for the port."""
    (tmp_path / "valkey-server").symlink_to(valkey_program(None))
    port, password = free_port(), "0123456789abcdef"
    [shell, option, script] = start_command("valkey")
    script = script.replace("save ", f"port {port}\nbind 127.0.0.1\nsave ", 1)
    environment = {"PATH": f"{tmp_path}:{os.defpath}", "REDISCLI_AUTH": password}
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


def test_the_page_of_settings_has_every_setting_and_its_default() -> None:
    page = (DOCS / "operator/settings.md").read_text()
    table = dict(re.findall(r"^\| `([A-Z_]+)` \| (?:`([^`|]*)`)? *\|", page, re.MULTILINE))
    assert table.keys() == known_names()
    shown = {name: default for name, default in table.items() if default}
    assert Settings.from_env(shown) == Settings.from_env({})


def test_the_page_of_problem_codes_has_every_code_and_its_status() -> None:
    page = (DOCS / "client/problem-codes.md").read_text()
    listed = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", page, re.MULTILINE)
    expected = {(each.status, each.code) for each in all_problem_types()}
    assert {(int(status), code) for status, code in listed} == expected


def test_the_page_of_commands_has_every_command() -> None:
    page = (DOCS / "operator/commands.md").read_text()
    leaves = {name for name in COMMANDS if not isinstance(command(name), Group)}
    seed = command("seed")
    assert isinstance(seed, Group)
    leaves |= {f"seed {name}" for name in seed.list_commands(Context(seed))}
    assert {name for name in leaves if f"`reservation {name}" not in page} == set()


def command(name: str) -> Command:
    found = commands.get_command(Context(commands), name)
    assert found is not None
    return found


def parse(*words: str) -> None:
    """Read a command line as the program would, without carrying it out."""
    command(words[0]).make_context(words[0], list(words[1:]))
