"""Every SQL file prepares, has a right header, and is used; every name of one that is cited exists."""

import ast
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest

from reservation.db.migrations import autovacuum
from reservation.dba import statement_headers as statements
from reservation.dba.statement_checks import against_database, check, missing, unused
from reservation.dba.statement_headers import HeaderError, Parameter, load, parse
from reservation.dba.statement_uses import Use, uses

Db: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "reservation"
NAMES = statements.names()
USES = uses()
RIGHT = """/* a/b
What it does. And why.
On a second line.
Plan: index scan on t_pkey,
and a sort.
Needs: the extension x.
$1 bigint[] ids: which
ones
$2 double precision share: how much
Sample: select '{}'::bigint[],
1.0::double precision
*/
select /* a/b */ 1;
"""
# Statements in Python, as (module, how the text begins), and why they are not in files.
ALLOWED = {
    ("dba/explain", "select "): "wraps a file's sample, whose number of columns varies",
    ("dba/explain", "prepare explained as "): "PREPARE takes no parameters; what follows is a file",
    ("dba/explain", "set local plan_cache_mode = force_"): "part of EXPLAIN's transaction",
    ("dba/explain", "explain ("): "EXPLAIN takes no parameters",
    ("dba/explain", "deallocate explained"): "undoes PREPARE",
    ("db/sql_overrides", "deallocate "): "leaves no prepared statement in a session that a pooler shares",
    (
        "db/migrations/__init__",
        "select migration_id from _yoyo_migration",
    ): "runs before the schema is known, by psycopg",
    ("db/migrations/__init__", "select to_regclass('_yoyo_migration') is not null"): "as above",
    ("db/migrations/__init__", "select has_schema_privilege(current_schema(), 'create'), current_user"): "as above",
    ("db/migrations/__init__", "select pg_try_advisory_lock(%s)"): "as above",
    ("db/migrations/autovacuum", autovacuum.VACUUMED): "as above",
    ("db/migrations/autovacuum", autovacuum.WAIT): "as above",
    ("db/migrations/autovacuum", "lock table "): "LOCK takes no parameters",
    ("embedded/postgresql", "select 1 from pg_database where datname = %s"): "runs before the database exists",
    ("embedded/postgresql", "create database "): "as above",
    ("embedded/postgresql", "create extension if not exists pg_stat_statements"): "no statement of the service",
}
CITING = ("reservation/**/*.py", "benchmarks/**/*.py", "docs/**/*.md", "*.md", "sql/**/*.sql", "sql/*.md", "sql/*.psql")
FOLDERS = "|".join(sorted({name.partition("/")[0] for name in NAMES}))
CITED = re.compile(rf"""(?<![\w/.-])(?:sql/)?((?:{FOLDERS})/[a-z_]{{2,}})(?:\.sql)?(?![\w./*-])|\bsql\("([^"{{]+)"\)""")
SQL = re.compile(
    r"""\s*(?:/\*.*?\*/\s*|--[^\n]*\n\s*)*(?:
        select\s | insert\s+into\s | update\s+\S+\s+(?:as\s+\w+\s+)?set\s | delete\s+from\s | merge\s+into\s
        | with\s+(?:recursive\s+)?\w+\s+(?:\([^)]*\)\s+)?as\b | values\s*\(
        | (?:create|alter|drop)\s+(?:or\s|unique\s|temp|table|index|database|role|user|extension|schema|view|function)
        | set\s+(?:local|session|constraints|role)\s | set\s+[\w.]+\s*(?:=|to\b) | reset\s+(?:all|role|\w+_\w+)\b
        | (?:un)?listen\s+["*\w] | notify\s+["\w] | explain\s*[(as] | prepare\s+\w+\s+(?:as|\() | execute\s+\w+
        | deallocate\s | discard\s | truncate\s | lock\s+table\s | copy\s+\S+\s+(?:from|to|\() | analyze\s+\w
        | vacuum\b | grant\s+\w+\s+(?:on|to)\b | revoke\s+\w+\s+(?:on|from)\b | do\s+\$ | call\s+\w+\s*\(
        | (?:begin|commit|savepoint\s\w+|show\s\w+)\s*;?\s*$ | rollback\s*(?:;|to\b)
    )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


@pytest.fixture
async def seeded(seeded_database_url: str) -> AsyncIterator[Db]:
    """The demo data and pg_stat_statements."""
    connection = await asyncpg.connect(seeded_database_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("name", NAMES)
async def test_a_statement_prepares_and_its_header_is_right(name: str, seeded: Db) -> None:
    assert [problem async for problem in against_database(seeded, load(name), USES)] == []


def test_every_file_is_used_and_every_name_has_a_file() -> None:
    assert not [*unused(NAMES, USES), *missing(NAMES, USES)]
    assert Use("db.repository.movies", "movies/find_movie", "Movie") in USES
    assert len([use for use in USES if use.kind is not None]) > 30


def test_every_statement_that_source_and_docs_cite_exists() -> None:
    texts = {path: path.read_text() for pattern in CITING for path in ROOT.glob(pattern)}
    cited = {(str(path.relative_to(ROOT)), name) for path in texts for name in cited_in(texts[path])}
    assert len(cited) > 200
    assert {(path, name) for path, name in cited if name not in NAMES} == set()


def test_a_citation_is_recognised() -> None:
    text = 'sql("booking/claim_seats") `movies/find`, sql/movies/find_film.sql; /movies/seven tests/movies/x movies/s'
    assert set(cited_in(text)) == {"booking/claim_seats", "movies/find", "movies/find_film"}


async def test_check_finds_nothing_wrong(seeded: Db) -> None:
    checked = await check(seeded)

    assert (checked.prepared, checked.without_extension, checked.problems) == (len(NAMES), (), ())


async def test_check_skips_a_statement_whose_extension_is_missing(shared_db: Db) -> None:
    checked = await check(shared_db)

    assert [statement.name for statement in checked.without_extension] == ["statistics/top"]
    assert (checked.prepared, checked.problems) == (len(NAMES) - 1, ())


def cited_in(text: str) -> Iterator[str]:
    """The names of statements in a text: in a folder of sql/, or as the argument of sql()."""
    return (in_folder or argument for in_folder, argument in CITED.findall(text))


def texts(source: str) -> Iterator[str]:
    """Every string of a module but docstrings; of an f-string, its literal parts."""
    tree = ast.parse(source)
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = (node.body[0] for node in ast.walk(tree) if isinstance(node, holders) and node.body)
    docstrings = {statement.value for statement in first if isinstance(statement, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.value


def test_there_is_no_sql_in_python_but_what_is_allowed() -> None:
    found = {
        (path.relative_to(PACKAGE).with_suffix("").as_posix(), text)
        for path in PACKAGE.rglob("*.py")
        for text in texts(path.read_text())
        if SQL.match(text)
    }
    assert found == ALLOWED.keys()


@pytest.mark.parametrize(
    "text",
    [
        "select 1", "SELECT id FROM users", "\n  insert into a values (1)", "update a as b set c = 1", "delete from a",
        "with a as (select 1) select 2", "with recursive a (b) as (", "/* why */ -- and\n select a", "create table a (",
        "create unique index a on b", "alter role a", "drop index concurrently a", "set local a = 1", "set a.b to 1",
        "reset all", "listen a", "unlisten *", "notify a", "explain (analyze) select", "prepare a as select 1",
        "execute a", "truncate a", "lock table a", "copy a (b) from stdin", "analyze users", "vacuum", "begin",
        "commit;", "rollback;", "savepoint a", "show timezone", "do $$ begin", "grant select on a to b", "values (1)",
    ],
)  # fmt: skip
def test_sql_in_a_string_is_recognised(text: str) -> None:
    assert SQL.match(next(texts(f"x = {text!r}")))


def test_a_header_is_parsed() -> None:
    statement = parse("a/b", RIGHT)

    assert statement.purpose == "What it does. And why. On a second line."
    assert statement.summary == "What it does."
    assert statement.plan == "index scan on t_pkey, and a sort."
    assert statement.needs == "x"
    assert statement.parameters == (
        Parameter(1, "bigint[]", "ids", "which ones"),
        Parameter(2, "double precision", "share", "how much"),
    )
    assert [parameter.internal_type for parameter in statement.parameters] == ["int8[]", "float8"]
    assert statement.sample == "select '{}'::bigint[], 1.0::double precision"
    assert statement.is_planned
    assert not load("seed/analyze").is_planned


@pytest.mark.parametrize(
    ("what", "by", "why"),
    [
        ("/* a/b", "/* a/c", "does not begin with"),
        ("\n*/", "", "first word"),
        ("select /* a/b */", "select", "first word"),
        ("select /* a/b */", "select /* a/c */", "first word"),
        ("What it does. And why.\nOn a second line.\n", "", "the purpose is missing"),
        ("Plan: ", "", "there is no `Plan: `"),
        ("Plan: ", "Plan: one\nPlan: ", "there are two lines for Plan"),
        ("$2", "$3", "not numbered"),
        ("$2", "$1", "there are two lines for $1"),
        ("share: how much", "share", "is not `$1 type name: meaning`"),
        ("Sample: ", "", "it has parameters and no `Sample: `"),
        (
            "$1 bigint[] ids: which\nones\n$2 double precision share: how much\n",
            "",
            "it has a `Sample: ` and no parameters",
        ),
        ("1;", "1", "semicolon"),
    ],
)
def test_a_wrong_header_is_refused_by_name(what: str, by: str, why: str) -> None:
    assert what in RIGHT
    with pytest.raises(HeaderError, match=f"^a/b: .*{re.escape(why)}"):
        parse("a/b", RIGHT.replace(what, by, 1))


@pytest.mark.parametrize(
    ("what", "by", "why"),
    [
        ("$1 bigint", "$1 integer", "its parameters are int8, and the header says int4"),
        ("$1 bigint movie_id: the film\nSample: select min(id) from movies\n", "", "the header says none"),
        ("from movies\nwhere", "from films\nwhere", 'refuses it: relation "films" does not exist'),
        ("select min(id) from movies", "select '1'", "int8, and its sample has text"),
        ("select min(id) from movies", "select 1::bigint, 2", "its sample has int8, int4"),
        ("select min(id) from movies", "selec 1", "refuses its sample: syntax error"),
        ("    title,\n", "", "no column is the field title in db.repository.movies.Movie"),
        ("    title,\n", "    title as name,\n", "the column name is not a field in db.repository.movies.Movie"),
        ("    title,\n", "    7 as title,\n", "the column title is int4, which is not the"),
    ],
)
async def test_a_difference_from_the_database_is_a_problem(what: str, by: str, why: str, shared_db: Db) -> None:
    right = load("movies/find_movie")
    assert what in right.text
    text = right.text.replace(what, by)
    wrong = parse(right.name, text)

    problems = [problem async for problem in against_database(shared_db, wrong, USES)]

    assert any(problem.startswith("movies/find_movie: ") and why in problem for problem in problems), problems


def test_an_unused_file_and_a_name_without_a_file_are_problems() -> None:
    assert list(unused(["a/b", "a/c"], [Use("m", "a/b", None)])) == ["a/c: no module uses this file"]
    assert list(missing(["a/b"], [Use("m", "a/d", None)])) == ["a/d: m names it, but there is no such file"]
