"""The modules that use each statement, found in the package's source, so that no list has to be kept."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..db.statements import sql_dir

PACKAGE = Path(__file__).parents[1]
TAKES_A_NAME = frozenset({"sql", "one", "maybe", "every", "delete_unused"})
MAPS_ROWS = frozenset({"one", "maybe", "every"})  # of db/repository/rows.py

_NAME = re.compile(r"[a-z_]+/[a-z_]+")


@dataclass(frozen=True, slots=True)
class Use:
    """A module, such as `db.repository.movies`, that names a statement; `kind` is the dataclass of its rows."""

    module: str
    name: str
    kind: str | None


def uses() -> list[Use]:
    """Every use of a statement in the package, each once, ordered by module."""
    folders = {path.name for path in sql_dir().iterdir() if path.is_dir()}
    found: dict[Use, None] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
        source = path.read_text(encoding="utf-8")
        if _NAME.search(source):
            found.update((use, None) for use in _uses_in(module, ast.parse(source), folders))
    return list(found)


def _uses_in(module: str, tree: ast.Module, folders: set[str]) -> Iterator[Use]:
    mapped: dict[ast.expr, str] = {}
    asked_for: set[ast.expr] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TAKES_A_NAME:
            asked_for.update(node.args)
            match node.args:
                case [_, ast.Name(id=kind), ast.Constant() as name, *_] if node.func.id in MAPS_ROWS:
                    mapped[name] = kind
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value)):
            continue
        # A text that begins with a folder of sql/ is a name anywhere; any other only as an argument for a name.
        if node in asked_for or node.value.split("/")[0] in folders:
            yield Use(module, node.value, mapped.get(node))
