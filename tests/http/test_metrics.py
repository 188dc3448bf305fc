"""Each metric is documented, keeps Prometheus's conventions, and moves when what it counts happens."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import asyncpg
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from reservation.booking.archive import archive
from reservation.booking.jobs.availability import count_changed
from reservation.booking.jobs.expire import expire_past_holds
from reservation.booking.jobs.figures import measure
from reservation.booking.jobs.schedule import Job, run_job
from reservation.db.pool import Database
from reservation.errors import DatabaseUnavailable, HoldsUnavailable, Overloaded
from reservation.holds.release_calls import HoldRelease
from reservation.http.app_keys import BOOKING_CONTEXT, DATABASE
from reservation.runtime.batching import Batcher
from reservation.runtime.cancellation import cancel_and_wait
from reservation.runtime.metrics import Counter, CounterBy, HistogramBy, Metric
from tests.api import PASSWORD, Api, Connection
from tests.conftest import StartApi
from tests.faults.proxy import Proxy
from tests.figures import Figures, figures, growth
from tests.live_feed import following

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/operator/metrics.md"
PATIENCE_S = 60
REASONS = {"seats_held": 1, "seats_booked": 1, "invalid": 1, "limit_reached": 0}
# The tests of these are where what they count is tested.
ELSEWHERE = {
    "reservation_connections_refused_total": "tests/http/test_connection_limits.py",
    "reservation_reads_total": "tests/ha/test_read_replicas.py",
    "reservation_replica_in_use": "tests/ha/test_read_replicas.py",
    "reservation_replica_lag_seconds": "tests/ha/test_read_replicas.py",
    "reservation_redis_stalls_total": "tests/faults/test_hung_redis.py",
    "reservation_payments_succeeded_total": "tests/payments/test_refunds.py",
    "reservation_refunds_succeeded_total": "tests/payments/test_refunds.py",
    "reservation_refunds_failed_total": "tests/payments/test_refunds.py",
    "reservation_events_total": "tests/outbox/test_deliveries.py",
    "reservation_delivery_attempts_total": "tests/outbox/test_deliveries.py",
    "reservation_delivery_attempt_seconds": "tests/outbox/test_deliveries.py",
    "reservation_outbox_waiting": "tests/outbox/test_deliveries.py",
    "reservation_outbox_delay_seconds": "tests/outbox/test_deliveries.py",
    "reservation_requests_refused_total": "tests/faults/test_overload.py",
    "reservation_requests_in_progress": "tests/faults/test_overload.py",
    "reservation_shortest_delay_seconds": "tests/faults/test_overload.py",
    "reservation_waiting_room_places_total": "tests/waiting/test_streams.py",
    "reservation_waiting_room_admissions_total": "tests/waiting/test_streams.py",
    "reservation_waiting_room_followers": "tests/waiting/test_streams.py",
    "reservation_waiting_room_refused_holds_total": "tests/waiting/test_streams.py",
    "reservation_holds_undone_total": "tests/faults/test_hold_promises.py",
    "reservation_orphaned_seats_released_total": "tests/faults/test_orphan_job.py",
    "reservation_live_events_skipped_total": "tests/seatmap/test_live_feed.py",
    "reservation_live_viewers_dropped_total": "tests/seatmap/test_live_feed.py",
    "reservation_trace_spans_total": "tests/tracing/test_work_spans.py",
    "reservation_postgresql_failovers_total": "tests/ha/test_operators_metrics.py",
}


def exported_name(metric: Metric) -> str:
    return f"{metric.name}_total" if isinstance(metric, Counter | CounterBy) else metric.name


def kind_of(metric: Metric) -> str:
    if isinstance(metric, Counter | CounterBy):
        return "counter"
    return "histogram" if isinstance(metric, HistogramBy) else "gauge"


def rows() -> dict[str, tuple[str, str]]:
    """The documented metrics: kind and labels by name."""
    found = re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", PAGE.read_text(), re.MULTILINE)
    return {name: (kind, labels.replace("`", "").strip()) for name, kind, labels in found}


async def until(api: Api, happened: Callable[[Figures], bool]) -> Figures:
    """The values as soon as they are so."""
    async with asyncio.timeout(PATIENCE_S):
        while not happened(found := await figures(api)):
            await asyncio.sleep(0.02)
    return found


def database_of(api: Api) -> Database:
    return cast("Any", api.client.app)[DATABASE]  # type: ignore[no-any-return]


def booking_of(api: Api) -> Any:
    return cast("Any", api.client.app)[BOOKING_CONTEXT]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def test_every_metric_is_documented_with_its_kind_and_labels_and_no_other_is() -> None:
    assert rows() == {exported_name(each): (kind_of(each), ", ".join(each.labels)) for each in Metric.defined}


def test_every_metric_is_seen_to_move_in_a_test() -> None:
    here = Path(__file__).read_text()
    for metric in Metric.defined:
        name = exported_name(metric)
        tests = (ROOT / ELSEWHERE[name]).read_text() if name in ELSEWHERE else here
        assert re.search(rf"\b{name}(_count)?\b", tests), name


async def test_every_metric_is_exported_as_what_it_is(api: Api) -> None:
    families = {
        each.name: each.type
        for each in text_string_to_metric_families((await api.call("GET", "/metrics")).text)
        if each.name.startswith("reservation_")
    }
    assert families == {each.name: kind_of(each) for each in Metric.defined}


async def test_metrics_keep_the_rules_of_promtool(api: Api) -> None:
    """Those of `promtool check metrics`: help, base units, suffixes by kind, no kind in the name."""
    units = "milliseconds|microseconds|minutes|hours|days|kilobytes|megabytes|percent|kib|mib"
    for family in text_string_to_metric_families((await api.call("GET", "/metrics")).text):
        if not family.name.startswith("reservation_"):
            continue  # process_* and python_* are the client library's
        words = family.name.split("_")
        assert family.documentation, family.name
        assert re.fullmatch("[a-z][a-z0-9_]*", family.name)
        assert not re.search(rf"_({units})(_|$)", family.name)
        assert not {"counter", "gauge", "histogram", "summary"} & {*words}
        assert words[-1] not in ("total", "count", "sum", "bucket")
        assert (words[-1] == "info") <= ({sample.value for sample in family.samples} == {1.0})
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample.name
            labels = {*sample.labels} - ({"le"} if family.type == "histogram" else set())
            assert not labels & {"le", "quantile", "instance", "job"}
            assert all(re.fullmatch("[a-z][a-z_]*", label) for label in labels)


async def test_problems_are_counted_by_route_and_code(api: Api) -> None:
    before = await figures(api)
    await api.call("GET", "/movies/98765")
    moved = await growth(api, before)
    route = 'method="GET",route="/movies/{movie_id}"'
    assert moved[f'reservation_http_problems_total{{code="not_found",{route}}}'] == 1
    assert moved[f'reservation_http_requests_total{{{route},status="404"}}'] == 1
    assert moved[f"reservation_http_request_seconds_count{{{route}}}"] == 1


async def test_holds_are_counted_by_what_becomes_of_them(api: Api, db: Connection) -> None:
    cinema, ada, bob = await api.cinema(), await api.sign_up(), await api.sign_up()
    showtime, seats = cinema.showtime_id, cinema.seat_ids
    before = await figures(api)
    held = (await api.hold(ada, showtime, seats[:2])).json["id"]
    await db.execute("update reservations set expires_at = expires_at - interval '1 minute' where id = $1", held)
    assert (await api.extend(ada, held)).status == 200
    assert (await api.hold(bob, showtime, seats[1:3])).code == "seats_unavailable"
    assert (await api.confirm(ada, held)).status == 200
    assert (await api.hold(bob, showtime, seats[1:3])).code == "seats_unavailable"
    assert (await api.hold(bob, showtime, [10**9])).code == "validation_error"
    wish = {"quantity": 11}
    assert (await api.call("POST", f"/showtimes/{showtime}/holds", wish, who=bob)).status == 422  # not a hold at all
    released = (await api.hold(bob, showtime, seats[2:3])).json["id"]
    await api.cancel(bob, released)
    await api.cancel(bob, released)
    moved = await growth(api, before)
    assert moved["reservation_holds_placed_total"] == 2
    assert moved["reservation_holds_refused_total"] == 3
    assert moved["reservation_holds_extended_total"] == moved["reservation_holds_released_total"] == 1
    assert {reason: moved[f'reservation_holds_refused_total{{reason="{reason}"}}'] for reason in REASONS} == REASONS


async def test_sales_are_counted_once_each(api: Api, db: Connection) -> None:
    cinema, ada, staff = await api.cinema(), await api.sign_up(), await api.staff()
    showtime, seats = cinema.showtime_id, cinema.seat_ids
    ids = [(await api.hold(ada, showtime, seats[2 * n : 2 * n + 2])).json["id"] for n in range(4)]
    await db.execute("update reservations set expires_at = created_at + interval '1 us' where id = $1", ids[0])
    before = await figures(api)
    for each in (*ids, ids[1]):
        assert (await api.confirm(ada, each)).status == 200
    await api.call("POST", f"/reservations/{ids[1]}/cancel", {"seat_ids": seats[2:3]}, who=ada)
    for _ in range(2):
        await api.cancel(ada, ids[1])
    await api.call("POST", f"/admin/reservations/{ids[2]}/cancel", {"reason": "A spill"}, who=staff)
    called_off = {"reason": "No power"}
    assert (
        await api.call("POST", f"/admin/showtimes/{showtime}/cancel", called_off, who=await api.admin())
    ).status == 200
    moved = await growth(api, before)
    assert moved["reservation_confirmed_reservations_total"] == 4
    assert moved["reservation_confirmed_seats_total"] == 8
    assert moved["reservation_late_confirms_total"] == 1
    by_whom = {"customer": (1, 2), "staff": (1, 2), "cinema": (2, 4)}
    assert by_whom == {
        by: (
            moved[f'reservation_cancelled_reservations_total{{cancelled_by="{by}"}}'],
            moved[f'reservation_cancelled_seats_total{{cancelled_by="{by}"}}'],
        )
        for by in by_whom
    }


async def test_expired_and_live_holds_and_the_archive_are_counted(api: Api, db: Connection, redis: Redis) -> None:
    cinema, ada = await api.cinema(), await api.sign_up()
    before = await figures(api)
    for number in range(3):
        await api.hold(ada, cinema.showtime_id, cinema.seat_ids[number : number + 1])
    await db.execute(
        "update reservations set expires_at = created_at + interval '1 us' where seat_ids[1] = $1", cinema.seat_ids[0]
    )
    await expire_past_holds(redis, database_of(api), age_s=0, margin_s=0)
    await count_changed(database_of(api), {cinema.showtime_id})
    await measure(database_of(api))
    moved = await growth(api, before)
    assert moved["reservation_holds_expired_total"] == 1
    assert (await figures(api))["reservation_live_holds"] == 2
    newest = max(int(path.name[:4]) for path in (ROOT / "migrations").glob("0*.sql"))
    assert (await figures(api))["reservation_schema_migration"] == newest


async def test_archived_reservations_are_as_many_as_postgresql_estimates(api: Api, db: Connection) -> None:
    cinema, ada = await api.cinema(), await api.sign_up()
    held = (await api.hold(ada, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    await api.confirm(ada, held)
    await db.execute(
        "update showtimes set starts_at = starts_at - interval '90 days', ends_at = ends_at - interval '90 days'"
    )
    await archive(database_of(api), before=datetime.now(UTC), advance=lambda _: None)
    await db.execute("analyze archived_reservations")
    await measure(database_of(api))
    assert (await figures(api))["reservation_archived_reservations"] == 1


async def test_the_pool_shows_its_connections_and_who_waits_for_one(start_api: StartApi) -> None:
    api = await start_api(POOL_SIZE="2", POOL_WAIT_SECONDS="60")
    database, before = database_of(api), await figures(api)
    assert before["reservation_pool_max_connections"] == 2
    async with database.connection(), database.connection():
        waiting = asyncio.create_task(hold_connection(database))
        full = await until(api, lambda found: found["reservation_pool_waiting"] >= 1)
        assert full["reservation_pool_connections_in_use"] == full["reservation_pool_connections"] == 2
    await waiting
    assert (await growth(api, before))["reservation_pool_wait_seconds_count"] >= 3


async def test_a_wait_for_a_connection_that_ends_without_one_is_counted(start_api: StartApi) -> None:
    api = await start_api(POOL_SIZE="2", POOL_WAIT_SECONDS="1")
    database, before = database_of(api), await figures(api)
    async with database.connection(), database.connection():
        with pytest.raises(Overloaded):
            await hold_connection(database)
    assert (await growth(api, before))["reservation_pool_timeouts_total"] >= 1


async def hold_connection(database: Database) -> None:
    async with database.connection():
        pass


async def test_statements_are_measured_by_name_and_errors_counted_by_class(api: Api) -> None:
    cinema, ada = await api.cinema(), await api.sign_up()
    before = await figures(api)
    await api.hold(ada, cinema.showtime_id, cinema.seat_ids[:1])
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with database_of(api).connection() as conn:
            await conn.execute("select 1 / 0")
    moved = await growth(api, before)
    assert moved['reservation_postgresql_statement_seconds_count{statement="reservations/insert_held"}'] == 1
    assert moved['reservation_postgresql_statement_seconds_count{statement="other"}'] >= 1
    assert moved['reservation_postgresql_errors_total{sqlstate_class="22"}'] == 1


async def test_batches_show_their_size_and_the_wait_for_them(api: Api) -> None:
    cinema, ada = await api.cinema(), await api.sign_up()
    before = await figures(api)
    held = (await api.hold(ada, cinema.showtime_id, cinema.seat_ids[:1])).json["id"]
    await api.confirm(ada, held)
    moved = await growth(api, before)
    for batch in ("holds", "confirms"):
        assert moved[f'reservation_batch_items_count{{batch="{batch}"}}'] == 1
        assert moved[f'reservation_batch_items_sum{{batch="{batch}"}}'] == 1
        assert moved[f'reservation_batch_wait_seconds_count{{batch="{batch}"}}'] == 1


async def test_requests_that_wait_for_a_batch_are_shown_with_the_age_of_the_first(api: Api) -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def run(items: Sequence[int]) -> Sequence[int]:
        begun.set()
        await end.wait()
        return items

    batcher = Batcher(run, max_batch=1, name="queue_in_a_test")
    submitted = [asyncio.create_task(batcher.submit(number)) for number in range(3)]
    await begun.wait()
    batch = '{batch="queue_in_a_test"}'
    full = await until(api, lambda found: found[f"reservation_batch_oldest_seconds{batch}"] > 0)
    assert full[f"reservation_batch_waiting{batch}"] == 2
    end.set()
    assert await asyncio.gather(*submitted) == [0, 1, 2]
    empty = await figures(api)
    assert empty[f"reservation_batch_waiting{batch}"] == empty[f"reservation_batch_oldest_seconds{batch}"] == 0


async def test_a_loss_of_redis_is_counted(api: Api, redis: Redis) -> None:
    cinema = await api.cinema()
    await api.statuses(cinema.showtime_id)
    before = await figures(api)
    await redis.flushall()
    losses = "reservation_redis_epoch_losses_total"
    await until(api, lambda now: now[losses] > before[losses])
    await redis.client_kill_filter(_type="normal", skipme=True)
    await api.statuses(cinema.showtime_id)
    moved = await growth(api, before)
    assert moved["reservation_redis_connections_opened_total"] >= 1
    assert moved["reservation_redis_seconds_count"] >= 1


async def test_errors_of_redis_are_counted_by_their_reason(
    start_api: StartApi, redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Proxy(redis_url) as proxy:
        api = await start_api(REDIS_URL=proxy.url)
        cinema = await api.cinema()
        await api.statuses(cinema.showtime_id)
        await redis.set(f"{{{cinema.showtime_id}}}:map", "another type")
        booking, before = booking_of(api), await figures(api)
        release = HoldRelease(cinema.showtime_id, uuid4(), cinema.seat_ids[:1])
        await booking.pending_updates.release([release])
        assert (await growth(api, before))['reservation_redis_errors_total{reason="refused"}'] >= 1
        oldest = "reservation_redis_oldest_pending_update_seconds"
        first = await until(api, lambda now: now[oldest] > 0)
        assert first["reservation_redis_pending_updates"] == 1
        await booking.pending_updates.retry()  # which Redis refuses again
        assert (await figures(api))[oldest] > first[oldest]
        await proxy.cut()
        for _ in range(2):  # the first may only notice that the connection has ended
            with pytest.raises(HoldsUnavailable):
                await booking.holds.state(cinema.showtime_id)
        monkeypatch.setattr("reservation.holds.pending_updates.MAX_PENDING", 1)
        await booking.pending_updates.release([release])
        moved = await growth(api, before)
        assert moved["reservation_redis_dropped_updates_total"] == 1
        assert moved['reservation_redis_errors_total{reason="connection"}'] >= 1
        assert moved["reservation_redis_connection_failures_total"] >= 1
        await api.client.close()


async def test_viewers_and_what_they_are_sent_are_counted(api: Api) -> None:
    cinema, ada = await api.cinema(), await api.sign_up()
    before = await figures(api)
    async with following(api, cinema.showtime_id) as stream:
        assert await stream.next()
        now = await figures(api)
        assert now["reservation_live_viewers"] == now["reservation_live_maps"] == 1
        await api.hold(ada, cinema.showtime_id, cinema.seat_ids[:1])
        assert await stream.next()
    await until(api, lambda found: found["reservation_live_viewers"] == 0)
    moved = await growth(api, before)
    assert moved["reservation_live_messages_sent_total"] >= 2
    assert moved["reservation_live_event_lag_seconds_count"] >= 1


async def test_logins_are_counted_by_their_outcome(start_api: StartApi, db: Connection) -> None:
    api = await start_api(LOGIN_FAILURES="1")
    ada, bob = await api.sign_up(), await api.sign_up()
    await db.execute("update users set disabled_at = now() where id = $1", bob.id)
    before = await figures(api)
    for email, password in ((ada.email, PASSWORD), (ada.email, "wrong"), (ada.email, PASSWORD), (bob.email, PASSWORD)):
        await api.call("POST", "/auth/login", {"email": email, "password": password})
    moved = await growth(api, before)
    outcomes = ("ok", "refused", "limited", "disabled")
    assert [moved[f'reservation_logins_total{{outcome="{outcome}"}}'] for outcome in outcomes] == [1] * 4
    assert moved['reservation_attempts_limited_total{policy="login"}'] == 1


async def test_mails_are_counted_by_what_becomes_of_them(start_api: StartApi, db: Connection) -> None:
    away = await start_api(SMTP_URL="smtp://127.0.0.1:1", MAIL_FROM="box@example.org")
    before = await figures(away)
    await away.sign_up()
    await away.work()
    await db.execute("update deliveries set next_attempt_at = now(), attempts = 9")
    await away.work()
    await (await start_api()).sign_up()
    await (await start_api()).work()
    found = await figures(away)
    for name in ("reservation_mails_sent_total", "reservation_mails_retried_total", "reservation_mails_given_up_total"):
        counted = f'{name}{{kind="verify_email"}}'
        assert found[counted] == before[counted] + 1


async def test_jobs_show_when_they_succeeded_how_long_they_took_and_how_often_they_failed(
    api: Api, redis: Redis
) -> None:
    failures, is_done = [DatabaseUnavailable()], asyncio.Event()

    async def work() -> None:
        if failures:
            raise failures.pop()
        is_done.set()

    before = await figures(api)
    task = asyncio.create_task(run_job(Job("a_job", 0, work), redis, structlog.stdlib.get_logger("tests")))
    await asyncio.wait_for(is_done.wait(), PATIENCE_S)
    now = await until(api, lambda found: bool(found['reservation_job_seconds_count{task="a_job"}']))
    await cancel_and_wait([task])
    assert now['reservation_job_last_success_timestamp_seconds{task="a_job"}'] > 1.7e9
    assert (await growth(api, before))['reservation_job_failures_total{task="a_job"}'] == 1


async def test_a_worker_shows_its_version_and_the_lag_of_its_event_loop(api: Api) -> None:
    before = await figures(api)
    assert before["reservation_workers"] == before["reservation_build_info"] == 1
    measured = "reservation_event_loop_lag_seconds_count"
    await until(api, lambda now: now[measured] > before[measured])


@pytest.mark.parametrize("path", ["deploy/prometheus/alerts.yml", "deploy/grafana/dashboard.json"])
def test_alerts_and_dashboard_name_existing_metrics_and_labels_only(path: str) -> None:
    text = (ROOT / path).read_text()
    named = {re.sub(r"(_bucket|_sum|_count)$", "", name) for name in re.findall(r"\breservation_\w+", text)}
    assert len(named) > 5
    assert named <= rows().keys()
    labels = {label for _, labels in rows().values() for label in labels.split(", ")} | {"le"}
    for names in re.findall(r"\bby \(([^)]*)\)", text):
        assert {*names.split(", ")} <= labels
