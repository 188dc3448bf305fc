"""README, CONTRIBUTING and docs/ name only files, links, `make` targets, commands and settings that exist."""

import re
from pathlib import Path

import click
import pytest

from reservation.commands.main import commands
from reservation.settings.environment import OTHER_SERVERS
from tests.project.test_settings import SECRETS, known_names

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md", "benchmarks/NOTES.md")),
    ROOT / "sql/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FOLDERS = ("reservation", "sql", "migrations", "tests", "benchmarks", "docs", "deploy")
# A path in text; one with <...>, {...}, * or N in its name stands for many.
PATH = re.compile(rf"(?<![\w/.$-])(?:{'|'.join(FOLDERS)})/[\w./*<>{{}}+-]*[\w/*>}}]")
PLACEHOLDER = re.compile(r"[*<>{}+]|N_|/$")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`|^ {4}[^\n]*$", re.MULTILINE)
# A command at the start of a line or code span, or behind a prompt, a pipe, a folder or an assignment.
COMMAND = re.compile(
    r"(?:^|[`$|/] *|\b[A-Z_]+=\S* +)reservation ([a-z][\w-]*)(?: ([a-z][\w-]*))?([^\n`|>;#]*)", re.MULTILINE
)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([\w-]+))?\)")
README_LIMIT = 200
# OpenTelemetry's library reads these by itself.
OF_OPENTELEMETRY = {
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_PROPAGATORS",
    "OTEL_RESOURCE_ATTRIBUTES",
}


def code_of(page: Path) -> str:
    """Code spans and blocks of a page."""
    text = page.read_text()
    return "\n".join([*FENCED.findall(text), *CODE.findall(FENCED.sub("", text))])


def anchors_of(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and MkDocs both make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def is_known(name: str, sub: str, rest: str) -> bool:
    """Whether a command line has a command and options that there are."""
    command = commands.get_command(click.Context(commands), name)
    if isinstance(command, click.Group) and sub:
        command = command.get_command(click.Context(command), sub)
    if command is None:
        return False
    options = {word for parameter in command.params for word in parameter.opts} | {"--help"}
    return set(re.findall(r"--[a-z][a-z-]*", rest)) <= options or command.context_settings != {}


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_lists_of_pages_name_all_pages(page: str) -> None:
    linked = {(ROOT / page).parent / address for address, _ in LINK.findall((ROOT / page).read_text()) if address}
    pages = {each for each in PAGES if ROOT / "docs" in each.parents} - {ROOT / "docs/index.md"}
    assert sorted(str(each) for each in pages - linked) == []


def test_the_readme_has_at_most_200_lines() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LIMIT


@pytest.mark.parametrize("name", NAMES)
def test_paths_in_a_page_exist(name: str) -> None:
    named = set(PATH.findall((ROOT / name).read_text()))
    missing = {path for path in named if not PLACEHOLDER.search(path) and not (ROOT / path).exists()}
    assert missing == set()


@pytest.mark.parametrize("name", NAMES)
def test_links_in_a_page_lead_to_files_and_headings(name: str) -> None:
    page = ROOT / name
    broken = []
    for target, anchor in LINK.findall(page.read_text()):
        if target.startswith("http"):
            continue
        file = page.parent / target if target else page
        if not file.is_file() or (anchor and anchor not in anchors_of(file)):
            broken.append((target, anchor))
    assert broken == []


@pytest.mark.parametrize("name", NAMES)
def test_make_targets_in_a_page_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ((?!-)[a-z0-9-]+)\b", code_of(ROOT / name)))
    assert named - targets == set()


@pytest.mark.parametrize("name", NAMES)
def test_commands_and_options_in_a_page_exist(name: str) -> None:
    lines = COMMAND.findall(code_of(ROOT / name))
    assert [line for line in lines if not is_known(*line)] == []


@pytest.mark.parametrize("name", NAMES)
def test_settings_in_a_page_exist(name: str) -> None:
    """In code, a word in capitals with an underscore that has the first part of a setting's name is a setting."""
    known = known_names()
    heads = {setting.split("_")[0] for setting in known}
    known |= {f"{secret}_FILE" for secret in SECRETS} | set(OTHER_SERVERS) | OF_OPENTELEMETRY
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`", (ROOT / name).read_text()))
    assert {one for one in named if one.split("_")[0] in heads} - known == set()
