"""The lock files and the image, and the pages of docs/ about them."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click import Command, Context, Group

from reservation.commands.main import COMMANDS, commands
from reservation.http.openapi.problems import all_problem_types
from reservation.settings import Settings
from tests.project.test_settings import known_names

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCS = ROOT / "docs"


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


def test_locks_have_the_same_versions() -> None:
    run, server, dev = (
        pins(name) for name in ("requirements.lock", "requirements-server.lock", "requirements-dev.lock")
    )
    assert run.items() <= dev.items()
    assert server.items() <= dev.items()
    assert {*canonical(PROJECT["project"]["optional-dependencies"]["tracing"])} <= server.keys()


def test_locks_have_every_dependency_of_the_project() -> None:
    project, extras = PROJECT["project"], PROJECT["project"]["optional-dependencies"]
    needed = canonical(project["dependencies"]) | canonical(PROJECT["build-system"]["requires"])
    embedded = canonical(extras["embedded"])
    server = pins("requirements-server.lock").keys()
    assert needed <= server
    assert not embedded & server
    assert needed | embedded <= pins("requirements.lock").keys()
    assert needed | embedded | canonical(extras["dev"]) <= pins("requirements-dev.lock").keys()


@pytest.mark.parametrize(
    "name",
    [
        "requirements.lock",
        "requirements-server.lock",
        "requirements-dev.lock",
        "requirements-sbom.lock",
        "patroni/requirements.lock",
    ],
)
def test_a_lock_has_only_names_versions_and_hashes(name: str) -> None:
    text = (ROOT / "deploy" / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=sha256:)", text, re.MULTILINE)
    blocks = re.findall(r"^\S.*(?:\n .*)*", text, re.MULTILINE)
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_sbom_is_of_the_packages_that_the_python_of_the_image_gets() -> None:
    """Whatever Python it is made with; the lock has one or two versions of a package, and what older ones need."""
    script = ROOT / "deploy" / "image-requirements"
    printed = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^([a-z0-9.-]+)==([^ ]+) \\\n    --hash", printed, re.MULTILINE)
    locked = (ROOT / "deploy" / "requirements-server.lock").read_text()
    assert ";" not in printed
    assert len(found) == printed.count("==") == len(dict(found))
    assert dict(found).keys() | {"setuptools", "async-timeout"} == pins("requirements-server.lock").keys()
    assert f"deprecated=={dict(found)['deprecated']} ; python_full_version >= '3.12'" in locked
    assert "uninstall --yes setuptools" in (ROOT / "Dockerfile").read_text()
    assert all(line in locked for line in printed.splitlines() if "--hash" in line)


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


def test_a_wheel_has_every_package() -> None:
    listed = PROJECT["tool"]["setuptools"]["packages"]
    made = {
        str(path.parent.relative_to(ROOT)).replace("/", ".") for path in (ROOT / "reservation").rglob("__init__.py")
    }
    assert {*listed} == made | {"reservation.sql", "reservation.migrations"}
