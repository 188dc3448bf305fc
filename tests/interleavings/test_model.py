r"""A Hypothesis state machine takes random steps on real stores and in the reference model, and compares the answers.

The steps are those of `test_interleavings.py`, at any time and in any order: two customers hold, extend, confirm,
cancel, read and look; time passes; Redis loses its data; and at an exchange of a request with a store something
happens. At the end of each run the history is checked as there.

A run that fails is printed by Hypothesis step by step, and as a text that takes the same steps again:

    STEPS="hold: A, 1, once | fault: 1, before, is lost, look | confirm: its customer, 0" \
        make interleavings ARGS="-k in_one_script_of_steps"

`make test` takes the same few runs each time; `make interleavings` takes many, other ones each time (EXAMPLES=...).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import product
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from hypothesis import HealthCheck, settings as hypothesis, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from reservation.app import make_app
from tests.api import Api, Connection
from tests.conftest import ServiceServer, make_settings
from tests.faults.test_hold_promises import OwnRedis
from tests.interleavings.reference_model import TERM
from tests.interleavings.steps import CUSTOMERS, HAPPENINGS, SEATS, THENS, WHENS, Steps
from tests.interleavings.stores import Stores

MANY = os.environ.get("INTERLEAVINGS") == "two"
EXAMPLES = int(os.environ.get("EXAMPLES", "1500" if MANY else "8"))
ONE_SCRIPT = os.environ.get("STEPS")
RUNS = hypothesis(
    max_examples=EXAMPLES,
    stateful_step_count=30 if MANY else 15,
    derandomize=not MANY,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=[*HealthCheck],
)

EXCHANGES = ("0", "1", "2", "3", "4")
REPEATED = ("once", "until answered")
seats = st.sampled_from([*SEATS])
callers = st.sampled_from(["its customer"] * 4 + ["the other"])
numbers = st.sampled_from([0, 0, 0, 1, 2])  # counted from the last hold
faults = st.just("") | st.sampled_from([", ".join(each) for each in product(EXCHANGES, WHENS, HAPPENINGS, THENS)])


class Play:
    """Runs the steps of one world after another in an event loop of the test's own."""

    def __init__(self, runner: asyncio.Runner, stores: Stores, db: Connection, patch: pytest.MonkeyPatch) -> None:
        self._runner, self._stores, self._db, self._patch = runner, stores, db, patch

    def begin(self) -> None:
        """Empty stores."""
        self._script: list[str] = []
        self._has_failed = False
        world = self._runner.run(self._stores.new_world())
        self._steps = Steps(self._stores, world, self._patch)

    def take(self, step: str, *arguments: object) -> None:
        """Take a step; an error says how to take all of them again."""
        texts = [str(argument) for argument in arguments]
        self._script.append(f"{step}: {', '.join(texts)}")
        with self._noted():
            self._runner.run(getattr(self._steps, step)(*texts))

    def end(self) -> None:
        """Check the history, unless a step has failed."""
        if not self._has_failed:
            with self._noted():
                assert self._runner.run(self._steps.finish(self._db)) == []

    def run(self, script: str) -> None:
        """All the steps of a script."""
        self.begin()
        for step in script.split(" | "):
            name, _, rest = step.partition(": ")
            self.take(name, *rest.split(", "))
        self.end()

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._has_failed = True
            script = " | ".join(self._script)
            error.add_note(f'STEPS="{script}" make interleavings ARGS="-k in_one_script_of_steps"')
            raise


class Customers(RuleBasedStateMachine):
    """Two customers, two seats, and all that may happen. What a rule draws does not depend on any answer."""

    play: ClassVar[Play]

    def __init__(self) -> None:
        super().__init__()
        self.play.begin()

    @initialize(seats=seats)
    def first_hold(self, seats: str) -> None:
        self.play.take("hold", "A", seats, "once")

    @rule(customer=st.sampled_from(CUSTOMERS), seats=seats, repeated=st.sampled_from(REPEATED), fault=faults)
    def hold(self, customer: str, seats: str, repeated: str, fault: str) -> None:
        self._request(fault, "hold", customer, seats, repeated)

    @rule(by=callers, which=numbers, fault=faults)
    def extend(self, by: str, which: int, fault: str) -> None:
        self._request(fault, "extend", by, which)

    @rule(by=callers, which=numbers, fault=faults)
    def confirm(self, by: str, which: int, fault: str) -> None:
        self._request(fault, "confirm", by, which)

    @rule(by=callers, which=numbers, fault=faults)
    def cancel(self, by: str, which: int, fault: str) -> None:
        self._request(fault, "cancel", by, which)

    @rule(by=callers, which=numbers)
    def read(self, by: str, which: int) -> None:
        self.play.take("read", by, which)

    @rule(customer=st.sampled_from(CUSTOMERS))
    def look(self, customer: str) -> None:
        self.play.take("look", customer)

    @rule(steps=st.integers(1, TERM))
    def pass_time(self, steps: int) -> None:
        self.play.take("pass_time", steps)

    @rule(how=st.sampled_from(["saved", "flushed", "restarted", "restored"]))
    def redis(self, how: str) -> None:
        self.play.take("redis", how)

    def _request(self, fault: str, step: str, *arguments: object) -> None:
        if fault:
            self.play.take("fault", *fault.split(", "))
        self.play.take(step, *arguments)

    def teardown(self) -> None:
        self.play.end()


def customers_of(stage: Play) -> type[Customers]:
    """The state machine on these stores; Hypothesis makes one for each run."""

    class CustomersOfStage(Customers):
        play = stage

    return CustomersOfStage


@asynccontextmanager
async def opened(database_url: str, redis_url: str, folder: Path) -> AsyncIterator[tuple[Stores, Connection]]:
    """The workers, their Redis and a connection to look behind them."""
    name = "worker_of_the_second"
    parts = urlsplit(database_url)
    other_url = urlunsplit(parts._replace(netloc=f"{name}:{name}@{parts.hostname}:{parts.port}"))
    async with AsyncExitStack() as open_:
        db = await asyncpg.connect(database_url)
        open_.push_async_callback(db.close)
        await db.execute(f"create role {name} superuser login password '{name}'")
        open_.push_async_callback(db.execute, f"drop role {name}")
        own = OwnRedis(folder)
        await own.proxy.open()
        open_.push_async_callback(own.aclose)

        async def start(**more: str) -> Api:
            app = make_app(make_settings(database_url, redis_url, folder, **more))
            client: TestClient[web.Request, web.Application] = TestClient(ServiceServer(app))
            open_.push_async_callback(client.close)
            await client.start_server()
            return Api(client, database_url)

        stores = Stores(start, db, other_url, own)
        await stores.open()
        yield stores, db


@pytest.fixture
def play(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    with asyncio.Runner() as runner:
        opening = opened(database_url, redis_url, tmp_path)
        stores, db = runner.run(opening.__aenter__())
        yield Play(runner, stores, db, monkeypatch)
        runner.run(opening.__aexit__(None, None, None))


@pytest.mark.skipif(ONE_SCRIPT is not None, reason="one script runs alone")
def test_every_answer_is_one_that_the_reference_model_allows(play: Play) -> None:
    run_state_machine_as_test(customers_of(play), settings=RUNS)


@pytest.mark.skipif(ONE_SCRIPT is None, reason="STEPS names no script")
def test_every_answer_is_allowed_in_one_script_of_steps(play: Play) -> None:
    play.run(ONE_SCRIPT or "")
