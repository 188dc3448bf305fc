"""More requests than the service can answer: lists are refused at once, while holds and confirms go on."""

import asyncio

import pytest

from tests.api import Api, Connection, Person
from tests.conftest import StartApi
from tests.faults.test_batches import until, waiting_for_locks
from tests.faults.test_outages import held

LISTS = 120
CONFIRMS = 40
ON = {"STATEMENT_TIMEOUT_SECONDS": "60"}
FREE_CONNECTIONS = 7  # of the pool of 10, of which the batches keep three


async def test_confirms_succeed_during_a_flood_of_lists(start_api: StartApi, db: Connection) -> None:
    """The lists wait for a lock, each with a connection; the confirms come from customers that this worker has never seen."""
    first, worker = await start_api(), await start_api(**ON)
    cinema = await first.cinema(rows=4, seats_per_row=10)
    customers = [await first.sign_up() for _ in range(4)]
    holds = [(who, await held(first, who, cinema, [seat])) for who, seat in zip(customers * 10, cinema.seat_ids)]
    assert len(await worker.statuses(cinema.showtime_id)) == CONFIRMS
    async with db.transaction():
        await db.execute("lock table showtime_availability in access exclusive mode")
        flood = [asyncio.create_task(worker.call("GET", "/showtimes")) for _ in range(LISTS)]
        await until(lambda: _has_lists_waiting(db))

        confirmed = await asyncio.gather(*(worker.confirm(who, each) for who, each in holds))

        assert {answer.status for answer in confirmed} == {200}
    answers = await asyncio.gather(*flood)
    print({(a.status, a.code) for a in answers})


async def _has_lists_waiting(db: Connection) -> bool:
    return len(await waiting_for_locks(db)) >= 2
