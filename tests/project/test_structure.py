"""Rules of the source that no linter keeps; import-linter keeps the layers (pyproject.toml)."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "reservation"
MODULES = sorted(path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_only_one_module_reads_the_environment(module: str) -> None:
    source = (PACKAGE / f"{module}.py").read_text()
    assert module == "settings/environment" or "os.environ.get" not in source
    assert "getenv" not in source


@pytest.mark.parametrize("module", MODULES)
def test_functions_and_modules_are_short(module: str) -> None:
    source = (PACKAGE / f"{module}.py").read_text()
    assert source.count("\n") <= 300
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{module}: {node.name}"
