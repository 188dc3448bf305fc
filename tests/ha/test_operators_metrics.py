"""What /metrics must have for an operator, against a primary with a standby: each figure is there, and has a value."""

import asyncio
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from reservation.db import migrations as schema
from reservation.embedded import embedded_servers
from tests.api import Api
from tests.conftest import StartApi
from tests.faults.postgresql_pair import Pair, running_pair
from tests.figures import Figures, figures
from tests.live_feed import following

PATIENCE_S = 60
# Each with a figure that it must have after a hold, a sale, a viewer and a run of the background process.
ASKED = {
    "pool": "pool_max_connections pool_connections pool_connections_in_use pool_waiting pool_wait_seconds_count",
    "Redis": "redis_seconds_count redis_errors_total redis_pending_updates redis_oldest_pending_update_seconds",
    "batches": "batch_items_count batch_wait_seconds_count batch_waiting",
    "holds": "holds_placed_total holds_refused_total live_holds holds_expired_total",
    "sales": "confirmed_reservations_total confirmed_seats_total cancelled_reservations_total",
    "viewers": "live_viewers live_maps live_messages_sent_total",
    "outbox": "events_total outbox_waiting delivery_attempts_total",
    "replica lag": "replica_lag_seconds replica_in_use",
    "queue ages": "outbox_delay_seconds batch_oldest_seconds",
}
MOVED = (
    "pool_max_connections pool_wait_seconds_count redis_seconds_count batch_items_count batch_wait_seconds_count "
    "holds_placed_total confirmed_reservations_total confirmed_seats_total live_viewers events_total replica_in_use"
)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    data_dir = tmp_path / "pair"
    with embedded_servers(data_dir, fast=True):
        pass
    password = json.loads((data_dir / "secrets.json").read_text())["postgres_password"]
    with running_pair(data_dir, password) as servers:
        schema.apply(servers.first.url)
        yield servers


async def until(api: Api, happened: Callable[[Figures], bool]) -> Figures:
    async with asyncio.timeout(PATIENCE_S):
        while not happened(found := await figures(api)):
            await asyncio.sleep(0.05)
    return found


async def test_every_figure_that_operators_ask_for_has_a_value(start_api: StartApi, pair: Pair) -> None:
    first, second = urlsplit(pair.first.url), urlsplit(pair.second.url)
    hosts = f"@{first.hostname}:{first.port},{second.hostname}:{second.port}"
    both = pair.first.url.replace(f"@{first.hostname}:{first.port}", hosts)
    started = await start_api(DATABASE_URL=f"{both}&target_session_attrs=read-write", DATABASE_READ_URL=pair.second.url)
    api = Api(started.client, pair.first.url)
    cinema, ada = await api.cinema(), await api.sign_up()
    held = (await api.hold(ada, cinema.showtime_id, cinema.seat_ids[:2])).json["id"]
    await api.hold(ada, cinema.showtime_id, cinema.seat_ids[2:3])
    assert (await api.confirm(ada, held)).status == 200
    await api.work()
    async with following(api, cinema.showtime_id) as stream:
        assert await stream.next()
        found = await until(api, lambda now: now["reservation_replica_in_use"] == 1)
    wanted = [(subject, name) for subject, names in ASKED.items() for name in names.split()]
    assert [(subject, name) for subject, name in wanted if f"reservation_{name}" not in found] == []
    assert [name for name in MOVED.split() if not found[f"reservation_{name}"] > 0] == []

    pair.second.run("select pg_wal_replay_pause()")
    pair.first.run("create table later ()")
    assert math.isfinite(found["reservation_replica_lag_seconds"])
    await until(api, lambda now: now["reservation_replica_lag_seconds"] > found["reservation_replica_lag_seconds"] + 1)
    pair.second.run("select pg_wal_replay_resume()")

    await pair.switch_over()
    counted = 'reservation_postgresql_failovers_total{commits="no_loss_seen"}'
    await until(api, lambda now: now[counted] == 1)
