"""Which replica may serve a read, by positions in the WAL; PostgreSQL itself is in tests/ha/test_read_replicas.py."""

import math
from dataclasses import replace
from time import monotonic

import asyncpg
import pytest
import structlog

from reservation.db import metrics
from reservation.db.pool import Database
from reservation.db.replicas import MAX_MARKS, Replica, Replicas
from reservation.db.replicas.primary_positions import PrimaryPositions
from reservation.db.repository.wal_positions import START, WalPosition
from reservation.errors import DatabaseUnavailable, Overloaded

LAG_S = 5.0
AT = WalPosition("7", 1, 1000)


def at(wal_bytes: int, timeline: int = 1) -> WalPosition:
    return replace(AT, wal_bytes=wal_bytes, timeline=timeline)


@pytest.fixture
async def replicas(database_url: str) -> Replicas:
    """Two replicas; nothing is sent to their servers."""
    pool = asyncpg.create_pool(database_url, min_size=0)
    database = Database(pool, wait_s=1.0, in_metrics=False)
    made = [Replica(name, database, database) for name in ("a:1", "b:1")]
    return Replicas(PrimaryPositions(database), made, max_lag_s=LAG_S, log=structlog.stdlib.get_logger("test"))


async def test_no_replica_is_chosen_before_the_primary_was_asked(replicas: Replicas) -> None:
    replicas.note_replica(replicas.replicas[0], AT)
    assert replicas.choose(START) is None


async def test_replicas_that_have_all_are_used_in_turn(replicas: Replicas) -> None:
    replicas.note_primary(AT, monotonic())
    for replica in replicas.replicas:
        replicas.note_replica(replica, AT)
    chosen = [replicas.choose(AT) for _ in range(4)]
    assert {chosen[0], chosen[1]} == set(replicas.replicas)
    assert chosen[:2] == chosen[2:]


async def test_a_replica_is_chosen_only_for_what_it_has_replayed(replicas: Replicas) -> None:
    replicas.note_primary(AT, monotonic())
    [first, second] = replicas.replicas
    replicas.note_replica(first, AT)
    replicas.note_replica(second, at(1100))
    assert replicas.choose(at(1000)) is not None
    assert {replicas.choose(at(1001)) for _ in range(4)} == {second}
    assert replicas.choose(at(1101)) is None


async def test_how_old_a_replica_is_counts_by_when_the_primary_was_where_it_is(replicas: Replicas) -> None:
    [replica, _] = replicas.replicas
    now = monotonic()
    replicas.note_primary(at(1000), now - LAG_S - 1)
    replicas.note_primary(at(2000), now)
    replicas.note_replica(replica, at(1999))
    assert replicas.choose(START) is None
    replicas.note_replica(replica, at(2000))
    assert replicas.choose(START) is replica
    assert metrics.REPLICA_LAG.values["a:1"] < LAG_S
    assert metrics.REPLICA_IN_USE.values["a:1"] == 1


async def test_a_primary_that_writes_nothing_makes_no_replica_old(replicas: Replicas) -> None:
    [replica, _] = replicas.replicas
    replicas.note_primary(AT, monotonic() - LAG_S - 1)
    replicas.note_primary(AT, monotonic())
    replicas.note_replica(replica, AT)
    assert replicas.choose(AT) is replica


async def test_a_position_of_before_the_oldest_mark_is_of_unknown_age(replicas: Replicas) -> None:
    [replica, _] = replicas.replicas
    for number in range(MAX_MARKS + 10):
        replicas.note_primary(at(1000 + number), monotonic())
    replicas.note_replica(replica, at(1005))
    assert replicas.choose(START) is None
    assert math.isnan(metrics.REPLICA_LAG.values["a:1"])


async def test_after_a_failover_a_replica_on_the_old_timeline_is_not_chosen(replicas: Replicas) -> None:
    """It may have replayed more than the new primary begins with: what was written there is not what it has."""
    [old, new] = replicas.replicas
    replicas.note_primary(AT, monotonic())
    replicas.note_replica(old, at(5000))
    replicas.note_primary(at(900, timeline=2), monotonic())
    replicas.note_replica(old, at(5000))
    replicas.note_replica(new, at(950, timeline=2))
    assert {replicas.choose(START) for _ in range(4)} == {new}
    assert replicas.choose(at(901, timeline=2)) is new


async def test_what_was_written_to_a_newer_timeline_is_in_no_replica_of_an_older_one(replicas: Replicas) -> None:
    replicas.note_primary(AT, monotonic())
    replicas.note_replica(replicas.replicas[0], at(5000))
    assert replicas.choose(at(1, timeline=2)) is None


async def test_what_was_written_before_a_failover_is_read_from_a_replica_of_the_new_timeline(
    replicas: Replicas,
) -> None:
    [replica, _] = replicas.replicas
    replicas.note_primary(at(2000, timeline=2), monotonic())
    replicas.note_replica(replica, at(2000, timeline=2))
    assert replicas.choose(at(1500, timeline=1)) is replica


async def test_a_standby_of_another_cluster_and_a_server_that_is_none_are_not_chosen(replicas: Replicas) -> None:
    [other, none] = replicas.replicas
    replicas.note_primary(AT, monotonic())
    replicas.note_replica(other, replace(AT, cluster="8"))
    replicas.note_replica(none, None)
    assert replicas.choose(START) is None


async def test_a_replica_whose_connection_fails_is_left_out_until_a_probe_succeeds(replicas: Replicas) -> None:
    [replica, _] = replicas.replicas
    replicas.note_primary(AT, monotonic())
    replicas.note_replica(replica, AT)
    error = DatabaseUnavailable()
    error.__cause__ = ConnectionResetError()
    replicas.note_failure(replica, error)
    assert replicas.choose(START) is None
    assert metrics.REPLICA_IN_USE.values["a:1"] == 0
    replicas.note_replica(replica, AT)
    assert replicas.choose(START) is replica


@pytest.mark.parametrize(
    "cause",
    [asyncpg.SerializationError(), asyncpg.QueryCanceledError(), asyncpg.UndefinedColumnError(), TimeoutError()],
    ids=lambda cause: type(cause).__name__,
)
async def test_a_statement_that_fails_leaves_no_replica_out(replicas: Replicas, cause: Exception) -> None:
    [replica, _] = replicas.replicas
    replicas.note_primary(AT, monotonic())
    replicas.note_replica(replica, AT)
    error = DatabaseUnavailable()
    error.__cause__ = cause
    replicas.note_failure(replica, error)
    assert replicas.choose(START) is replica


async def test_a_replica_whose_connections_are_all_in_use_is_not_left_out(replicas: Replicas) -> None:
    [replica, _] = replicas.replicas
    replicas.note_primary(AT, monotonic())
    replicas.note_replica(replica, AT)
    error = Overloaded()
    error.__cause__ = ConnectionResetError()
    replicas.note_failure(replica, error)
    assert replicas.choose(START) is replica


async def test_the_position_of_the_primary_is_after_what_was_committed_before(database_url: str) -> None:
    async with (
        asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool,
        asyncpg.create_pool(database_url, min_size=1, max_size=1) as writers,
    ):
        positions = PrimaryPositions(Database(pool, wait_s=5.0, in_metrics=False))
        before = await positions.now()
        await writers.execute("insert into cinemas (name, timezone) values ('New', 'UTC')")
        after = await positions.now()
        assert (after.cluster, after.timeline) == (before.cluster, before.timeline)
        assert after.wal_bytes > before.wal_bytes
