"""Data flows one way: http -> booking -> {repository, holds}; each library has its places."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "reservation"
MODULES = sorted(
    path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"
)

# Who may import a library of consequence; a folder stands for all in it.
LIBRARIES = {
    "aiohttp": {"http", "app", "resources"},
    "limits": {"attempts"},
    "redis": {
        "attempts",
        "holds",
        "script_pipeline",
        "notices",
        "map_notices",
        "subscription",
        "held_keys",
        "orphans",
        "retiring",
        "audit",
        "resources",
        "cli",
        "load/closing",
    },
    "yoyo": {"schema"},
    "prometheus_client": {"http"},
    "jwt": {"tokens"},
    "argon2": {"passwords"},
    "hdrh": {"load"},
}
# What a layer may import of the others; what is not listed is free.
LAYERS = {
    "repository": {"repository", "database", "errors", "queries"},
    "batching": {"errors", "timing"},
    "hold_scripts": set(),
    "script_pipeline": {"batching", "errors", "hold_scripts", "timing"},
    "holds": {"batching", "errors", "hold_scripts", "script_pipeline"},
    "best_seats": set(),
    "layouts": {"batching", "best_seats", "database", "errors", "repository"},
    "occupancy": {"database", "errors", "holds", "layouts", "repository"},
    "followed_map": {"layouts", "occupancy"},
    "followers": {"errors", "followed_map"},
    "map_notices": {"holds"},
    "subscription": {"task_ends"},
    "task_ends": set(),
    "live": {"database", "errors", "followed_map", "followers", "holds", "layouts", "occupancy", "task_ends"},
    "settling": {"errors", "holds"},
    "archive": {"database", "repository"},
    "retiring": {"database", "repository"},
    "idempotency": {"database", "errors", "holds", "repository"},
    "booking_batches": {"batching", "database", "errors", "holds", "repository", "settling"},
    "access_log": {"timing"},
    "notices": {"subscription"},
    "key_format": set(),
    "key_turns": {"errors"},
    "key_holders": {"batching", "database", "errors", "key_format", "repository"},
    "api_keys": {"database", "errors", "key_format", "key_holders", "key_turns", "notices", "repository", "versions"},
    "sessions": {"batching", "database", "errors", "repository", "tokens"},
    "database": {"errors", "timing"},
    "errors": set(),
    "settings": set(),
    "queries": set(),
    "statements": {"queries"},
    "statement_uses": {"queries"},
    "statement_checks": {"statement_uses", "statements"},
    "explain": {"resources", "settings", "statements"},
    "psql": set(),
    "tuning": {"database", "queries", "resources", "settings"},
    "reloads": {"http", "queries", "serving", "settings", "tuning"},
    "sql_reload": {"serving", "settings"},
    "migration_files": {"queries"},
    "pgbouncer": {"database", "repository"},
    "schema": {"migration_files"},
    "catalogue": {"queries", "schema"},
    "diagram": {"diagram_layout", "queries", "schema"},
    "diagram_layout": set(),
    "versions": set(),
    "timing": set(),
    "tokens": {"errors"},
    "passwords": {"errors"},
    "booking": {"booking_batches", "database", "errors", "holds", "idempotency", "layouts", "repository", "settling"},
    "programme": {"booking", "database", "errors", "repository", "versions"},
    "attempts": {"errors"},
    "accounts": {"attempts", "database", "errors", "notices", "passwords", "tokens", "repository", "versions"},
    "best_available": {"batching", "best_seats", "booking", "errors", "holds", "layouts", "repository"},
    "programme_batches": {"booking", "database", "errors", "programme", "repository"},
    "csv_rows": set(),
    # Files are checked by the schemas of the API, which are the one definition of what may be said.
    "imports": {"csv_rows", "database", "errors", "http", "repository"},
    "outputs": set(),
    "timetables": set(),
    "showtime_changes": {"csv_rows", "database", "errors", "imports", "programme", "repository", "timetables"},
    "showtime_imports": {
        "csv_rows",
        "database",
        "errors",
        "http",
        "imports",
        "programme",
        "programme_batches",
        "repository",
        "showtime_changes",
    },
    "exports": {"csv_rows", "database", "repository"},
    # A client of the service, which it meets by HTTP; what it does behind the service's back is named here.
    "load": {"load", "audit", "errors", "holds", "progress", "queries", "resources", "seeding", "settings", "tokens"},
}


def imports(module: str) -> Iterator[str]:
    """Absolute names of everything a module imports, `reservation.` left out."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    folders = module.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("reservation.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = folders[: len(folders) - node.level + 1] if node.level else []
            start = [*base, *(node.module or "").removeprefix("reservation").strip(".").split(".")]
            name = ".".join(part for part in start if part)
            yield from ([f"{name}.{alias.name}" for alias in node.names] if name else [a.name for a in node.names])


def within(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(f"{place}/") for place in places)


@pytest.mark.parametrize("module", MODULES)
def test_libraries_have_their_places(module: str) -> None:
    for name in imports(module):
        places = LIBRARIES.get(name.split(".")[0])
        assert places is None or within(module, places), f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_layers_import_only_what_lies_below(module: str) -> None:
    allowed = LAYERS.get(module.split("/", maxsplit=1)[0])
    known = {path.stem for path in PACKAGE.iterdir()}
    for name in imports(module):
        layer = name.split(".")[0]
        assert allowed is None or layer not in known or layer in allowed, f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_the_service_does_not_know_the_load_kit(module: str) -> None:
    known = any(name.split(".")[0] == "load" for name in imports(module))
    assert not known or module == "cli" or within(module, {"load"})


def test_the_structure_test_sees_relative_imports() -> None:
    assert "repository.movies" in set(imports("http/admin_movies"))
    assert "errors.InUse" in set(imports("http/admin_movies"))


@pytest.mark.parametrize("module", MODULES)
def test_only_settings_reads_the_environment(module: str) -> None:
    source = (PACKAGE / f"{module}.py").read_text()
    assert module == "settings" or "os.environ.get" not in source
    assert "getenv" not in source


@pytest.mark.parametrize("module", MODULES)
def test_functions_and_modules_are_short(module: str) -> None:
    source = (PACKAGE / f"{module}.py").read_text()
    assert source.count("\n") <= 300
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{module}: {node.name}"
