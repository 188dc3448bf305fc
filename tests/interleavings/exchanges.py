"""The exchanges of one worker with Redis and PostgreSQL, at one of which a test lets something happen.

An exchange is a script that Redis runs, a statement, or the begin or end of a transaction. The service has no code for
this: the methods of its libraries are replaced while a test runs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import asyncpg
import pytest

from reservation.booking.jobs.schedule import run_job
from reservation.db.pool import Database
from reservation.errors import HoldsUnavailable
from reservation.holds import scripts
from reservation.holds.runners import Runner
from reservation.holds.script_runner import Call, ScriptRunner
from reservation.http.app_keys import BOOKING_CONTEXT, DATABASE
from reservation.seatmap.map_recovery import MapRecovery
from tests.api import Api
from tests.faults.proxy import Proxy

SCRIPTS = {each.sha: name.lower() for name, each in vars(scripts).items() if isinstance(each, scripts.Script)}
BACKGROUND = {run_job.__qualname__, MapRecovery._run_forever.__qualname__}
SESSIONS = "PostgreSQL accounts/find_sessions"  # a cache has them, unless the subscription of the worker has just begun
Ending = Literal["goes on", "is lost", "is killed"]
When = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Stop:
    """What happens before or after one of the exchanges, counted from 0, and how the request ends there or goes on."""

    number: int
    when: When
    happen: Callable[[], Awaitable[None]]
    ending: Ending


class Exchanges:
    """What the worker of `api` exchanges; the connections of other workers have another `user` in PostgreSQL.

    If it reaches Redis by way of `proxy`, that is cut when the worker is killed.
    """

    def __init__(self, api: Api, user: str, proxy: Proxy | None = None) -> None:
        context = api.client.app[BOOKING_CONTEXT]
        self.user = user
        self._proxy = proxy
        self.runner: Runner = context.holds._scripts
        self._database: Database = api.client.app[DATABASE]
        self.names: list[str] = []
        self._stops: Sequence[Stop] = ()
        self._is_active = False
        self._happening = 0
        self.is_dead = False

    @contextmanager
    def of_request(self, stops: Sequence[Stop]) -> Iterator[None]:
        """Stop at these exchanges of the request that the block makes; without stops, only their names are noted."""
        self.names, self._stops, self._is_active = [], stops, True
        try:
            yield
        finally:
            self._is_active = False

    async def finished(self) -> None:
        """Wait for what happens at an exchange that goes on after the answer, such as a release after a batch."""
        while self._happening:
            await asyncio.sleep(0.005)

    def is_of(self, connection: "asyncpg.Connection[Any]") -> bool:
        """Whether a connection is this worker's."""
        parameters: Any = connection._params  # type: ignore[attr-defined]  # asyncpg tells it nowhere else
        return bool(parameters.user == self.user)

    async def exchange(self, name: str, run: Callable[[], Awaitable[Any]], lose: Callable[[], Exception]) -> Any:
        """One exchange: `run` makes it, and `lose` gives the error of one without an answer."""
        if self.is_dead:
            raise lose()
        if not self._is_active or name == SESSIONS or _is_in_background():
            return await run()
        number = len(self.names)
        self.names.append(name)
        stops = {stop.when: stop for stop in self._stops if stop.number == number}
        await self._pass(stops.get("before"), lose)
        answer = await run()
        await self._pass(stops.get("after"), lose)
        return answer

    async def _pass(self, stop: Stop | None, lose: Callable[[], Exception]) -> None:
        if stop is None:
            return
        if stop.ending == "is killed":
            self.is_dead = True
            # As the end of the process does: its jobs neither retry nor mark it as alive.
            self._database._pool.terminate()
            if self._proxy is not None:
                await self._proxy.cut()
        self._happening += 1
        try:
            await stop.happen()
        finally:
            self._happening -= 1
        if stop.ending != "goes on":
            raise lose()


def _is_in_background() -> bool:
    """Whether it is an exchange of a job of the worker, which meets requests by chance."""
    task = asyncio.current_task()
    return task is not None and getattr(task.get_coro(), "__qualname__", "") in BACKGROUND


@contextmanager
def watched(workers: list[Exchanges], patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the exchanges of these workers pass through them."""
    run_one, run_all = ScriptRunner.run_one, ScriptRunner.run
    execute, query = asyncpg.Connection._execute, asyncpg.Connection.execute  # type: ignore[attr-defined]

    async def run_one_watched(runner: ScriptRunner, call: Call) -> Any:
        return await _redis(workers, runner, [call], partial(run_one, runner, call))

    async def run_watched(runner: ScriptRunner, calls: Any) -> Any:
        return await _redis(workers, runner, calls, partial(run_all, runner, calls))

    async def execute_watched(connection: Any, statement: str, *args: Any, **options: Any) -> Any:
        run = partial(execute, connection, statement, *args, **options)
        return await _postgresql(workers, connection, _name_of(statement), run)

    async def query_watched(connection: Any, statement: str, *args: Any, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - asyncpg's
        run = partial(query, connection, statement, *args, timeout=timeout)
        if args or not statement.startswith(("BEGIN", "COMMIT")):
            return await run()
        return await _postgresql(workers, connection, statement.rstrip(";"), run)

    with patch.context() as replaced:
        replaced.setattr(ScriptRunner, "run_one", run_one_watched)
        replaced.setattr(ScriptRunner, "run", run_watched)
        replaced.setattr(asyncpg.Connection, "_execute", execute_watched)
        replaced.setattr(asyncpg.Connection, "execute", query_watched)
        yield


async def _redis(
    workers: list[Exchanges], runner: ScriptRunner, calls: Sequence[Call], run: Callable[[], Awaitable[Any]]
) -> Any:
    for worker in workers:
        if worker.runner is runner and calls:
            return await worker.exchange(f"Redis {SCRIPTS[calls[0].script.sha]}", run, HoldsUnavailable)
    return await run()


async def _postgresql(workers: list[Exchanges], connection: Any, name: str, run: Callable[[], Awaitable[Any]]) -> Any:
    def lose() -> Exception:
        connection.terminate()
        return asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    for worker in workers:
        if worker.is_of(connection):
            return await worker.exchange(f"PostgreSQL {name}", run, lose)
    return await run()


def _name_of(statement: str) -> str:
    """A statement's file, which stands in its first comment."""
    return statement.partition("/* ")[2].split(maxsplit=1)[0] if "/* " in statement else statement[:20]
