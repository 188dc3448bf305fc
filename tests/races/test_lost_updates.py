"""Concurrent writers with the same If-Match: one of them writes, and the others get 412."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.administered import BOTH, KINDS, REMOVABLE, REPLACEABLE, Thing, is_gone, read, remove, replace
from tests.api import Answer, Api, Connection
from tests.conftest import StartApi

PATIENCE_S = 60.0
WRITERS = 6
ROUNDS = 5


@pytest.fixture
async def instances(start_api: StartApi) -> list[Api]:
    """Two of the service on the same stores, with the same administrator."""
    one, other = await start_api(), await start_api()
    other.admins.append(await one.admin())
    return [one, other]


@asynccontextmanager
async def locked(database_url: str, thing: Thing, *, waiting: int) -> AsyncIterator[None]:
    """Hold the thing's lock until so many writers, begun inside the block, wait for it or for one another."""
    holder, onlooker = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    try:
        async with holder.transaction():
            await holder.execute(f"select from {thing.table} where id = $1 for update", thing.id)
            yield
            await _waiting(onlooker, waiting)
    finally:
        await holder.close()
        await onlooker.close()


@pytest.mark.parametrize("kind", REPLACEABLE)
async def test_of_racing_conditional_puts_one_succeeds(instances: list[Api], database_url: str, kind: str) -> None:
    thing = await KINDS[kind](instances[0])
    async with locked(database_url, thing, waiting=WRITERS):
        writers = [
            asyncio.create_task(replace(instances[number % 2], thing, number // 2 % 2, If_Match=thing.etag))
            for number in range(WRITERS)
        ]
    answers = await asyncio.gather(*writers)
    assert Counter(answer.status for answer in answers) == {200: 1, 412: WRITERS - 1}
    [won] = [answer for answer in answers if answer.status == 200]
    assert {answer.code for answer in answers if answer is not won} == {"precondition_failed"}
    for api in instances:
        found = await read(api, thing)
        assert (found.json, found.headers["ETag"]) == (won.json, won.headers["ETag"])


@pytest.mark.parametrize("kind", BOTH)
async def test_of_racing_conditional_puts_and_deletes_one_succeeds(
    instances: list[Api], database_url: str, kind: str
) -> None:
    thing = await KINDS[kind](instances[0])
    async with locked(database_url, thing, waiting=WRITERS):
        writers = []
        for number in range(WRITERS):
            write = replace if number < WRITERS / 2 else remove
            writers.append(asyncio.create_task(write(instances[number % 2], thing, If_Match=thing.etag)))
    statuses = Counter(answer.status for answer in await asyncio.gather(*writers))
    now = (await read(instances[0], thing)).status
    assert statuses == ({200: 1, 412: WRITERS - 1} if now == 200 else {204: 1, 404: WRITERS - 1})


@pytest.mark.parametrize("kind", REMOVABLE)
async def test_of_racing_conditional_deletes_one_succeeds(instances: list[Api], database_url: str, kind: str) -> None:
    thing = await KINDS[kind](instances[0])
    async with locked(database_url, thing, waiting=WRITERS):
        writers = [
            asyncio.create_task(remove(instances[number % 2], thing, If_Match=thing.etag)) for number in range(WRITERS)
        ]
    statuses = Counter(answer.status for answer in await asyncio.gather(*writers))
    told = 412 if kind == "API key" else 404  # a revoked key is still there
    assert statuses == {204: 1, told: WRITERS - 1}
    assert await is_gone(instances[0], thing)


@pytest.mark.parametrize(("kind", "field"), [("movie", "duration_minutes"), ("auditorium", "capacity")])
async def test_no_increment_is_lost(instances: list[Api], kind: str, field: str) -> None:
    thing = await KINDS[kind](instances[0])
    before = (await read(instances[0], thing)).json[field]

    async def increment(api: Api) -> Answer:
        while True:
            seen = await read(api, thing)
            body = thing.bodies[0] | {field: seen.json[field] + 1}
            headers = {"If-Match": seen.headers["ETag"]}
            answer = await api.call("PUT", thing.put_path, body, who=await api.admin(), headers=headers)
            if answer.status != 412:
                return answer

    async def several(api: Api) -> list[int]:
        return [(await increment(api)).status for _ in range(ROUNDS)]

    async with asyncio.timeout(PATIENCE_S):
        counted = await asyncio.gather(*(several(instances[number % 2]) for number in range(WRITERS)))
    assert counted == [[200] * ROUNDS] * WRITERS
    assert (await read(instances[0], thing)).json[field] == before + WRITERS * ROUNDS


async def _waiting(db: Connection, count: int) -> None:
    waiting = (
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and application_name = 'reservation' and wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(PATIENCE_S):
        while await db.fetchval(waiting) != count:
            await db.execute("select pg_stat_clear_snapshot()")  # else a transaction sees those of its first look
            await asyncio.sleep(0.005)
