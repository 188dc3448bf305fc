"""Schemathesis tests the service by its document, with all checks: signed out, as a customer and as an administrator.

The suite has a short run with a fixed seed; `make fuzz` runs all phases for each of them, for a time to choose.
"""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from tests.api import Api, Person, slot
from tests.conftest import StartApi

pytestmark = pytest.mark.long

EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
SEED = os.environ.get("FUZZ_SEED")
SHORT = "3"
ALL = "examples,coverage,fuzzing,stateful"
ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")
PATIENCE_S = 7200

# An administrator who gives up the role would see nothing but 403 from then on.
STAYS = """
create function stays() returns trigger language plpgsql as $$ begin new.role = 'admin'; return new; end $$;
create trigger stays before update on users for each row when (old.id = {user_id}) execute function stays();
"""
# One who ends all login sessions would see nothing but 401.
SIGNED_IN = """
create function goes_on() returns trigger language plpgsql as $$ begin new.revoked_at = null; return new; end $$;
create trigger goes_on before update on login_sessions for each row when (old.user_id = {user_id})
execute function goes_on();
"""


async def furnish(api: Api) -> None:
    """Something to read, to sell and to remove."""
    for number in range(1, 4):
        cinema = await api.cinema()
        for day in range(2, 4):
            await api.showtime(cinema.movie_id, cinema.auditorium_id, **slot(24 * day + number))


async def nobody(api: Api) -> Person | None:
    return None


async def customer(api: Api) -> Person | None:
    person = await api.sign_up()
    await prepare(api, SIGNED_IN.format(user_id=person.id))
    return person


async def administrator(api: Api) -> Person | None:
    person = await api.admin()
    await prepare(api, STAYS.format(user_id=person.id) + SIGNED_IN.format(user_id=person.id))
    return person


async def prepare(api: Api, script: str) -> None:
    """Run a script of SQL."""
    connection = await asyncpg.connect(api.database_url)
    await connection.execute(script)
    await connection.close()


async def schemathesis(url: str, who: Person | None, phases: str, seed: str, folder: Path) -> tuple[int | None, str]:
    """Exit status and output of a run."""
    program = str(Path(sys.executable).with_name("st"))
    command = [program, "--config-file", str(CONFIG), "run", url, "--phases", phases]
    command += ["--seed", SEED or seed, "--max-examples", EXAMPLES or SHORT]
    if who is not None:
        command += ["--header", f"Authorization: Bearer {who.access_token}"]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, out.decode()


@pytest.mark.parametrize(
    ("caller", "phases", "seed", "fewest"),
    [
        (nobody, "examples,fuzzing", "1", 150),
        (customer, "fuzzing,stateful", "3", 150),  # with 3 examples not every seed follows a link
        (administrator, ALL, "1", 2000),
    ],
)
async def test_responses_conform_to_the_document(
    start_api: StartApi,
    caller: Callable[[Api], Awaitable[Person | None]],
    phases: str,
    seed: str,
    fewest: int,
    tmp_path: Path,
) -> None:
    api = await start_api(ACCESS_TOKEN_EXPIRE_MINUTES="600")
    await furnish(api)
    who = await caller(api)
    url = str(api.client.make_url("/openapi.json"))
    status, out = await schemathesis(url, who, ALL if EXAMPLES else phases, seed, tmp_path)
    print(out)
    assert status == 0, out
    [cases] = re.findall(r"(\d+) generated", out)
    assert int(cases) >= fewest
    if who is not None:
        [links] = re.findall(r"API Links: +(\d+) covered", out)
        assert int(links) > 0
