"""More requests than the service can answer: some are refused at once, and the more important ones go on."""

import asyncio
import json
from contextlib import AsyncExitStack
from math import inf
from typing import Any, cast

import pytest

from reservation.http.app_keys import LOAD_SHEDDING
from reservation.http.cors import EXPOSED
from reservation.runtime.lanes import Lane
from reservation.runtime.load_shedding import FLOOR, LoadShedding
from tests.api import Api, Connection
from tests.conftest import StartApi
from tests.faults.test_batches import until
from tests.faults.test_outages import assert_sound, held
from tests.figures import figures, growth
from tests.http.test_connections import check_problem
from tests.http.test_responses import Read, connected
from tests.payments.stripe_account import settings_for
from tests.ports import free_port

LISTS, CONFIRMS, HOLDS = 60, 40, 90  # the tests' client has 100 connections
WITHOUT_BODY = 5
FRIEND = "https://cinema.example"
ANSWERED = "reservation_http_requests_total{"
LIST_CONNECTIONS = 5  # of the pool of 10: the batches keep three, and lists leave two
NOT_HURRIED = {"QUEUE_DELAY_MS": "10000", "STATEMENT_TIMEOUT_SECONDS": "60"}  # however slow the machine is
REFUSING = {"QUEUE_DELAY_MS": "100", "STATEMENT_TIMEOUT_SECONDS": "60"}
CHANGING = {"date", "x-request-id", "server-timing"}


def load_shedding_of(api: Api) -> LoadShedding:
    return cast("LoadShedding", cast("Any", api.client.app)[LOAD_SHEDDING])


def close_gate(api: Api, lane: Lane) -> None:
    """Refuse every request of a lane."""
    load_shedding_of(api).gates[lane].limit.value = 0.0


def in_progress(api: Api, lane: Lane) -> int:
    return load_shedding_of(api).gates[lane].in_progress


async def lists_wait(db: Connection) -> bool:
    """Whether each connection that lists may have waits for a lock; jobs may wait for it as well."""
    await db.execute("select pg_stat_clear_snapshot()")  # else a transaction sees those of its first look
    return bool(
        await db.fetchval(
            "select count(*) = $1 from pg_stat_activity where datname = current_database()"
            " and wait_event_type = 'Lock' and query ~ '(showtimes/list|availability/find)'",
            LIST_CONNECTIONS,
        )
    )


@pytest.fixture
async def refusing(start_api: StartApi) -> Api:
    """A service that refuses requests under load."""
    return await start_api(**REFUSING)


async def test_confirms_succeed_during_a_flood_of_lists(start_api: StartApi, db: Connection, redis_url: str) -> None:
    """The lists wait for a lock, each with a connection. The worker has to look up the customers of the confirms."""
    other, worker = await start_api(), await start_api(**NOT_HURRIED, POOL_WAIT_SECONDS="3")
    cinema = await other.cinema(rows=4, seats_per_row=10)
    customers = [await other.sign_up() for _ in range(4)]
    holds = [
        (who, await held(other, who, cinema, [seat])) for who, seat in zip(customers * 10, cinema.seat_ids, strict=True)
    ]
    await worker.statuses(cinema.showtime_id)
    async with db.transaction():
        await db.execute("lock table showtime_availability in access exclusive mode")
        flood = [asyncio.create_task(worker.call("GET", "/showtimes")) for _ in range(LISTS)]
        await until(lambda: in_progress(worker, Lane.LIST) == LISTS)
        await until(lambda: lists_wait(db))

        confirmed = await asyncio.gather(*(worker.confirm(who, each) for who, each in holds))

        assert {answer.status for answer in confirmed} == {200}
        assert await lists_wait(db)  # the others of the flood wait for a connection, or were refused
        await until(lambda: in_progress(worker, Lane.LIST) == LIST_CONNECTIONS)
    answers = await asyncio.gather(*flood)
    refused = [answer for answer in answers if answer.status != 200]
    assert len(refused) == LISTS - LIST_CONNECTIONS
    assert {(answer.status, answer.code) for answer in refused} == {(503, "overloaded")}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    await assert_sound(db, redis_url)


async def test_holds_beyond_those_that_wait_for_a_slow_database_are_refused_and_maps_go_on(
    refusing: Api, db: Connection
) -> None:
    api = refusing
    cinema, customer = await api.cinema(rows=10, seats_per_row=10), await api.sign_up()
    before = await figures(api)
    await api.statuses(cinema.showtime_id)
    async with db.transaction():
        await db.execute("lock table reservations in share mode")  # it can be read
        waiting = [
            asyncio.create_task(api.hold(customer, cinema.showtime_id, [seat])) for seat in cinema.seat_ids[:HOLDS]
        ]
        gate = load_shedding_of(api).gates[Lane.HOLD]
        await until(lambda: gate.limit.value == FLOOR and not gate.is_open())

        refused = await api.hold(customer, cinema.showtime_id, cinema.seat_ids[HOLDS:][:1])

        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "overloaded", "1")
        assert (await api.call("GET", f"/showtimes/{cinema.showtime_id}/seats")).status == 200
        assert gate.in_progress >= FLOOR
        shown = await figures(api)
        assert shown['reservation_requests_in_progress{lane="hold"}'] == gate.in_progress
        assert shown['reservation_shortest_delay_seconds{queue="event_loop"}'] >= 0
    outcomes = {(answer.status, answer.code) for answer in await asyncio.gather(*waiting)}
    assert (201, None) in outcomes
    # Holds that PostgreSQL had, and for which no connection was free afterwards, are not said to be undone.
    assert outcomes <= {(201, None), (503, "overloaded"), (503, "database_unavailable")}
    assert (await growth(api, before))['reservation_requests_refused_total{lane="hold"}'] >= 1
    await until(lambda: not load_shedding_of(api).is_watching)
    assert load_shedding_of(api).gates[Lane.HOLD].is_open()


def lasting(answer: Read) -> tuple[int, dict[str, str], dict[str, Any]]:
    """What two refusals have in common."""
    body = json.loads(answer.body)
    del body["request_id"]
    return answer.status, {name: value for name, value in answer.headers.items() if name not in CHANGING}, body


async def test_a_request_is_refused_at_its_arrival_as_it_is_later(refusing: Api) -> None:
    """The first refusal is the middleware's; once there was one, requests are refused before a task serves them."""
    close_gate(refusing, Lane.LIST)
    async with connected(refusing.client.server) as wire:
        served = load_shedding_of(refusing).gates[Lane.MAP]
        first = await wire.ask("GET", "/showtimes?limit=5")
        load_shedding_of(refusing).is_tight = True
        second = await wire.ask("GET", "/showtimes?limit=5")
        check_problem(first, 503, "overloaded")
        check_problem(second, 503, "overloaded")
        assert lasting(first) == lasting(second)
        assert second.headers["retry-after"] == "3"
        assert "connection" not in second.headers
        assert (await wire.ask("GET", "/showtimes/1")).status == 404  # another lane, on the same connection
        assert served.refused == 0


async def test_a_refusal_has_the_request_id_that_the_client_gave(refusing: Api) -> None:
    close_gate(refusing, Lane.LIST)
    load_shedding_of(refusing).is_tight = True
    async with connected(refusing.client.server) as wire:
        answer = await wire.ask("GET", "/movies", "X-Request-ID: mine-1")
        assert check_problem(answer, 503, "overloaded")["request_id"] == "mine-1"


async def test_a_body_is_read_before_the_next_request_of_a_connection(refusing: Api) -> None:
    """Whether it comes with the head or later, and whatever it looks like."""
    close_gate(refusing, Lane.HOLD)
    body = b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n"
    async with connected(refusing.client.server) as wire:
        for comes_later in (False, True):
            load_shedding_of(refusing).is_tight = True
            wire.send("POST", "/showtimes/1/holds", f"Content-Length: {len(body)}")
            if comes_later:
                await asyncio.sleep(0)
            wire.writer.write(body)
            assert (await wire.read()).status == 503
            assert (await wire.ask("GET", "/ready")).status == 200


def being_served(api: Api) -> int:
    """How many requests have a task that serves them, whether their bodies have come or not."""
    handlers = cast("Any", api.client.server).runner.server.connections
    return sum(handler._current_request is not None for handler in handlers)


@pytest.mark.parametrize(
    ("path", "media_type", "lane"),
    [
        ("/payments/stripe/webhook", "application/json", Lane.CONFIRM),
        ("/auth/login", "application/json", Lane.ACCOUNT),
        ("/sign-in", "application/x-www-form-urlencoded", None),
    ],
)
async def test_a_request_whose_body_has_not_come_counts_in_no_lane(
    start_api: StartApi, path: str, media_type: str, lane: Lane | None
) -> None:
    """And when it has come, the request is refused if its gate is closed then."""
    stripe = settings_for("http://127.0.0.1:9", public_url="http://localhost:8000")
    api = await start_api(**NOT_HURRIED, **stripe)
    shedding = load_shedding_of(api)
    async with AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(connected(api.client.server)) for _ in range(WITHOUT_BODY)]
        for wire in wires:
            wire.send("POST", path, f"Content-Type: {media_type}", "Content-Length: 2")
        await until(lambda: being_served(api) == WITHOUT_BODY)
        await until(lambda: shedding.in_progress == 0)
        wires[0].writer.write(b"{}")
        assert (await wires[0].read()).status < 500
        for each in Lane if lane is None else [lane]:
            close_gate(api, each)
        wires[1].writer.write(b"{}")
        assert (await wires[1].read()).status == 503
        wires[2].writer.transport.abort()
        await until(lambda: being_served(api) == WITHOUT_BODY - 3)
    await until(lambda: not being_served(api))
    assert shedding.in_progress == 0
    assert all(gate.in_progress == 0 for gate in shedding.gates.values())


async def test_the_time_of_a_stream_is_noted_when_it_begins_and_not_when_it_ends(refusing: Api) -> None:
    """Viewers who leave would otherwise hide that a store is slow, and those who come would seem to get no answer."""
    cinema, gate = await refusing.cinema(), load_shedding_of(refusing).gates[Lane.MAP]
    gate.limit.shortest_s = inf
    async with refusing.client.get(f"/showtimes/{cinema.showtime_id}/events") as stream:
        await stream.content.readline()
        await until(lambda: gate.limit.shortest_s < inf)
        assert gate.in_progress == 0
        gate.limit.shortest_s = inf
    await until(lambda: not being_served(refusing))
    assert gate.limit.shortest_s == inf


async def test_a_payment_counts_in_no_lane_while_it_waits_for_stripe(start_api: StartApi) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await answer.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port := free_port()):
        stripe = settings_for(f"http://127.0.0.1:{port}", public_url="http://localhost:8000")
        api = await start_api(**NOT_HURRIED, **stripe)
        cinema, customer = await api.cinema(), await api.sign_up()
        hold = await held(api, customer, cinema, cinema.seat_ids[:1])
        paying = asyncio.create_task(api.call("POST", f"/reservations/{hold}/pay", who=customer))
        await until(asked.is_set)
        assert load_shedding_of(api).in_progress == 0
        close_gate(api, Lane.CONFIRM)  # it was taken, so it is not refused after that
        answer.set()
        assert (await paying).code == "payment_provider_unavailable"
    await until(lambda: load_shedding_of(api).in_progress == 0)
    assert in_progress(api, Lane.CONFIRM) == 0


async def test_only_answers_for_which_the_stores_were_asked_tell_how_fast_they_are(refusing: Api) -> None:
    """Cheap refusals would hide a store that does not answer from the limit of the lane."""
    api = refusing
    cinema, customer = await api.cinema(), await api.sign_up()
    taken = cinema.seat_ids[:1]
    await held(api, customer, cinema, taken)
    holds, seats = f"/showtimes/{cinema.showtime_id}/holds", f"/showtimes/{cinema.showtime_id}/seats"
    etag = (await api.call("GET", seats)).headers["ETag"]
    gates = load_shedding_of(api).gates
    limits = {lane: gates[lane].limit for lane in (Lane.HOLD, Lane.MAP)}
    for limit in limits.values():
        limit.shortest_s = inf
    assert (await api.call("POST", holds, {"seat_ids": taken})).status == 401
    assert (await api.call("POST", holds, {"seat_ids": "all"}, who=customer)).status == 422
    assert (await api.call("GET", seats + "?since=now")).status == 422
    assert (await api.call("GET", "/showtimes/0/seats")).status == 404
    assert {lane for lane, limit in limits.items() if limit.shortest_s < inf} == set()
    assert (await api.call("POST", holds, {"seat_ids": taken}, who=await api.sign_up())).status == 409
    assert limits[Lane.HOLD].shortest_s < inf
    assert (await api.call("GET", seats, headers={"If-None-Match": etag})).status == 304
    assert limits[Lane.MAP].shortest_s < inf
    limits[Lane.MAP].shortest_s = inf
    assert (await api.call("GET", seats)).status == 200
    assert limits[Lane.MAP].shortest_s < inf


async def test_pipelined_requests_are_answered_in_their_order(refusing: Api) -> None:
    close_gate(refusing, Lane.LIST)
    load_shedding_of(refusing).is_tight = True
    async with connected(refusing.client.server) as wire:
        wire.writer.write(
            b"".join(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode() for path in ("/movies", "/health"))
        )
        assert [(await wire.read()).status for _ in range(2)] == [503, 200]


async def test_more_pipelined_requests_than_the_parser_reads_at_once_are_answered(refusing: Api) -> None:
    """aiohttp parses 32 and leaves the rest of the packet to the time when they are answered."""
    close_gate(refusing, Lane.LIST)
    load_shedding_of(refusing).is_tight = True
    many = 100
    async with connected(refusing.client.server) as wire:
        wire.writer.write(b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n" * many)
        assert [(await wire.read()).status for _ in range(many)] == [200] * many


async def test_a_malformed_request_is_400_while_others_are_refused(refusing: Api) -> None:
    close_gate(refusing, Lane.LIST)
    load_shedding_of(refusing).is_tight = True
    async with connected(refusing.client.server) as wire:
        wire.writer.write(b"BREW / HTTP/1.1\r\nHost: test\r\n\r\n")
        check_problem(await wire.read(), 400, "malformed_request")


async def test_probes_and_metrics_are_never_refused(refusing: Api) -> None:
    for lane in Lane:
        close_gate(refusing, lane)
    for path in ("/health", "/ready", "/metrics", "/config", "/openapi.json"):
        assert (await refusing.call("GET", path)).status == 200
    assert (await refusing.call("GET", "/movies")).status == 503


async def test_a_page_is_refused_as_a_page_that_tries_again(refusing: Api) -> None:
    close_gate(refusing, Lane.LIST)
    async with refusing.client.get("/", headers={"Accept": "text/html"}) as answer:
        assert (answer.status, answer.content_type) == (503, "text/html")
        assert answer.headers["Retry-After"] == "3"
        assert 'http-equiv="refresh"' in await answer.text()


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (FRIEND, FRIEND, FRIEND),
        (FRIEND, "https://other.example", None),
        (FRIEND, None, None),
        ("*", "https://other.example", "https://other.example"),
    ],
)
async def test_a_page_of_another_origin_can_read_a_refusal(
    start_api: StartApi, origins: str, origin: str | None, allowed: str | None
) -> None:
    """Of the middleware, and at the request's arrival."""
    api = await start_api(**REFUSING, CORS_ORIGINS=origins)
    close_gate(api, Lane.LIST)
    headers = [] if origin is None else [f"Origin: {origin}"]
    before = await figures(api)
    async with connected(api.client.server) as wire:
        load_shedding_of(api).is_tight = False
        first = await wire.ask("GET", "/movies", *headers)
        load_shedding_of(api).is_tight = True
        second = await wire.ask("GET", "/movies", *headers)
    assert lasting(first) == lasting(second)
    assert second.status == 503
    assert second.headers["vary"] == "Origin"
    assert second.headers.get("access-control-allow-origin") == allowed
    assert second.headers.get("access-control-expose-headers") == (EXPOSED if allowed else None)
    grown = await growth(api, before)
    assert sum(grown[name] for name in grown if name.startswith(ANSWERED) and '"503"' in name) == 1  # the middleware's


async def test_nothing_is_refused_without_a_delay(start_api: StartApi) -> None:
    api = await start_api(QUEUE_DELAY_MS="0")
    assert cast("Any", api.client.app)[LOAD_SHEDDING] is None
    assert (await api.call("GET", "/movies")).status == 200
